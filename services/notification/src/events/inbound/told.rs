//! What an event tells, collected field by field, every text fit to print.

use countersign_kernel::{Currency, EngagementId, Money};
use countersign_proto::common::v1 as common;

use crate::domain::address::one_line;
use crate::domain::cause::{CauseKind, Contact, Fields, Value};

/// What an event does not state.
const NOT_STATED: &str = "not stated";

/// A field that no notice can be written with: the event is undecodable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {what}")]
pub(crate) struct Malformed {
    field: &'static str,
    what: String,
}

impl Malformed {
    pub(crate) fn new(field: &'static str, what: impl Into<String>) -> Self {
        Self {
            field,
            what: what.into(),
        }
    }
}

/// A public event in this service's words; the envelope adds event, seller, engagement and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: CauseKind,
    /// The engagement, where the message names it; the envelope does otherwise.
    pub(crate) engagement: Option<EngagementId>,
    pub(crate) buyer: Option<Contact>,
    pub(crate) shared: Fields,
    pub(crate) internal: Fields,
}

impl Told {
    pub(crate) const fn new(kind: CauseKind) -> Self {
        Self {
            kind,
            engagement: None,
            buyer: None,
            shared: Fields::new(),
            internal: Fields::new(),
        }
    }

    /// What the message calls the engagement; the envelope's word counts for more.
    pub(crate) fn engagement(mut self, id: &str) -> Self {
        self.engagement = id.parse().ok();
        self
    }

    /// What anybody may read, the buyer too.
    pub(crate) fn shared(mut self, name: &'static str, text: impl AsRef<str>) -> Self {
        self.shared.insert(name, line(text));
        self
    }

    /// What only the seller's people may read.
    pub(crate) fn internal(mut self, name: &'static str, text: impl AsRef<str>) -> Self {
        self.internal.insert(name, line(text));
        self
    }

    /// Free text of several lines, for the seller's people.
    pub(crate) fn paragraph(mut self, name: &'static str, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(one_line).collect();
        self.internal.insert(name, Value::Text(lines.join("\n")));
        self
    }

    pub(crate) fn money(
        self,
        name: &'static str,
        money: Option<&common::Money>,
    ) -> Result<Self, Malformed> {
        let text = amount(name, money)?;
        Ok(self.internal(name, text))
    }

    /// A list for the seller's people.
    pub(crate) fn list(mut self, name: &'static str, items: Vec<Value>) -> Self {
        self.internal.insert(name, Value::List(items));
        self
    }
}

/// One line of text; what is empty says so.
pub(crate) fn line(text: impl AsRef<str>) -> Value {
    let text = one_line(text.as_ref());
    Value::Text(if text.is_empty() {
        NOT_STATED.to_owned()
    } else {
        text
    })
}

/// A record of a list.
pub(crate) fn record<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Record(Fields::from(fields))
}

/// An amount as notices print it, all digits and the code: `102500.00 USD`.
pub(crate) fn amount(
    field: &'static str,
    money: Option<&common::Money>,
) -> Result<String, Malformed> {
    let Some(money) = money else {
        return Ok(NOT_STATED.to_owned());
    };
    let currency: Currency = money
        .currency_code
        .parse()
        .map_err(|error| Malformed::new(field, format!("{error}")))?;
    Money::parse(&money.amount, currency)
        .map(|money| money.to_string())
        .map_err(|error| Malformed::new(field, error.to_string()))
}

/// Whether there is no such amount, or one of zero, of which a notice says nothing.
pub(crate) fn is_none(money: Option<&common::Money>) -> bool {
    money.is_none_or(|money| !money.amount.contains(|digit| ('1'..='9').contains(&digit)))
}

/// A message that the event must hold.
pub(crate) fn given<T>(field: &'static str, message: Option<T>) -> Result<T, Malformed> {
    message.ok_or_else(|| Malformed::new(field, "is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount: &str) -> common::Money {
        common::Money {
            currency_code: "USD".into(),
            amount: amount.into(),
        }
    }

    /// E4: an amount is exact or the event is refused; nothing is rounded into a notice.
    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(
            amount("price", Some(&usd("102500"))),
            Ok("102500.00 USD".to_owned())
        );
        assert_eq!(
            amount("fee", Some(&usd("-2562.50"))),
            Ok("-2562.50 USD".to_owned())
        );
        assert_eq!(amount("price", None), Ok(NOT_STATED.to_owned()));
        for wrong in ["", "1e5", "0.001"] {
            assert!(amount("price", Some(&usd(wrong))).is_err(), "{wrong}");
        }
        let strange = common::Money {
            currency_code: "XXX".into(),
            amount: "1".into(),
        };
        assert!(amount("price", Some(&strange)).is_err());
    }

    #[test]
    fn texts_cannot_carry_control_characters() {
        let told = Told::new(CauseKind::CaseRejected)
            .internal("by", "a\r\nb")
            .paragraph("comment", "one\u{7}\ntwo");
        assert_eq!(told.internal["by"], Value::Text("a b".into()));
        assert_eq!(told.internal["comment"], Value::Text("one\ntwo".into()));
    }
}
