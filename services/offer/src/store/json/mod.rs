//! What the JSON columns hold, and nothing else knows. Names here are those of stored rows: they
//! stay as they are, or get a migration.

mod agreement;
mod change_order;
mod deal;
mod intake;
mod kind;
mod offer;
mod payment;

use countersign_kernel::{Currency, Money};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use agreement::{agreement, agreement_from};
pub(crate) use change_order::{progress, progress_from};
pub(crate) use deal::{deal, deal_from};
pub(crate) use intake::{intake, intake_from};
pub(crate) use offer::{
    basis, basis_from, document, document_from, errors, errors_from, stage, stage_from,
};
pub(crate) use payment::{payment_stage, payment_stage_from};

use crate::domain::deal::DatedAmount;

/// A row that cannot be a state: an inconsistency, never a guess.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The JSON has another shape.
    #[error("stored JSON cannot be read")]
    Shape(#[from] serde_json::Error),
    /// A value has no meaning.
    #[error("stored {field} {value:?} has no meaning")]
    Value { field: &'static str, value: String },
}

fn to_value(stored: &impl Serialize) -> Value {
    // Structs with text keys and no map that could fail.
    serde_json::to_value(stored).unwrap_or(Value::Null)
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Unreadable> {
    Ok(serde_json::from_value(value)?)
}

/// Reads a stored text as what it is.
pub(super) fn parse<T: std::str::FromStr>(
    text: &str,
    field: &'static str,
) -> Result<T, Unreadable> {
    text.parse().map_err(|_| Unreadable::Value {
        field,
        value: text.to_owned(),
    })
}

#[derive(Serialize, Deserialize)]
struct StoredMoney {
    currency: String,
    amount: String,
}

impl StoredMoney {
    fn of(money: Money) -> Self {
        Self {
            currency: money.currency().code().to_owned(),
            amount: money.amount_text(),
        }
    }

    fn read(&self) -> Result<Money, Unreadable> {
        let currency: Currency = parse(&self.currency, "currency")?;
        Money::parse(&self.amount, currency).map_err(|_| Unreadable::Value {
            field: "amount",
            value: self.amount.clone(),
        })
    }
}

pub(crate) fn money(money: Money) -> Value {
    to_value(&StoredMoney::of(money))
}

pub(crate) fn money_from(value: Value) -> Result<Money, Unreadable> {
    from_value::<StoredMoney>(value)?.read()
}

#[derive(Serialize, Deserialize)]
struct StoredCharge {
    date: chrono::NaiveDate,
    amount: StoredMoney,
}

impl StoredCharge {
    fn list(charges: &[DatedAmount]) -> Vec<Self> {
        charges
            .iter()
            .map(|charge| Self {
                date: charge.date,
                amount: StoredMoney::of(charge.amount),
            })
            .collect()
    }

    fn read(charges: &[Self]) -> Result<Vec<DatedAmount>, Unreadable> {
        charges
            .iter()
            .map(|charge| {
                Ok(DatedAmount {
                    date: charge.date,
                    amount: charge.amount.read()?,
                })
            })
            .collect()
    }
}
