//! A buyer's agreement requests as they are shown: the quote itself, `GetAgreementRequest`,
//! `GetAgreementRequestTerms`, `ListAgreementRequests` (facts §3).

use rust_decimal::Decimal;
use serde_json::Value;

use super::adjustments::invoicing_entity;
use super::agreement_requests::{AgreementRequest, QuoteStatus};
use super::change_sets::optional_text;
use super::entitlements::charges_by_id;
use super::input::{PageSize, page_within, status, usual_scope};
use super::model::Agreement;
use super::search::{AGREEMENT_TYPE, party, proposal};
use super::{Refusal, World, agreement_terms, money};
use crate::wire::{Wire, map};

/// The model's sizes of a page of terms; what it is when nobody asks is not told.
const TERMS_PAGE: PageSize = PageSize {
    least: 10,
    usual: 50,
};
/// Of a page of requests, or of approvals.
pub(super) const LIST_PAGE: PageSize = PageSize {
    least: 1,
    usual: 20,
};

impl World {
    /// `GetAgreementRequest`.
    pub(crate) fn get_agreement_request(
        &self,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let request = &self.agreement_requests[position];
        let mut fields = self.quote_fields(request);
        fields.extend([
            ("agreementId", made(request)),
            // No other intent is for professional services.
            ("intent", Some(Wire::text("NEW"))),
            ("proposer", Some(party(&request.quoted.proposer))),
            ("proposalSummary", Some(proposal(&request.quoted))),
        ]);
        Ok(map(fields))
    }

    /// `GetAgreementRequestTerms`: the terms as they were quoted, in the shapes of an agreement's.
    pub(crate) fn agreement_request_terms(
        &self,
        caller: &str,
        input: &Value,
        base: &str,
    ) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let terms = agreement_terms::terms(&self.agreement_requests[position].quoted, base);
        page_within(input, "terms", terms, TERMS_PAGE)
    }

    /// `ListAgreementRequests`: the caller's own, newest first.
    pub(crate) fn list_agreement_requests(
        &self,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        usual_scope(input)?;
        let status = status(input, &QuoteStatus::WORDS)?;
        let resource = resource_id(input)?;
        let own = self.agreement_requests.iter().rev().filter(|request| {
            request.quoted.acceptor == caller
                && status.is_none_or(|status| request.status.as_str() == status)
                && resource.is_none_or(|id| request.quoted.product_id == id)
        });
        let items = own.map(|request| {
            map([
                ("agreementRequestId", Some(Wire::text(&request.id))),
                ("agreementType", Some(Wire::text(AGREEMENT_TYPE))),
                ("status", Some(Wire::text(request.status.as_str()))),
                ("agreementId", made(request)),
                ("proposalSummary", Some(proposal(&request.quoted))),
            ])
        });
        page_within(input, "items", items.collect(), LIST_PAGE)
    }

    /// What `CreateAgreementRequest` answers.
    pub(super) fn quote_shown(&self, position: usize) -> Wire {
        map(self.quote_fields(&self.agreement_requests[position]))
    }

    fn quote_fields(&self, request: &AgreementRequest) -> Vec<(&'static str, Option<Wire>)> {
        let tax = request.with_tax.then_some(self.facts.tax_rate);
        let requirement = if request.policy.requires_approval() {
            "REQUIRED"
        } else {
            "NOT_REQUIRED"
        };
        vec![
            ("agreementRequestId", Some(Wire::text(&request.id))),
            ("agreementType", Some(Wire::text(AGREEMENT_TYPE))),
            ("chargeSummary", Some(summary(request, tax))),
            ("status", Some(Wire::text(request.status.as_str()))),
            ("approvalRequirement", Some(Wire::text(requirement))),
            ("createdAt", Some(Wire::Time(request.created_at))),
        ]
    }
}

/// The agreement that came of it. Its id is told no earlier, as there is nothing that could be read by it.
fn made(request: &AgreementRequest) -> Option<Wire> {
    (request.status == QuoteStatus::Accepted).then(|| Wire::text(&request.quoted.id))
}

/// `resourceId`, when it is there: `[A-Za-z0-9_/-]{1,64}`.
fn resource_id(input: &Value) -> Result<Option<&str>, Refusal> {
    let sound = |id: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_/-".contains(&byte);
        (1..=64).contains(&id.len()) && id.bytes().all(known)
    };
    match optional_text(input, "resourceId")? {
        Some(id) if !sound(id) => Err(Refusal::reasoned(
            "INVALID_RESOURCE_ID",
            format!("'{id}' is no resource's id."),
        )),
        id => Ok(id),
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
        let order = quoted.orders.get(&id);
        map([
            (
                "purchaseOrderReference",
                order.map(|order| Wire::text(&order.reference)),
            ),
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
