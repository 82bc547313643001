//! Names of the things that this service keeps. AWS's own are taken as AWS writes them.

use std::fmt;
use std::str::FromStr;

/// The text cannot be such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}")]
pub(crate) struct NotAnId {
    /// What it should have been.
    pub(crate) kind: &'static str,
    /// The text itself.
    pub(crate) text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $type(String);

        impl $type {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NotAnId { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

fn visible(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `[A-Za-z0-9][.A-Za-z0-9/-]+[A-Za-z0-9]`, at most 50: AWS's rule for a product (facts §1.2).
fn product(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    (3..=50).contains(&bytes.len())
        && ends.into_iter().flatten().all(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(byte))
}

id!(
    /// One offer, ours: at most 40 characters, so that a client token of AWS (64) has room for it
    /// and its revision (O9).
    OfferId,
    "offer id",
    |text| visible(text, 40)
);
id!(
    /// An approval case, as the approval service names it.
    CaseId,
    "case id",
    |text| visible(text, 64)
);
id!(
    /// A product (listing) on AWS Marketplace.
    ProductId,
    "product id: 3 to 50 of A-Z a-z 0-9 . / -, beginning and ending with a letter or digit",
    product
);
id!(
    /// An offer as AWS names it, without a revision.
    AwsOfferId,
    "offer id of AWS",
    |text| visible(text, 64)
);
id!(
    /// A change set as AWS names it.
    ChangeSetId,
    "change set id of AWS",
    |text| visible(text, 255)
);
id!(
    /// An agreement as AWS names it.
    AgreementId,
    "agreement id of AWS",
    |text| visible(text, 64)
);

id!(
    /// A payment request, ours: AWS gets it as the client token, `[A-Za-z0-9-]`, at most 64 (facts §2).
    PaymentRequestId,
    "payment request id",
    |text| visible(text, 64)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
);
id!(
    /// A change order, ours: AWS gets it as the client token of the cancellation request, and with a line's
    /// number as that of a billing adjustment, `[A-Za-z0-9-]`, at most 64 (facts §3.1).
    ChangeOrderId,
    "change order id",
    |text| visible(text, 50)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
);
id!(
    /// A request to cancel an agreement, as AWS names it.
    AwsCancellationId,
    "cancellation request id of AWS",
    |text| visible(text, 64)
);
id!(
    /// A billing adjustment as AWS names it.
    AwsAdjustmentId,
    "billing adjustment id of AWS",
    |text| visible(text, 64)
);
id!(
    /// An invoice as AWS names it.
    InvoiceId,
    "invoice id of AWS",
    |text| visible(text, 64)
);
id!(
    /// A payment request as AWS names it.
    AwsPaymentRequestId,
    "payment request id of AWS",
    |text| visible(text, 64)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_id_follows_the_rule_of_aws() {
        let cases = [
            ("prod-abcdefghijklm", true),
            ("a.b", true),
            ("ab", false),
            ("-ab", false),
            ("ab-", false),
            ("a b", false),
            ("", false),
        ];
        for (text, valid) in cases {
            assert_eq!(text.parse::<ProductId>().is_ok(), valid, "{text:?}");
        }
        assert!("a".repeat(51).parse::<ProductId>().is_err());
    }
}
