//! The shell: one transaction per command, one seller's turn per transaction.
//!
//! | file | what |
//! |---|---|
//! | [`agreement`] | accept, reconcile, resolve |
//! | [`authorization`] | what resellers may sell, and that they sold it |
//! | [`intake`] | rows of a feed's file, a chunk at a time |
//! | [`policy`] | the seller's policy |

pub(crate) mod agreement;
pub(crate) mod authorization;
pub(crate) mod intake;
pub(crate) mod policy;

use countersign_platform::{Failure, Rejection};

use crate::domain::agreement::Rejection as Refused;

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::OtherTerms => {
                Rejection::failed_precondition("AGREEMENT_HAS_OTHER_TERMS", message).into()
            }
            // Money that AWS will charge needs a person: the event is parked, not passed over.
            Refused::UnknownAgreement
            | Refused::NotByRequests
            | Refused::OtherCharge(_)
            | Refused::Terms(_) => Self::undecodable("what is told of an agreement", message),
            Refused::UnknownCase => Rejection::not_found("CASE_UNKNOWN", "case", "").into(),
            Refused::AlreadyResolved { by } => {
                Rejection::failed_precondition("CASE_ALREADY_RESOLVED", message)
                    .with("resolved_by", by)
                    .into()
            }
            Refused::NothingToResolve => {
                Rejection::failed_precondition("NOTHING_TO_RESOLVE", message).into()
            }
            Refused::Money(error) => Self::internal("adding up an agreement", error),
            Refused::Ledger(error) => Self::internal("balancing an agreement", error),
        }
    }
}
