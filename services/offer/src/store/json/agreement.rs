//! An agreement as AWS showed it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoredCharge, Unreadable, from_value, parse, to_value};
use crate::domain::agreement::Agreement;

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAgreement {
    id: String,
    accepted_at: DateTime<Utc>,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    acceptor: String,
    charges: Vec<StoredCharge>,
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
        })
    }
}

pub(crate) fn agreement(agreement: &Agreement) -> Value {
    to_value(&StoredAgreement::of(agreement))
}

pub(crate) fn agreement_from(value: Value) -> Result<Agreement, Unreadable> {
    from_value::<StoredAgreement>(value)?.read()
}
