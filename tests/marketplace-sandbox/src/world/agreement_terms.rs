//! `GetAgreementTerms`: the terms of an agreement in the shapes of the Agreement API's union.

use chrono::{NaiveDate, NaiveTime};

use super::entities::document_url;
use super::model::{Agreement, Document, PriceIncrease, Renewal, VariableAgreed};
use super::pricing::{Pricing, constraint};
use crate::wire::{Wire, map};

type Fields = Vec<(&'static str, Option<Wire>)>;

/// How long a payment request waits before silence is approval.
pub(super) const APPROVAL_PERIOD: &str = "P10D";

/// The accepted terms, in the order in which the agreement lists them.
pub(super) fn terms(agreement: &Agreement, base: &str) -> Vec<Wire> {
    agreement
        .terms
        .iter()
        .filter_map(|(kind, id)| {
            let (member, fields) = match *kind {
                "LegalTerm" => ("legalTerm", legal(agreement, base)),
                "FixedUpfrontPricingTerm" => ("fixedUpfrontPricingTerm", fixed(agreement)?),
                "ConfigurableUpfrontPricingTerm" => {
                    ("configurableUpfrontPricingTerm", configurable(agreement)?)
                }
                "ValidityTerm" => ("validityTerm", validity(agreement)?),
                "PaymentScheduleTerm" => ("paymentScheduleTerm", schedule(agreement)),
                "VariablePaymentTerm" => (
                    "variablePaymentTerm",
                    variable(agreement.variable.as_ref()?),
                ),
                "RenewalTerm" => (
                    "renewalTerm",
                    renewal(agreement.renewal.as_ref()?, !agreement.renewal_declined),
                ),
                _ => ("netPaymentTerm", net_payment(agreement)?),
            };
            let head = [
                ("type", Some(Wire::text(*kind))),
                ("id", Some(Wire::text(id))),
            ];
            Some(map([(member, Some(map(head.into_iter().chain(fields))))]))
        })
        .collect()
}

fn legal(agreement: &Agreement, base: &str) -> Fields {
    let item = |document: &Document| match document {
        Document::CustomEula { .. } => map([
            ("type", Some(Wire::text("CustomEula"))),
            ("url", document_url(document, base).map(Wire::Text)),
        ]),
        Document::StandardEula { version } => map([
            ("type", Some(Wire::text("StandardEula"))),
            ("version", Some(Wire::text(version))),
        ]),
    };
    let documents = agreement.legal.iter().map(item).collect();
    vec![("documents", Some(Wire::List(documents)))]
}

/// The rate card, and what the buyer took of it.
fn configurable(agreement: &Agreement) -> Option<Fields> {
    let Some(Pricing::Configurable(term)) = &agreement.pricing else {
        return None;
    };
    let cards = term.cards.iter().map(|card| {
        let rates = card.rates.iter().map(|rate| {
            map([
                ("dimensionKey", Some(Wire::text(&rate.dimension_key))),
                ("price", Some(Wire::text(rate.price.to_string()))),
            ])
        });
        let (several, any) = (card.several_dimensions, card.any_quantity);
        map([
            (
                "selector",
                Some(map([
                    ("type", Some(Wire::text("Duration"))),
                    ("value", Some(Wire::text(&card.duration))),
                ])),
            ),
            (
                "constraints",
                Some(map([
                    (
                        "multipleDimensionSelection",
                        Some(Wire::text(constraint(several))),
                    ),
                    ("quantityConfiguration", Some(Wire::text(constraint(any)))),
                ])),
            ),
            ("rateCard", Some(Wire::List(rates.collect()))),
        ])
    });
    let taken = map([
        ("dimensionKey", agreement.chosen.as_ref().map(Wire::text)),
        ("dimensionValue", Some(Wire::Int(1))),
    ]);
    let configuration = map([
        (
            "selectorValue",
            term.cards.first().map(|card| Wire::text(&card.duration)),
        ),
        ("dimensions", Some(Wire::List(vec![taken]))),
    ]);
    Some(vec![
        ("currencyCode", Some(Wire::text(&term.currency))),
        ("rateCards", Some(Wire::List(cards.collect()))),
        ("configuration", Some(configuration)),
    ])
}

fn fixed(agreement: &Agreement) -> Option<Fields> {
    let Some(Pricing::Fixed(term)) = &agreement.pricing else {
        return None;
    };
    let grants = term.grants.iter().map(|grant| {
        let quantity = grant
            .max_quantity
            .map(|quantity| Wire::Int(quantity.into()));
        map([
            ("dimensionKey", Some(Wire::text(&grant.dimension_key))),
            ("maxQuantity", quantity),
        ])
    });
    Some(vec![
        ("currencyCode", Some(Wire::text(&term.currency))),
        ("duration", term.duration.as_ref().map(Wire::text)),
        ("price", Some(Wire::text(term.price.to_string()))),
        ("grants", Some(Wire::List(grants.collect()))),
    ])
}

fn validity(agreement: &Agreement) -> Option<Fields> {
    let term = agreement.validity.as_ref()?;
    Some(vec![
        ("agreementDuration", term.duration.as_ref().map(Wire::text)),
        ("agreementStartDate", term.start.map(midnight)),
        ("agreementEndDate", term.end.map(midnight)),
    ])
}

fn schedule(agreement: &Agreement) -> Fields {
    let rows = agreement.schedule.charges.iter().map(|charge| {
        map([
            ("chargeDate", Some(midnight(charge.date))),
            ("chargeAmount", Some(Wire::text(charge.amount.to_string()))),
        ])
    });
    vec![
        (
            "currencyCode",
            Some(Wire::text(&agreement.schedule.currency)),
        ),
        ("schedule", Some(Wire::List(rows.collect()))),
    ]
}

fn variable(agreed: &VariableAgreed) -> Fields {
    let strategy = if agreed.auto_approve {
        "AUTO_APPROVE_ON_EXPIRATION"
    } else {
        "WAIT_FOR_APPROVAL"
    };
    let configuration = map([
        ("paymentRequestApprovalStrategy", Some(Wire::text(strategy))),
        (
            "expirationDuration",
            agreed.auto_approve.then(|| Wire::text(APPROVAL_PERIOD)),
        ),
    ]);
    vec![
        ("currencyCode", Some(Wire::text(&agreed.term.currency))),
        (
            "maxTotalChargeAmount",
            Some(Wire::text(agreed.term.cap.to_string())),
        ),
        ("configuration", Some(configuration)),
    ]
}

fn renewal(term: &Renewal, enabled: bool) -> Fields {
    let days = |days: u32| Wire::text(format!("P{days}D"));
    let increase = term.increase.as_ref().map(|increase| match increase {
        PriceIncrease::Fixed(value) => {
            let fixed = map([("value", Some(Wire::text(value.to_string())))]);
            map([("fixedPercentage", Some(fixed))])
        }
        PriceIncrease::Range { min, max, default } => {
            let range = map([
                ("minValue", Some(Wire::text(min.to_string()))),
                ("maxValue", Some(Wire::text(max.to_string()))),
                ("defaultValue", Some(Wire::text(default.to_string()))),
            ]);
            map([("percentageRange", Some(range))])
        }
    });
    let enabled = map([("enableAutoRenew", Some(Wire::Bool(enabled)))]);
    vec![
        ("configuration", Some(enabled)),
        ("lockoutPeriod", Some(days(term.lockout))),
        ("adjustmentDeadline", term.deadline.map(days)),
        ("maxRenewals", term.max.map(|max| Wire::Int(max.into()))),
        ("priceIncrease", increase),
    ]
}

fn net_payment(agreement: &Agreement) -> Option<Fields> {
    let period = agreement.net_payment.as_ref()?;
    Some(vec![("paymentDuePeriod", Some(Wire::text(period)))])
}

fn midnight(day: NaiveDate) -> Wire {
    Wire::Time(day.and_time(NaiveTime::MIN).and_utc())
}
