//! Orders (O14): what a buyer accepted, and who the buyer is. The order of an offer of ours registers
//! itself from what the offer knows when the buyer has not in an hour; a public order, for which nobody
//! made an offer, is flagged at once, and its refund is advised when nobody says in 48 hours who bought.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{AwsAccountId, EngagementId, Money, Principal};

use super::agreement::{Acceptance, Agreement};
use super::clock::{Clock, Kind};
use super::id::{AgreementId, AwsOfferId, OfferId};
use super::offer::Offer;
use super::rejection::{Rejection, Violation};

/// The most characters of a company's or a person's name.
const LONGEST_NAME: usize = 200;

/// An order. There is one for each agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) agreement_id: AgreementId,
    /// A public order's is named after its agreement: nobody opened an opportunity for it.
    pub(crate) engagement_id: EngagementId,
    /// Ours; `None` for a public order.
    pub(crate) offer_id: Option<OfferId>,
    pub(crate) aws_offer_id: AwsOfferId,
    /// AWS's; `None` where AWS does not show it.
    pub(crate) product_id: Option<String>,
    /// The account that accepted.
    pub(crate) buyer_account: AwsAccountId,
    /// What AWS will charge in all; `None` where AWS does not say, or its charges do not add up.
    pub(crate) total: Option<Money>,
    pub(crate) placed_at: DateTime<Utc>,
    /// What waits for the registration.
    pub(crate) clock_id: String,
    pub(crate) state: State,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody registered it yet.
    Open,
    Registered(Registration),
    /// Nobody said in time who bought: cancel and refund. It can still be registered.
    RefundAdvised {
        at: DateTime<Utc>,
    },
}

/// Who the buyer is, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) registrant: Registrant,
    pub(crate) at: DateTime<Utc>,
    /// `None`: it registered itself from the offer's metadata.
    pub(crate) by: Option<Principal>,
}

/// Who the buyer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registrant {
    pub(crate) company_name: String,
    pub(crate) contact_name: String,
    pub(crate) contact_email: String,
}

impl State {
    /// As the database has it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Registered(_) => "registered",
            Self::RefundAdvised { .. } => "refund-advised",
        }
    }
}

impl Registrant {
    /// Reads what was given; every wrong field at once.
    pub(crate) fn parse(
        company_name: &str,
        contact_name: &str,
        contact_email: &str,
    ) -> Result<Self, Rejection> {
        let mut wrong = Vec::new();
        let names = [
            ("company_name", "COMPANY_NAME_REQUIRED", company_name),
            ("contact_name", "CONTACT_NAME_REQUIRED", contact_name),
        ];
        for (field, reason, name) in names {
            if !is_name(name) {
                let problem = format!("one line of 1 to {LONGEST_NAME} characters");
                wrong.push(Violation::new(field, reason, problem));
            }
        }
        if !super::preflight::form::is_email(contact_email) {
            let problem = "an e-mail address such as bea@example.com";
            wrong.push(Violation::new(
                "contact_email",
                "CONTACT_EMAIL_INVALID",
                problem,
            ));
        }
        if !wrong.is_empty() {
            return Err(Rejection::Invalid(wrong));
        }
        Ok(Self {
            company_name: company_name.trim().to_owned(),
            contact_name: contact_name.trim().to_owned(),
            contact_email: contact_email.to_owned(),
        })
    }

    /// What the offer knows of its buyer.
    pub(crate) fn of(offer: &Offer) -> Self {
        let (deal, intake) = (&offer.basis.deal, &offer.basis.intake);
        Self {
            company_name: deal.estimate.customer_name.clone(),
            contact_name: intake.contact_name.clone(),
            contact_email: intake.contact_email.clone(),
        }
    }
}

fn is_name(text: &str) -> bool {
    let name = text.trim();
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// The order that the acceptance of our offer is, and its clock of an hour. `None` for an offer that
/// AWS has not published.
pub(crate) fn of_offer(offer: &Offer, agreement: &Agreement) -> Option<(Order, Clock)> {
    let publication = offer.publication()?;
    let acceptance = agreement.acceptance();
    let clock = Clock::of_order(
        Kind::Registration,
        &acceptance,
        Some(&offer.id),
        offer.engagement_id(),
    )?;
    let product = offer.basis.intake.listing.product_id.to_string();
    let aws_offer_id = publication.aws_offer_id.clone();
    let order = placed(acceptance, aws_offer_id, Some(product), &clock);
    Some((order, clock))
}

/// A public order, and its clock of 48 hours. `None` for an agreement whose name cannot stand for an
/// engagement.
pub(crate) fn of_nobody(
    acceptance: Acceptance,
    aws_offer_id: AwsOfferId,
    product_id: Option<String>,
) -> Option<(Order, Clock)> {
    let engagement: EngagementId = acceptance.agreement_id.as_str().parse().ok()?;
    let clock = Clock::of_order(Kind::Identification, &acceptance, None, &engagement)?;
    let order = placed(acceptance, aws_offer_id, product_id, &clock);
    Some((order, clock))
}

fn placed(
    acceptance: Acceptance,
    aws_offer_id: AwsOfferId,
    product_id: Option<String>,
    clock: &Clock,
) -> Order {
    Order {
        agreement_id: acceptance.agreement_id,
        engagement_id: clock.engagement_id.clone(),
        offer_id: clock.offer_id.clone(),
        aws_offer_id,
        product_id,
        buyer_account: acceptance.acceptor,
        total: acceptance.total,
        placed_at: acceptance.at,
        clock_id: clock.id.clone(),
        state: State::Open,
    }
}

/// The order after somebody, or `None` for the offer's own metadata, said who the buyer is; `None` when
/// that was said before.
pub(crate) fn register(
    order: &Order,
    registrant: &Registrant,
    by: Option<&Principal>,
    now: DateTime<Utc>,
) -> Result<Option<Order>, Rejection> {
    match &order.state {
        State::Registered(known) if known.registrant == *registrant => Ok(None),
        State::Registered(_) => Err(Rejection::OrderRegistered),
        State::Open | State::RefundAdvised { .. } => Ok(Some(Order {
            state: State::Registered(Registration {
                registrant: registrant.clone(),
                at: now,
                by: by.cloned(),
            }),
            ..order.clone()
        })),
    }
}

/// The order after its time to be identified ran out; `None` when it was registered, or its refund was
/// advised before.
pub(crate) fn advise_refund(order: &Order, now: DateTime<Utc>) -> Option<Order> {
    match order.state {
        State::Open => Some(Order {
            state: State::RefundAdvised { at: now },
            ..order.clone()
        }),
        State::Registered(_) | State::RefundAdvised { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_kernel::chrono::TimeDelta;

    use super::*;
    use crate::domain::sample;

    fn registrant(company: &str) -> Registrant {
        Registrant::parse(company, "Bea Buyer", "bea.buyer@example.com").unwrap()
    }

    fn public() -> (Order, Clock) {
        of_nobody(
            sample::agreement().acceptance(),
            "offer-public".parse().unwrap(),
            Some("prod-1".into()),
        )
        .unwrap()
    }

    /// O14: an hour for the order of an offer, 48 hours for a public one.
    #[test]
    fn an_order_starts_its_clock_with_the_acceptance() {
        let agreement = sample::agreement();
        let (order, clock) = of_offer(&sample::published(), &agreement).unwrap();
        assert_eq!(clock.kind, Kind::Registration);
        assert_eq!(clock.due_at, agreement.accepted_at + TimeDelta::hours(1));
        assert_eq!(order.offer_id, Some(sample::published().id));
        assert_eq!(order.total, Some(sample::usd("102500.00")));
        let (order, clock) = public();
        assert_eq!(clock.kind, Kind::Identification);
        assert_eq!(clock.due_at, agreement.accepted_at + TimeDelta::hours(48));
        assert_eq!(order.engagement_id.as_str(), agreement.id.as_str());
        assert_eq!((order.offer_id, clock.offer_id), (None, None));
        assert_eq!(order.clock_id, clock.id);
        assert_eq!(of_offer(&sample::draft(), &agreement), None);
    }

    #[test]
    fn an_order_is_registered_once() {
        let now = sample::at("2026-03-05T12:00:00Z");
        let by: Principal = "em@acme.example".parse().unwrap();
        let (open, _) = public();
        let known = register(&open, &registrant("Globex"), Some(&by), now);
        let known = known.unwrap().unwrap();
        assert_eq!(register(&known, &registrant("Globex"), None, now), Ok(None));
        let other = register(&known, &registrant("Initech"), Some(&by), now);
        assert_eq!(other, Err(Rejection::OrderRegistered));
        assert_eq!(advise_refund(&known, now), None);
    }

    /// A buyer who comes forward late is a buyer all the same.
    #[test]
    fn a_refund_is_advised_once_and_the_order_can_still_be_registered() {
        let now = sample::at("2026-03-07T12:00:00Z");
        let advised = advise_refund(&public().0, now).unwrap();
        assert_eq!(advised.state, State::RefundAdvised { at: now });
        assert_eq!(advise_refund(&advised, now), None);
        let late = register(&advised, &registrant("Globex"), None, now);
        assert!(matches!(late.unwrap().unwrap().state, State::Registered(_)));
    }

    #[test]
    fn everything_wrong_with_a_registrant_is_named() {
        let long = "a".repeat(LONGEST_NAME + 1);
        for (company, contact, email, expected) in [
            (" ", "", "bea", 3),
            (long.as_str(), "Bea", "bea@example.com", 1),
            ("Globex\r\nBcc: all", "Bea", "bea@example.com", 1),
        ] {
            let Err(Rejection::Invalid(wrong)) = Registrant::parse(company, contact, email) else {
                panic!("{company:?} is taken")
            };
            assert_eq!(wrong.len(), expected, "{wrong:?}");
        }
        assert!(Registrant::parse(&"a".repeat(LONGEST_NAME), "Bea", "b@c.example").is_ok());
    }

    #[test]
    fn an_offer_knows_its_buyer() {
        let known = Registrant::of(&sample::draft());
        assert_eq!(known.contact_email, "bea.buyer@example.com");
        assert!(!known.company_name.is_empty());
    }
}
