//! Whom the buyer named for an agreement: `GetAgreementContacts` (facts §3).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::input::required;
use super::model::{Agreement, AgreementStatus};
use super::{Refusal, World};
use crate::wire::{Wire, map};

/// The fields of a contact and their longest texts; all are required.
const FIELDS: [(&str, usize); 5] = [
    ("firstName", 80),
    ("lastName", 80),
    ("emailAddress", 255),
    ("companyName", 256),
    ("countryCode", 2),
];

/// The texts of [`FIELDS`], in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact([String; 5]);

impl World {
    /// `GetAgreementContacts`, by either party or the manufacturer, while the agreement is active.
    pub(crate) fn agreement_contacts(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let id = required(input, "agreementId", "MISSING_AGREEMENT_ID")?;
        let made = |agreement: &&Agreement| {
            agreement.id == id && agreement.manufacturer == caller && agreement.visible_at <= now
        };
        let agreement = match self.agreements.iter().find(made) {
            Some(agreement) => agreement,
            None => self.agreement_of(now, caller, input)?,
        };
        let contact = agreement
            .contact
            .as_ref()
            .filter(|_| agreement.status == AgreementStatus::Active);
        Ok(map([("acceptorContact", contact.map(shown))]))
    }
}

fn shown(contact: &Contact) -> Wire {
    let texts = FIELDS.iter().zip(&contact.0);
    map(texts.map(|((name, _), text)| (*name, Some(Wire::text(text)))))
}

/// `acceptorContact`, when it is there.
pub(super) fn contact(input: &Value) -> Result<Option<Contact>, Refusal> {
    let sent = match input.get("acceptorContact") {
        None | Some(Value::Null) => return Ok(None),
        Some(sent) => sent,
    };
    let wrong = |field: &str| {
        let message = format!("acceptorContact.{field} is missing or malformed.");
        Refusal::reasoned("INVALID_ACCEPTOR_CONTACT", message)
    };
    let mut texts = Vec::with_capacity(FIELDS.len());
    for (name, longest) in FIELDS {
        let text = sent.get(name).and_then(Value::as_str).unwrap_or_default();
        let sound = match name {
            "emailAddress" => is_address(text),
            "countryCode" => text.len() == 2 && text.bytes().all(|it| it.is_ascii_uppercase()),
            _ => !text.is_empty(),
        };
        if !sound || text.chars().count() > longest {
            return Err(wrong(name));
        }
        texts.push(text.to_owned());
    }
    texts
        .try_into()
        .map(|texts| Some(Contact(texts)))
        .map_err(|_| wrong("firstName"))
}

/// `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`
pub(super) fn is_address(text: &str) -> bool {
    let of = |part: &str, more: &[u8]| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
        !part.is_empty() && part.bytes().all(known)
    };
    let parts = text.split_once('@').and_then(|(name, domain)| {
        let (host, top) = domain.rsplit_once('.')?;
        Some((name, host, top))
    });
    parts.is_some_and(|(name, host, top)| {
        of(name, b"._%+-")
            && of(host, b".-")
            && top.len() >= 2
            && top.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_the_model_s_pattern_has_them() {
        for (text, good) in [
            ("ada.b+c@mail.example.com", true),
            ("a@b.co", true),
            ("a@b", false),
            ("a@b.c", false),
            ("@b.co", false),
            ("a@.co", false),
            ("a b@c.co", false),
            ("a@b@c.co", false),
            ("a@b.c1", false),
        ] {
            assert_eq!(is_address(text), good, "{text}");
        }
    }
}
