//! An agreement as AWS showed it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoredCharge, StoredMoney, Unreadable, from_value, parse, to_value};
use crate::domain::agreement::{Agreement, VariablePayments};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAgreement {
    id: String,
    accepted_at: DateTime<Utc>,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    acceptor: String,
    charges: Vec<StoredCharge>,
    /// Rows from before there were any have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variable: Option<StoredVariable>,
}

#[derive(Serialize, Deserialize)]
struct StoredVariable {
    term_id: String,
    cap: StoredMoney,
    approves_after: Option<String>,
}

impl StoredVariable {
    fn of(variable: &VariablePayments) -> Self {
        Self {
            term_id: variable.term_id.clone(),
            cap: StoredMoney::of(variable.cap),
            approves_after: variable.approves_after.map(|after| after.to_string()),
        }
    }

    fn read(&self) -> Result<VariablePayments, Unreadable> {
        let after = self.approves_after.as_deref();
        Ok(VariablePayments {
            term_id: self.term_id.clone(),
            cap: self.cap.read()?,
            approves_after: after
                .map(|after| parse(after, "time of silence"))
                .transpose()?,
        })
    }
}

impl StoredAgreement {
    pub(super) fn of(agreement: &Agreement) -> Self {
        Self {
            id: agreement.id.to_string(),
            accepted_at: agreement.accepted_at,
            starts_at: agreement.starts_at,
            ends_at: agreement.ends_at,
            acceptor: agreement.acceptor.to_string(),
            charges: StoredCharge::list(&agreement.charges),
            variable: agreement.variable.as_ref().map(StoredVariable::of),
        }
    }

    pub(super) fn read(&self) -> Result<Agreement, Unreadable> {
        Ok(Agreement {
            id: parse(&self.id, "agreement id")?,
            accepted_at: self.accepted_at,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            acceptor: parse(&self.acceptor, "acceptor")?,
            charges: StoredCharge::read(&self.charges)?,
            variable: self
                .variable
                .as_ref()
                .map(StoredVariable::read)
                .transpose()?,
        })
    }
}

pub(crate) fn agreement(agreement: &Agreement) -> Value {
    to_value(&StoredAgreement::of(agreement))
}

pub(crate) fn agreement_from(value: Value) -> Result<Agreement, Unreadable> {
    from_value::<StoredAgreement>(value)?.read()
}
