//! Cause and subscriptions → deliveries, once per recipient per cause (N6).

use std::error::Error;
use std::fmt;

use uuid::Uuid;

use super::cause::Cause;
use super::notices::{self, Reader};
use super::subscription::{Audience, Channel, Subscription};

/// A delivery that the cause asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) template: &'static str,
    pub(crate) reader: Reader,
    pub(crate) channel: Channel,
    /// An e-mail address or a URL.
    pub(crate) recipient: String,
    /// The person's name, when known.
    pub(crate) recipient_name: Option<String>,
    /// Empty for the buyer's contact.
    pub(crate) subscription: Option<Uuid>,
}

/// The words of one delivery, kept with it as proof of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// One line; for a webhook the event's type.
    pub(crate) subject: String,
    /// Plain text; for a webhook the JSON body.
    pub(crate) text: String,
    /// For e-mail.
    pub(crate) html: Option<String>,
}

/// Puts a delivery into words.
pub(crate) trait Writer: fmt::Debug + Send + Sync + 'static {
    /// The words of `planned`, as `cause` gives them: the same for the same.
    fn write(&self, planned: &Planned, cause: &Cause) -> Result<Content, Unwritable>;
}

/// A notice has no words: its template is broken, or asks for what its cause does not hold (N7).
#[derive(Debug, thiserror::Error)]
#[error("{template} cannot be written")]
pub(crate) struct Unwritable {
    pub(crate) template: String,
    #[source]
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

/// Everything that the cause asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) deliveries: Vec<Planned>,
    /// Readers of whom no address is known: to be warned of.
    pub(crate) unheard: Vec<Reader>,
}

/// Plans what `cause` tells whom. A recipient in two audiences of one notice gets it once.
pub(crate) fn plan(cause: &Cause, subscriptions: &[Subscription]) -> Plan {
    let mut plan = Plan::default();
    for notice in notices::of(cause.kind) {
        for &reader in notice.readers {
            let wanted = addressed(cause, notice.template, reader, subscriptions);
            if wanted.is_empty() {
                plan.unheard.push(reader);
            }
            for delivery in wanted {
                if !plan
                    .deliveries
                    .iter()
                    .any(|known| is_same_notice(known, &delivery))
                {
                    plan.deliveries.push(delivery);
                }
            }
        }
    }
    plan
}

fn is_same_notice(one: &Planned, other: &Planned) -> bool {
    one.template == other.template
        && one.channel == other.channel
        && one.recipient == other.recipient
}

fn addressed(
    cause: &Cause,
    template: &'static str,
    reader: Reader,
    subscriptions: &[Subscription],
) -> Vec<Planned> {
    match reader {
        Reader::Buyer => cause
            .buyer
            .iter()
            .map(|contact| Planned {
                template,
                reader,
                channel: Channel::Email,
                recipient: contact.email().to_owned(),
                recipient_name: Some(contact.name().to_owned()),
                subscription: None,
            })
            .collect(),
        Reader::Audience(audience) => active(subscriptions, audience)
            .map(|subscription| Planned {
                template,
                reader,
                channel: subscription.address.channel(),
                recipient: subscription.address.place().to_owned(),
                recipient_name: None,
                subscription: Some(subscription.id),
            })
            .collect(),
    }
}

fn active(
    subscriptions: &[Subscription],
    audience: Audience,
) -> impl Iterator<Item = &Subscription> {
    subscriptions
        .iter()
        .filter(move |one| one.audience == audience && one.disabled_at.is_none())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::cause::{CauseKind, Contact, Fields};
    use crate::domain::subscription::tests::{email, webhook};

    fn cause(kind: CauseKind) -> Cause {
        Cause {
            event_id: Uuid::from_u128(1),
            seller: "acme".parse().unwrap(),
            engagement: "OPP-1".parse().unwrap(),
            kind,
            occurred_at: DateTime::UNIX_EPOCH,
            buyer: Some(Contact::new("Bea\r\nBcc: x", "bea@buyer.example")),
            shared: Fields::new(),
            internal: Fields::new(),
        }
    }

    fn who(plan: &Plan) -> Vec<(&str, &str)> {
        plan.deliveries
            .iter()
            .map(|one| (one.template, one.recipient.as_str()))
            .collect()
    }

    /// N1: the buyer's contact needs no subscription, and its name cannot break a header.
    #[test]
    fn the_buyer_hears_of_a_published_offer() {
        let plan = plan(&cause(CauseKind::OfferPublished), &[]);
        assert_eq!(who(&plan), [("buyer-offer", "bea@buyer.example")]);
        assert_eq!(
            plan.deliveries[0].recipient_name.as_deref(),
            Some("Bea Bcc: x")
        );
        assert_eq!(plan.unheard, [Reader::Audience(Audience::Alliances)]);
    }

    /// N6: once per recipient per cause, though the person sits in two audiences.
    #[test]
    fn a_recipient_in_two_audiences_hears_once() {
        let both = [
            email(1, Audience::Alliances, "pat@acme.example"),
            email(2, Audience::DealDesk, "pat@acme.example"),
            webhook(3, Audience::DealDesk, "https://h.example/", 1),
        ];
        let plan = plan(&cause(CauseKind::AgreementAccepted), &both);
        assert_eq!(
            who(&plan),
            [
                ("agreement-accepted", "pat@acme.example"),
                ("agreement-accepted", "https://h.example/")
            ]
        );
        assert_eq!(plan.unheard, [Reader::Audience(Audience::Finance)]);
    }

    #[test]
    fn a_disabled_subscription_hears_nothing() {
        let gone = Subscription {
            disabled_at: Some(DateTime::UNIX_EPOCH),
            ..webhook(3, Audience::Finance, "https://h.example/", 1)
        };
        let plan = plan(&cause(CauseKind::CashDisbursed), &[gone]);
        assert_eq!(plan.deliveries, []);
        assert_eq!(plan.unheard, [Reader::Audience(Audience::Finance)]);
    }

    /// N2: everyone of the three audiences, on each channel.
    #[test]
    fn data_elements_go_to_every_subscriber_of_three_audiences() {
        let known = [
            email(1, Audience::DealDesk, "a@acme.example"),
            email(2, Audience::Alliances, "b@acme.example"),
            email(3, Audience::SalesSupport, "c@acme.example"),
            webhook(4, Audience::SalesSupport, "https://h.example/", 1),
            email(5, Audience::Finance, "d@acme.example"),
        ];
        let plan = plan(&cause(CauseKind::IntakeCompleted), &known);
        let recipients: Vec<_> = plan
            .deliveries
            .iter()
            .map(|one| one.recipient.as_str())
            .collect();
        let expected = [
            "a@acme.example",
            "b@acme.example",
            "c@acme.example",
            "https://h.example/",
        ];
        assert_eq!(recipients, expected);
        assert_eq!(plan.unheard, []);
    }
}
