//! Validated names: who sells, which deal, who acts, which AWS account.

use std::fmt;
use std::str::FromStr;

use crate::excerpt::excerpt;

/// The text does not fit the kind of name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}: {rule}")]
pub struct NotAName {
    /// What it should have been.
    pub kind: &'static str,
    /// The rule it breaks, in words.
    pub rule: &'static str,
    /// The beginning of the text.
    pub text: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NotAName { kind: $kind, rule: $rule, text: excerpt(text) })
            }
        }
    };
}

fn slug(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

name!(
    /// A tenant: one selling company. Every row, event and log line carries it.
    SellerId,
    "seller id",
    "1 to 64 of A-Z a-z 0-9 - _ . :",
    |text| slug(text, 64)
);
name!(
    /// One deal of one seller, named by the caller's CRM opportunity id.
    EngagementId,
    "engagement id",
    "1 to 128 of A-Z a-z 0-9 - _ . :",
    |text| slug(text, 128)
);
name!(
    /// Who acts: a person's or a system's stable name, such as an e-mail address.
    Principal,
    "principal",
    "1 to 254 visible ASCII characters",
    |text| (1..=254).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
);
name!(
    /// An AWS account: exactly 12 digits, leading zeros kept (O1).
    AwsAccountId,
    "AWS account id",
    "exactly 12 digits",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_digits_with_their_zeros() {
        assert_eq!(
            "000123456789".parse::<AwsAccountId>().unwrap().as_str(),
            "000123456789"
        );
        for wrong in [
            "12345678901",
            "1234567890123",
            "12345678901a",
            "",
            "１２３４５６７８９０１２",
        ] {
            assert!(wrong.parse::<AwsAccountId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_have_no_blanks_and_a_length() {
        assert!("006Dn00000A1b2C".parse::<EngagementId>().is_ok());
        assert!("em@acme.example".parse::<Principal>().is_ok());
        for wrong in ["", "a b", "a\n", "é"] {
            assert!(wrong.parse::<SellerId>().is_err(), "{wrong:?}");
            assert!(wrong.parse::<Principal>().is_err(), "{wrong:?}");
        }
    }
}
