//! A signature that an e-signature provider told of (A6).

use countersign_kernel::Digest;
use countersign_platform::{Failure, Rejection, UnitOfWork};
use uuid::Uuid;

use super::{Caller, Done, run, unknown_case};
use crate::domain::Command;
use crate::store::callbacks::{self, Claimed};
use crate::store::dossier;

/// A genuine callback: whoever sent it has the seller's secret.
#[derive(Debug, Clone)]
pub(crate) struct Callback {
    /// The id that its sender gave it: the same on every attempt.
    pub(crate) webhook_id: String,
    /// Of its body, byte for byte.
    pub(crate) body: Digest,
    /// Whose signature.
    pub(crate) case_id: Uuid,
    /// [`Command::RecordSignature`].
    pub(crate) command: Command,
}

/// Records the signature once for its id. A refusal takes the id not: what is in the way now (a copy
/// that is not uploaded yet, a signature that comes first) may not be on the next attempt.
pub(crate) async fn record(
    uow: &mut UnitOfWork,
    caller: &Caller,
    callback: Callback,
) -> Result<Done, Failure> {
    let Callback {
        webhook_id,
        body,
        case_id,
        command,
    } = callback;
    let engagement = dossier::engagement_of_case(uow.connection(), &caller.seller, case_id).await?;
    let engagement = engagement.ok_or_else(|| unknown_case(&case_id.to_string()))?;
    uow.concerns(&engagement);
    let change = caller.change(uow);
    match callbacks::claim(uow.connection(), &change, &webhook_id, case_id, body).await? {
        Claimed::New => run(uow, caller, &engagement, command).await,
        Claimed::Before => {
            let stored = dossier::lock(uow.connection(), &caller.seller, &engagement).await?;
            Ok(Done {
                dossier: stored.dossier,
                changed: false,
            })
        }
        Claimed::ForAnother => {
            let message = "this webhook id stands for another body";
            let reused = Rejection::invalid_argument("WEBHOOK_ID_REUSED", message);
            Err(reused.with("webhook_id", webhook_id).into())
        }
    }
}
