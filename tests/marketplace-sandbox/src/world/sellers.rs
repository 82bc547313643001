//! A seller's standing with AWS: what must be in order before anything is offered (facts §1.3).

use serde::{Deserialize, Serialize};

use super::World;
use super::agreements::Denied;

/// How far AWS has come in checking who a seller is and where its money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Verification {
    Verified,
    /// "Know your customer" is not through.
    IdentityUnverified,
    /// The bank account is not confirmed.
    BankAccountUnverified,
}

impl Verification {
    /// What is still to be done; none when nothing is.
    pub(super) fn missing(self) -> Option<&'static str> {
        match self {
            Self::Verified => None,
            Self::IdentityUnverified => {
                Some("Complete the verification of your identity (know your customer).")
            }
            Self::BankAccountUnverified => Some("Complete the verification of your bank account."),
        }
    }
}

/// What AWS knows of one seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Standing {
    pub(crate) verification: Verification,
    /// The tax interview for professional services (DAC7).
    pub(crate) tax_information_complete: bool,
    /// Currencies for which there is a disbursement method.
    pub(crate) disbursement_currencies: Vec<String>,
}

impl World {
    /// The account's standing; as configured for all until it is changed for one.
    pub(crate) fn standing(&self, account: &str) -> &Standing {
        self.standings.get(account).unwrap_or(&self.facts.standing)
    }

    pub(crate) fn set_standing(&mut self, account: &str, standing: Standing) -> Result<(), Denied> {
        if !self.sellers.iter().any(|seller| seller == account) {
            let message = format!("Account {account} is not registered as a seller.");
            return Err(Denied::new("UNKNOWN_SELLER", message));
        }
        self.standings.insert(account.to_owned(), standing);
        Ok(())
    }
}
