//! Names and passwords made up for one run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// A password of 122 random bits. The letter before it keeps it from ever reading as a number.
#[expect(
    clippy::disallowed_methods,
    reason = "a secret must be random: there is nothing to replay here"
)]
pub(crate) fn password() -> String {
    format!("p{}", Uuid::new_v4().simple())
}

/// A secret to sign webhooks with, as the Standard Webhooks scheme writes it.
pub(crate) fn webhook_secret() -> String {
    format!("whsec_{}", STANDARD.encode(password()))
}

/// A short name that tells this run's rows, mails and folders from another's.
pub(crate) fn run_id() -> String {
    password().chars().skip(1).take(8).collect()
}
