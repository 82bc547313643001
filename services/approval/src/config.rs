//! The section `approval`: `COUNTERSIGN_APPROVAL__<KEY>`.

use std::collections::BTreeMap;

use countersign_kernel::SellerId;
use countersign_kernel::webhook::WebhookSecret;
use countersign_platform::Secret;
use serde::{Deserialize, Serialize};

/// Secrets of one seller that count at the same time: while one takes the other's place there are two.
const MAX_SECRETS: usize = 4;

/// What only approval is configured with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalConfig {
    /// Where documents lie: `file:///folder`, made when missing, or `s3://bucket/prefix` with
    /// credentials and region as the AWS tools take them from the environment.
    pub documents_url: String,
    /// How many uploads are taken in at the same time; each may hold 10 MiB. Others wait.
    pub concurrent_uploads: usize,
    /// With what the sellers' e-signature providers sign their callbacks: `seller=whsec_…`, several
    /// with blanks or line ends between. A seller with several is changing them: each counts. A seller
    /// without one takes no callbacks (A6, P5).
    pub signature_secrets: Secret,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            documents_url: "file:///var/lib/countersign/documents".to_owned(),
            concurrent_uploads: 8,
            signature_secrets: Secret::default(),
        }
    }
}

/// The secrets of the sellers' e-signature providers.
pub(crate) type CallbackSecrets = BTreeMap<SellerId, Vec<WebhookSecret>>;

/// The secrets cannot be used. Tells which one by its place, and nothing of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotCallbackSecrets {
    /// It does not read as it should.
    #[error(
        "approval.signature_secrets: number {0} is not seller=whsec_…, with 24 to 64 bytes in base64"
    )]
    Malformed(usize),
    /// There are too many of one seller.
    #[error("approval.signature_secrets: number {0} is more than {MAX_SECRETS} of one seller")]
    TooMany(usize),
}

impl ApprovalConfig {
    /// The secrets, by seller.
    pub(crate) fn callback_secrets(&self) -> Result<CallbackSecrets, NotCallbackSecrets> {
        let mut secrets = CallbackSecrets::new();
        let given = self.signature_secrets.expose().split_whitespace();
        for (number, one) in (1..).zip(given) {
            let malformed = NotCallbackSecrets::Malformed(number);
            let (seller, secret) = one.split_once('=').ok_or(malformed)?;
            let seller = seller.parse().map_err(|_| malformed)?;
            let secret = WebhookSecret::parse(secret).map_err(|_| malformed)?;
            let of_seller: &mut Vec<_> = secrets.entry(seller).or_default();
            of_seller.push(secret);
            if of_seller.len() > MAX_SECRETS {
                return Err(NotCallbackSecrets::TooMany(number));
            }
        }
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "whsec_YWNtZSBhY21lIGFjbWUgYWNtZSBhY21l";
    const TWO: &str = "whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgbw==";

    fn read(text: &str) -> Result<CallbackSecrets, NotCallbackSecrets> {
        let config = ApprovalConfig {
            signature_secrets: Secret::new(text),
            ..ApprovalConfig::default()
        };
        config.callback_secrets()
    }

    #[test]
    fn secrets_are_by_seller_and_several_while_they_change() {
        assert_eq!(read(" \n"), Ok(CallbackSecrets::new()));
        let read = read(&format!("acme={ONE}\ninitech={TWO} acme={TWO}\n")).unwrap();
        let (one, two) = (
            WebhookSecret::parse(ONE).unwrap(),
            WebhookSecret::parse(TWO).unwrap(),
        );
        let expected = [
            ("acme".parse().unwrap(), vec![one, two.clone()]),
            ("initech".parse().unwrap(), vec![two]),
        ];
        assert_eq!(read, CallbackSecrets::from(expected));
    }

    /// P5: what is wrong is told by its place, never by what it says.
    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        let many = format!("acme={ONE} ").repeat(MAX_SECRETS + 1);
        for (text, number) in [
            (ONE.to_owned(), 1),
            (format!("acme={ONE} a/b={TWO}"), 2),
            (format!("acme={ONE}, acme={TWO}"), 1),
            (format!("acme={}", &ONE[6..]), 1),
            (many, MAX_SECRETS + 1),
        ] {
            let told = read(&text).unwrap_err().to_string();
            assert!(told.contains(&format!("number {number} is")), "{told}");
            assert!(
                !told.contains(&ONE[6..20]) && !told.contains("acme"),
                "{told}"
            );
        }
    }
}
