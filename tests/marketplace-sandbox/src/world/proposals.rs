//! What a buyer accepts by API: an offer's revision as a proposal, and the terms of it that are asked for
//! with their configurations (facts §3).
//!
//! A buyer finds both by AWS's Discovery API; here `GET /sandbox/offers` tells them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Refusal;
use super::agreement_terms::APPROVAL_PERIOD;
use super::agreements::terms_of;
use super::change_sets::optional_text;
use super::ids::derived;
use super::input::required;
use super::model::Offer;
use super::pricing::Pricing;

/// The most terms that one request may name.
const TERMS_MAX: usize = 30;
/// The terms that a buyer must configure, and by which member.
const CONFIGURED: [(&str, &str); 3] = [
    (
        "ConfigurableUpfrontPricingTerm",
        "configurableUpfrontPricingTermConfiguration",
    ),
    ("RenewalTerm", "renewalTermConfiguration"),
    ("VariablePaymentTerm", "variablePaymentTermConfiguration"),
];

/// The proposal that an offer is, as it stands.
pub(crate) fn proposal_id(offer: &Offer) -> String {
    derived("ap", &format!("{}@{}", offer.id, offer.revision))
}

/// Its terms: type and id. An agreement's terms have ids of their own.
pub(crate) fn proposed_terms(offer: &Offer) -> Vec<(&'static str, String)> {
    let id = |kind| derived("term", &format!("{}/{kind}", offer.id));
    terms_of(offer)
        .into_iter()
        .map(|kind| (kind, id(kind)))
        .collect()
}

/// How a buyer configured the terms.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) auto_approve: bool,
    pub(super) declines_renewal: bool,
    pub(super) dimension_key: Option<String>,
}

/// `requestedTerms` by their ids: 1 to 30, none twice.
pub(super) fn requested(input: &Value) -> Result<BTreeMap<&str, &Value>, Refusal> {
    let wrong = |reason, message: &str| Err(Refusal::reasoned(reason, message));
    let sent = match input.get("requestedTerms") {
        None | Some(Value::Null) => {
            return wrong("MISSING_REQUESTED_TERMS", "requestedTerms is required.");
        }
        Some(Value::Array(sent)) if (1..=TERMS_MAX).contains(&sent.len()) => sent,
        Some(_) => return wrong("INVALID_REQUESTED_TERMS", "Name 1 to 30 terms."),
    };
    let mut terms = BTreeMap::new();
    for term in sent {
        let id = required(term, "id", "MISSING_REQUESTED_TERM_ID")?;
        let configuration = term.get("configuration").unwrap_or(&Value::Null);
        if terms.insert(id, configuration).is_some() {
            return wrong("INVALID_REQUESTED_TERMS", "A term is named twice.");
        }
    }
    Ok(terms)
}

/// The requested terms against the offer's: all of them, each configured as it must be.
pub(super) fn wanted(
    offer: &Offer,
    mut requested: BTreeMap<&str, &Value>,
) -> Result<Wanted, Refusal> {
    let mut wanted = Wanted::default();
    for (kind, id) in proposed_terms(offer) {
        let Some(configuration) = requested.remove(id.as_str()) else {
            let message = format!("The {kind} must be among the requested terms.");
            return Err(Refusal::reasoned("MISSING_MANDATORY_TERMS", message));
        };
        if let Some(configuration) = configuration_of(kind, configuration)? {
            configure(&mut wanted, offer, kind, configuration)?;
        }
    }
    match requested.keys().next() {
        None => Ok(wanted),
        Some(id) => Err(Refusal::reasoned(
            "INVALID_REQUESTED_TERM_ID",
            format!("The proposal has no term {id}."),
        )),
    }
}

fn invalid(kind: &str, message: &str) -> Refusal {
    Refusal::reasoned(
        "INVALID_REQUESTED_TERM_CONFIGURATION",
        format!("{kind}: {message}."),
    )
}

/// The configuration of a term of that type, where it takes one.
fn configuration_of<'a>(kind: &str, sent: &'a Value) -> Result<Option<&'a Value>, Refusal> {
    let member = CONFIGURED
        .iter()
        .find(|(configured, _)| *configured == kind);
    match (member, sent) {
        (None, Value::Null) => Ok(None),
        (None, _) => Err(invalid(kind, "it takes no configuration")),
        (Some(_), Value::Null) => {
            let message = format!("The {kind} must be configured.");
            Err(Refusal::reasoned(
                "MISSING_REQUESTED_TERM_CONFIGURATION",
                message,
            ))
        }
        (Some((_, member)), sent) => sent
            .get(member)
            .map(Some)
            .ok_or_else(|| invalid(kind, "the configuration is another term's")),
    }
}

fn configure(
    wanted: &mut Wanted,
    offer: &Offer,
    kind: &str,
    configuration: &Value,
) -> Result<(), Refusal> {
    match kind {
        "RenewalTerm" => {
            let renew = configuration.get("enableAutoRenew");
            let renew = renew.and_then(Value::as_bool);
            let renew = renew.ok_or_else(|| invalid(kind, "enableAutoRenew is required"))?;
            wanted.declines_renewal = !renew;
        }
        "VariablePaymentTerm" => wanted.auto_approve = approves(kind, configuration)?,
        _ => wanted.dimension_key = Some(dimension(offer, kind, configuration)?),
    }
    Ok(())
}

fn approves(kind: &str, configuration: &Value) -> Result<bool, Refusal> {
    let period = optional_text(configuration, "expirationDuration")?;
    match optional_text(configuration, "paymentRequestApprovalStrategy")? {
        Some("WAIT_FOR_APPROVAL") if period.is_none() => Ok(false),
        Some("AUTO_APPROVE_ON_EXPIRATION")
            if period.is_none_or(|period| period == APPROVAL_PERIOD) =>
        {
            Ok(true)
        }
        _ => Err(invalid(
            kind,
            "AUTO_APPROVE_ON_EXPIRATION after P10D, or WAIT_FOR_APPROVAL",
        )),
    }
}

/// The one dimension of the rate card that is taken, once.
fn dimension(offer: &Offer, kind: &str, configuration: &Value) -> Result<String, Refusal> {
    let duration = offer.pricing.as_ref().and_then(Pricing::duration);
    if optional_text(configuration, "selectorValue")? != duration {
        return Err(invalid(kind, "selectorValue is not the rate card's"));
    }
    let dimensions = configuration.get("dimensions").and_then(Value::as_array);
    let [dimension] = dimensions.map_or(&[][..], Vec::as_slice) else {
        return Err(invalid(kind, "take exactly one dimension"));
    };
    if dimension.get("dimensionValue").and_then(Value::as_i64) != Some(1) {
        return Err(invalid(kind, "take the dimension once"));
    }
    let key = optional_text(dimension, "dimensionKey")?;
    key.map(str::to_owned)
        .ok_or_else(|| invalid(kind, "dimensionKey is required"))
}
