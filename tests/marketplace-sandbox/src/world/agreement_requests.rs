//! A buyer accepts by API: `CreateAgreementRequest` is a quote, `AcceptAgreementRequest` takes it (facts §3).
//!
//! What comes of it is [`World::accept`]'s, as when a rehearsal's buyer accepts; here is only how it is asked
//! for and refused. The account that signs buys, and pays for itself.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::adjustments::invoicing_entity;
use super::agreements::{Acceptance, Unacceptable, Why};
use super::change_sets::optional_text;
use super::contacts::contact;
use super::entitlements::charges_by_id;
use super::input::{client_token, required};
use super::model::{Agreement, Offer, OfferState};
use super::proposals::{proposal_id, requested, wanted};
use super::purchase_orders::{Order, asked, due, revised};
use super::{Refusal, World, money};
use crate::wire::{Wire, map};

/// How long a quote holds. AWS says that one expires, not when.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
const KIND: &str = "AgreementRequest";
const PROPOSAL: &str = "AgreementProposal";

/// A quote: the agreement that accepting it makes.
#[derive(Debug)]
pub(crate) struct AgreementRequest {
    id: String,
    quoted: Agreement,
    with_tax: bool,
    created_at: DateTime<Utc>,
    accepted: bool,
}

impl World {
    /// `CreateAgreementRequest`.
    pub(crate) fn create_agreement_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let token = client_token(input)?;
        self.new_intent(now, caller, input)?;
        let proposal = proposal_of(input)?;
        let terms = requested(input)?;
        let contact = contact(input)?;
        let with_tax = estimates_tax(input)?;
        if let Some(id) = self.remembered(caller, KIND, token, input, None, now)? {
            return self
                .request_of(caller, &id)
                .map(|position| self.quoted(position));
        }
        let offer = self.proposed_offer(proposal)?.clone();
        let wanted = wanted(&offer, terms)?;
        let how = Acceptance {
            buyer: caller,
            auto_approve: wanted.auto_approve,
            declines_renewal: wanted.declines_renewal,
            dimension_key: wanted.dimension_key.as_deref(),
            contact: contact.as_ref(),
            ..Acceptance::default()
        };
        let quoted = self.quote(now, &offer.id, how);
        let quoted = quoted.map_err(|refused| refuse(refused, proposal))?;
        let id = self.ids.request("ar");
        self.remember(caller, KIND, token, input, &id, now);
        self.agreement_requests.push(AgreementRequest {
            id,
            quoted,
            with_tax,
            created_at: now,
            accepted: false,
        });
        Ok(self.quoted(self.agreement_requests.len() - 1))
    }

    /// `AcceptAgreementRequest`.
    pub(crate) fn accept_agreement_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let id = required(input, "agreementRequestId", "MISSING_AGREEMENT_REQUEST_ID")?;
        let position = self.request_of(caller, id)?;
        let request = &self.agreement_requests[position];
        if request.accepted || request.created_at + LIFETIME <= now {
            return Err(Refusal::reasoned(
                "CLOSED_AGREEMENT_REQUEST",
                "The agreement request was accepted before, or has expired.",
            ));
        }
        let quoted = request.quoted.clone();
        let mut orders = Vec::new();
        for one in asked(input)? {
            due(&quoted, one.charge)?;
            revised(&quoted, &one)?;
            orders.push((one.charge.to_owned(), Order::new(one.reference)));
        }
        let same = |offer: &&Offer| offer.id == quoted.offer_id;
        let offer = self.offers.iter().find(same);
        let proposal = offer.map(proposal_id).unwrap_or_default();
        if offer.is_some_and(|offer| offer.revision != quoted.offer_revision) {
            return Err(superseded());
        }
        let variable = quoted.variable.as_ref();
        let how = Acceptance {
            buyer: caller,
            payer: None,
            auto_approve: variable.is_some_and(|agreed| agreed.auto_approve),
            declines_renewal: quoted.renewal_declined,
            dimension_key: quoted.chosen.as_deref(),
            contact: quoted.contact.as_ref(),
            agreement_id: Some(&quoted.id),
        };
        self.accept(now, &quoted.offer_id, how)
            .map_err(|refused| refuse(refused, &proposal))?;
        self.agreement_requests[position].accepted = true;
        if let Some(made) = self.agreements.last_mut() {
            made.orders.extend(orders);
        }
        Ok(map([("agreementId", Some(Wire::text(quoted.id)))]))
    }

    /// Professional services know no other intent (facts §4): an agreement of them is neither amended nor
    /// replaced.
    fn new_intent(&self, now: DateTime<Utc>, caller: &str, input: &Value) -> Result<(), Refusal> {
        let source = optional_text(input, "sourceAgreementIdentifier")?;
        match (required(input, "intent", "MISSING_INTENT")?, source) {
            ("NEW", None) => Ok(()),
            ("NEW", Some(_)) => Err(Refusal::reasoned(
                "INVALID_SOURCE_AGREEMENT_IDENTIFIER",
                "sourceAgreementIdentifier is not for a NEW agreement.",
            )),
            ("AMEND" | "REPLACE", None) => Err(Refusal::reasoned(
                "MISSING_SOURCE_AGREEMENT_IDENTIFIER",
                "sourceAgreementIdentifier is required.",
            )),
            (intent @ ("AMEND" | "REPLACE"), Some(source)) => {
                self.accepted(now, caller, &serde_json::json!({ "agreementId": source }))?;
                Err(Refusal::reasoned(
                    "UNSUPPORTED_ACTION",
                    format!("{intent} is not for professional services."),
                ))
            }
            (other, _) => Err(Refusal::reasoned(
                "INVALID_INTENT",
                format!("intent '{other}' is unknown."),
            )),
        }
    }

    /// The offer whose proposal it is. A draft is nobody's proposal; an earlier revision's is superseded.
    fn proposed_offer(&self, proposal: &str) -> Result<&Offer, Refusal> {
        let is =
            |offer: &&Offer| offer.state == OfferState::Released && proposal_id(offer) == proposal;
        match self.offers.iter().find(is) {
            Some(offer) => Ok(offer),
            None if self.offer_history.iter().any(|offer| is(&offer)) => Err(superseded()),
            None => Err(no_proposal(proposal)),
        }
    }

    fn request_of(&self, caller: &str, id: &str) -> Result<usize, Refusal> {
        self.agreement_requests
            .iter()
            .position(|request| request.id == id && request.quoted.acceptor == caller)
            .ok_or_else(|| {
                Refusal::absent(KIND, id, format!("Agreement request '{id}' was not found."))
            })
    }

    fn quoted(&self, position: usize) -> Wire {
        let request = &self.agreement_requests[position];
        let tax = request.with_tax.then_some(self.facts.tax_rate);
        map([
            ("agreementRequestId", Some(Wire::text(&request.id))),
            ("agreementType", Some(Wire::text("PurchaseAgreement"))),
            ("chargeSummary", Some(summary(request, tax))),
            ("status", Some(Wire::text("DRAFT"))),
            ("approvalRequirement", Some(Wire::text("NOT_REQUIRED"))),
            ("createdAt", Some(Wire::Time(request.created_at))),
        ])
    }
}

/// `agreementProposalIdentifier`: `at-` or `ap-`, then letters and digits.
fn proposal_of(input: &Value) -> Result<&str, Refusal> {
    let missing = "MISSING_AGREEMENT_PROPOSAL_IDENTIFIER";
    let id = required(input, "agreementProposalIdentifier", missing)?;
    let rest = id.strip_prefix("ap-").or_else(|| id.strip_prefix("at-"));
    let sound = |rest: &str| {
        !rest.is_empty() && rest.len() <= 61 && rest.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    if rest.is_some_and(sound) {
        Ok(id)
    } else {
        Err(Refusal::reasoned(
            "INVALID_AGREEMENT_PROPOSAL_IDENTIFIER",
            format!("'{id}' is no proposal's id."),
        ))
    }
}

fn estimates_tax(input: &Value) -> Result<bool, Refusal> {
    let configuration = input.get("taxConfiguration").unwrap_or(&Value::Null);
    match optional_text(configuration, "taxEstimation")? {
        None | Some("DISABLED") => Ok(false),
        Some("ENABLED") => Ok(true),
        Some(_) => Err(Refusal::reasoned(
            "OTHER",
            "taxEstimation must be ENABLED or DISABLED.",
        )),
    }
}

fn superseded() -> Refusal {
    Refusal::reasoned(
        "SUPERSEDED_AGREEMENT_PROPOSAL",
        "The offer has changed since.",
    )
}

fn no_proposal(id: &str) -> Refusal {
    Refusal::absent(PROPOSAL, id, format!("Proposal '{id}' was not found."))
}

/// The Agreement API's word for it. To whom an offer is not made, it does not exist.
fn refuse(refused: Unacceptable, proposal: &str) -> Refusal {
    let message = refused.message;
    match refused.why {
        Why::OfferNotFound | Why::OfferNotReleased | Why::AccountNotTargeted => {
            no_proposal(proposal)
        }
        Why::OfferExpired => Refusal::reasoned("EXPIRED_AGREEMENT_PROPOSAL", message),
        Why::NoSuchDimension => Refusal::reasoned("INVALID_REQUESTED_TERM_CONFIGURATION", message),
        Why::OfferIncomplete => Refusal::reasoned("INCOMPATIBLE_TERMS", message),
        Why::ValueTooLarge => Refusal::Quota { message },
        Why::AlreadyAccepted(id) | Why::ActiveAgreementExists(id) => {
            Refusal::conflict("Agreement", &id, message)
        }
    }
}

/// `chargeSummary`; with estimates where a tax rate is given.
fn summary(request: &AgreementRequest, tax: Option<Decimal>) -> Wire {
    let quoted = &request.quoted;
    let currency = &quoted.schedule.currency;
    let estimate = |amount| tax.map(|rate| Estimate::of(amount, rate, currency));
    let expected = charges_by_id(quoted).map(|(id, charge, at)| {
        let timing = if at <= request.created_at {
            "ON_ACCEPTANCE"
        } else {
            "SCHEDULED"
        };
        let estimate = estimate(charge.amount);
        map([
            ("id", Some(Wire::Text(id))),
            ("time", Some(Wire::Time(at))),
            ("amount", Some(Wire::text(charge.amount.to_string()))),
            ("amountAfterTax", estimate.as_ref().map(Estimate::total)),
            ("timing", Some(Wire::text(timing))),
            ("estimatedTaxes", estimate.as_ref().map(Estimate::shown)),
        ])
    });
    let estimate = estimate(quoted.value());
    map([
        ("currencyCode", Some(Wire::text(currency))),
        (
            "newAgreementValue",
            Some(Wire::text(quoted.value().to_string())),
        ),
        (
            "newAgreementValueAfterTax",
            estimate.as_ref().map(Estimate::total),
        ),
        ("expectedCharges", Some(Wire::List(expected.collect()))),
        ("estimatedTaxes", estimate.as_ref().map(Estimate::shown)),
        ("itemizedCharges", itemized(quoted)),
        ("invoicingEntity", Some(invoicing_entity())),
    ])
}

/// What is taken of a rate card.
fn itemized(quoted: &Agreement) -> Option<Wire> {
    let key = quoted.chosen.as_ref()?;
    let (id, charge, _) = charges_by_id(quoted).next()?;
    let item = map([
        ("dimensionKey", Some(Wire::text(key))),
        ("newQuantity", Some(Wire::Int(1))),
        ("oldQuantity", Some(Wire::Int(0))),
        ("chargeReference", Some(Wire::Text(id))),
        (
            "incrementalChargeAmount",
            Some(Wire::text(charge.amount.to_string())),
        ),
    ]);
    Some(Wire::List(vec![item]))
}

/// The tax that an amount is expected to bear.
struct Estimate {
    amount: Decimal,
    rate: Decimal,
    tax: Decimal,
}

impl Estimate {
    fn of(amount: Decimal, rate: Decimal, currency: &str) -> Self {
        let tax = money::share(amount, rate, currency);
        Self { amount, rate, tax }
    }

    fn total(&self) -> Wire {
        Wire::text((self.amount + self.tax).to_string())
    }

    fn shown(&self) -> Wire {
        let part = map([
            ("amount", Some(Wire::text(self.tax.to_string()))),
            ("rate", Some(Wire::text(self.rate.to_string()))),
            ("type", Some(Wire::text("ST"))),
        ]);
        map([
            ("breakdown", Some(Wire::List(vec![part]))),
            ("totalAmount", Some(Wire::text(self.tax.to_string()))),
        ])
    }
}
