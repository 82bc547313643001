//! What an e-signature provider tells, by a webhook that a gateway hands on unchanged (A6).
//!
//! This service has no HTTP door. A gateway has: it takes the provider's `POST`, copies body and the
//! three headers into `ReceiveSignatureCallback`, and answers the provider with 2xx or not by what the
//! call says; a webhook that was refused is sent again. The gateway needs a token with the role
//! `signature-gateway` and holds no secret: a gateway that was taken over makes no signature up.
//!
//! # Checked in this order, and refused with
//! | what | field: reason |
//! |---|---|
//! | at most [`MAX_BODY_BYTES`] | `body: BODY_TOO_LARGE` |
//! | the seller has secrets here | `CALLBACKS_NOT_SET_UP` |
//! | id and timestamp are such | `webhook_id: WEBHOOK_ID_INVALID`, `webhook_timestamp: WEBHOOK_TIMESTAMP_INVALID` |
//! | signed by one of the seller's secrets | `webhook_signature: WEBHOOK_SIGNATURE_INVALID` |
//! | five minutes from now at most | `webhook_timestamp: WEBHOOK_STALE` |
//! | JSON with a type | `body: BODY_INVALID` |
//! | of the type [`COMPLETED`] | not refused: `OUTCOME_IGNORED` |
//! | its data, every wrong field at once | `body.data.<field>: …` |
//! | the case is the seller's | `CASE_UNKNOWN` |
//! | the id stands for this body | `WEBHOOK_ID_REUSED` |
//! | what `RecordSignature` is held to | its reasons, such as `SIGNATURE_OUT_OF_ORDER` |
//!
//! # Threats
//! | who | could | what stops it | what is left |
//! |---|---|---|---|
//! | anybody | make up a signature | the seller's secret; compared in constant time | who has the secret may: change it when in doubt |
//! | who listened in | send it again | its id is taken: nothing changes; after five minutes it is not even looked at | none known |
//! | another tenant | use its own secret for a case of ours | secrets are by seller, and the seller is the token's | none known |
//! | anybody with the role | keep the parser busy | nothing is parsed that is not signed; sizes are bounded; calls a second are | one HMAC over 64 KiB a call and secret |

use chrono::{DateTime, Utc};
use countersign_kernel::webhook::{NotGenuine, Received};
use countersign_kernel::{Digest, SellerId};
use countersign_platform::{CallContext, Rejection, Violations};
use countersign_proto::approval::v1::receive_signature_callback_response::Outcome;
use countersign_proto::approval::v1::{
    Case, ReceiveSignatureCallbackRequest, ReceiveSignatureCallbackResponse,
};
use serde::Deserialize;
use uuid::Uuid;

use super::parse;
use crate::commands::Done;
use crate::commands::callback::Callback;
use crate::config::CallbackSecrets;
use crate::domain::Command;
use crate::domain::command::{SignedCopy, SigningParty};

/// The largest body: one that tells of a signature has some hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// The type of a callback that tells of a signature.
const COMPLETED: &str = "signature.completed";

/// What a genuine callback comes to.
#[derive(Debug)]
pub(super) enum Told {
    /// A signature, to be recorded.
    Signature(Box<Callback>),
    /// Something that is not recorded.
    Other,
}

/// What every callback says; what else it says is its provider's.
#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// The data of a [`COMPLETED`] one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Completed {
    case_id: String,
    party: String,
    signatory: String,
    signed_at: String,
    routed_sow_digest: String,
    signed_copy_digest: String,
}

/// Makes the call of a genuine callback a command: its key is of this one attempt. So a call that got
/// lost is answered as it was, and the provider's next attempt is looked at anew. What the key stands
/// for is id, time and body; signatures may be others while secrets change.
pub(super) fn as_command(
    call: CallContext,
    request: &mut ReceiveSignatureCallbackRequest,
) -> CallContext {
    request.webhook_signature.clear();
    let (timestamp, id) = (&request.webhook_timestamp, &request.webhook_id);
    CallContext {
        idempotency_key: format!("webhook/{timestamp}/{id}"),
        ..call
    }
}

/// The answer to a callback of which a signature was recorded, now or before.
pub(super) fn answer(done: &Done, case: Case) -> ReceiveSignatureCallbackResponse {
    let outcome = if done.changed {
        Outcome::Recorded
    } else {
        Outcome::Repeated
    };
    ReceiveSignatureCallbackResponse {
        outcome: outcome.into(),
        case: Some(case),
    }
}

/// The answer to a callback of which nothing is recorded.
pub(super) fn ignored() -> ReceiveSignatureCallbackResponse {
    ReceiveSignatureCallbackResponse {
        outcome: Outcome::Ignored.into(),
        case: None,
    }
}

/// Reads a callback for `seller`, once it is known who sent it.
pub(super) fn read(
    secrets: &CallbackSecrets,
    seller: &SellerId,
    request: &ReceiveSignatureCallbackRequest,
    now: DateTime<Utc>,
) -> Result<Told, Rejection> {
    check(secrets, seller, request, now)?;
    let mut wrong = Violations::default();
    let envelope = serde_json::from_slice::<Envelope>(&request.body);
    let envelope = wrong.check(
        "body",
        "BODY_INVALID",
        envelope.map_err(|error| position(&error)),
    );
    let envelope = wrong.finish(envelope)?;
    if envelope.r#type != COMPLETED {
        return Ok(Told::Other);
    }
    let mut wrong = Violations::default();
    let data = Completed::deserialize(envelope.data).map_err(|_| "texts are expected here");
    let data = wrong.check("body.data", "BODY_INVALID", data);
    let data = wrong.finish(data)?;
    let mut wrong = Violations::default();
    let told = wrong.within("body.data", |wrong| signature(wrong, &data));
    let (case_id, command) = wrong.finish(told)?;
    Ok(Told::Signature(Box::new(Callback {
        webhook_id: request.webhook_id.clone(),
        body: Digest::of(&request.body),
        case_id,
        command,
    })))
}

/// Where it breaks off, and nothing of what is there.
fn position(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("no JSON object with a type, as far as line {line}, column {column}")
}

/// Whether one of the seller's secrets signed it, just now.
fn check(
    secrets: &CallbackSecrets,
    seller: &SellerId,
    request: &ReceiveSignatureCallbackRequest,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let mut wrong = Violations::default();
    if request.body.len() > MAX_BODY_BYTES {
        let limit = format!("at most {MAX_BODY_BYTES} bytes");
        wrong.add("body", "BODY_TOO_LARGE", limit);
        return Err(wrong.into_rejection());
    }
    let Some(secrets) = secrets.get(seller) else {
        let message = "no e-signature provider is set up for this seller";
        return Err(Rejection::failed_precondition(
            "CALLBACKS_NOT_SET_UP",
            message,
        ));
    };
    let received = Received {
        id: &request.webhook_id,
        timestamp: &request.webhook_timestamp,
        signature: &request.webhook_signature,
        body: &request.body,
    };
    received.verify(secrets, now).map_err(|not_genuine| {
        let (field, reason) = match not_genuine {
            NotGenuine::Id => ("webhook_id", "WEBHOOK_ID_INVALID"),
            NotGenuine::Timestamp => ("webhook_timestamp", "WEBHOOK_TIMESTAMP_INVALID"),
            NotGenuine::Signature => ("webhook_signature", "WEBHOOK_SIGNATURE_INVALID"),
            NotGenuine::Stale => ("webhook_timestamp", "WEBHOOK_STALE"),
        };
        // Whoever looks after the gateway sees somebody try.
        tracing::warn!(reason, "a signature callback is not genuine");
        wrong.add(field, reason, not_genuine.to_string());
        wrong.into_rejection()
    })
}

/// The same command as `RecordSignature` gives, with the copy named by its bytes.
fn signature(wrong: &mut Violations, data: &Completed) -> Option<(Uuid, Command)> {
    let case_id = parse::id(wrong, "case_id", &data.case_id);
    let party = match data.party.as_str() {
        "internal" => Some(SigningParty::Internal),
        "customer" => Some(SigningParty::Customer),
        _ => {
            wrong.add("party", "PARTY_UNKNOWN", "internal or customer");
            None
        }
    };
    let signatory = parse::name(wrong, "signatory", &data.signatory);
    let signed_at = parse::time(wrong, "signed_at", &data.signed_at);
    let digest = parse::digest_in(wrong, "routed_sow_digest", &data.routed_sow_digest);
    let copy = Some(&data.signed_copy_digest).filter(|text| !text.is_empty());
    let copy = copy.map(|text| parse::digest_in(wrong, "signed_copy_digest", text));
    let command = party.zip(signatory).zip(signed_at).zip(digest).map(
        |(((party, signatory), signed_at), routed_sow_digest)| Command::RecordSignature {
            party,
            signatory,
            signed_at,
            routed_sow_digest,
            signed_copy: copy.flatten().map(SignedCopy::Bytes),
        },
    );
    case_id.zip(command)
}

#[cfg(test)]
mod tests;
