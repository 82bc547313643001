//! AWS's names for things: texts that must never be taken for numbers (leading zeros count).

use std::fmt;
use std::str::FromStr;

/// The longest name that is taken; AWS's own have at most 64 characters.
const MAX_LENGTH: usize = 128;

/// The text is empty, too long, or has blanks or control characters in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}: 1 to {MAX_LENGTH} visible ASCII characters")]
pub(crate) struct NotAnAwsName {
    kind: &'static str,
    text: String,
}

macro_rules! aws_name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
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
            type Err = NotAnAwsName;

            fn from_str(text: &str) -> Result<Self, NotAnAwsName> {
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                if visible && (1..=MAX_LENGTH).contains(&text.len()) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NotAnAwsName { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

aws_name!(
    /// An agreement, such as `agmt-abc`: the aggregate of this service.
    AgreementId,
    "agreement id"
);
aws_name!(
    /// An offer as AWS names it, such as `offer-abc`.
    AwsOfferId,
    "AWS offer id"
);
aws_name!(
    /// A resale authorization, such as `resaleauthz-abc`; AWS's feeds call it an opportunity.
    AuthorizationId,
    "resale authorization id"
);
aws_name!(
    /// A row of the billing feed: never used twice for different content.
    BillingEventId,
    "billing event id"
);
aws_name!(
    /// An invoice of AWS to the buyer.
    InvoiceId,
    "invoice id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_text_and_keep_their_zeros() {
        assert_eq!("000123".parse::<InvoiceId>().unwrap().as_str(), "000123");
        for wrong in ["", "a b", "é", "a\n", &"x".repeat(129)] {
            assert!(wrong.parse::<AgreementId>().is_err(), "{wrong:?}");
        }
    }
}
