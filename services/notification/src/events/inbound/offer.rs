//! What offer tells.

use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as offer;

use super::told::{Malformed, Told, amount, given, line, record};
use crate::domain::cause::{CauseKind, Contact, Value};

/// N2: every data element of O1.
pub(super) fn intake_completed(event: &offer::IntakeCompleted) -> Result<Told, Malformed> {
    let elements = given("elements", event.elements.as_ref())?;
    Told::new(CauseKind::IntakeCompleted)
        .engagement(&elements.engagement_id)
        .internal("customer_name", &elements.customer_name)
        .internal(
            "billing_terms_days",
            elements.billing_terms_days.to_string(),
        )
        .internal("buyer_account_id", &elements.buyer_account_id)
        .internal("contact_name", &elements.contact_name)
        .internal("contact_email", &elements.contact_email)
        .internal("scope_duration", &elements.scope_duration)
        .internal("product_id", &elements.product_id)
        .internal("product_title", &elements.product_title)
        .money("total_price", elements.total_price.as_ref())
}

pub(super) fn published(event: &offer::OfferPublished) -> Result<Told, Malformed> {
    about_offer(CauseKind::OfferPublished, event.offer.as_ref())
        .and_then(for_the_buyer)
        .map(|told| told.shared("published_at", &event.published_at))
}

pub(super) fn publish_overdue(event: &offer::OfferPublishOverdue) -> Told {
    Told::new(CauseKind::OfferPublishOverdue)
        .internal("offer_id", &event.offer_id)
        .internal("change_set_id", &event.change_set_id)
        .internal("released_at", &event.released_at)
}

pub(super) fn release_failed(event: &offer::OfferReleaseFailed) -> Told {
    Told::new(CauseKind::OfferReleaseFailed)
        .internal("offer_id", &event.offer_id)
        .internal("change_set_id", &event.change_set_id)
        .list("errors", aws_errors(&event.errors))
}

/// AWS's errors, each with its code.
pub(super) fn aws_errors(errors: &[offer::AwsError]) -> Vec<Value> {
    let errors = errors.iter().map(|error| {
        record([
            ("code", line(&error.code)),
            ("message", line(&error.message)),
        ])
    });
    errors.collect()
}

pub(super) fn expiry_changed(event: &offer::OfferExpiryChanged) -> Result<Told, Malformed> {
    about_offer(CauseKind::OfferExpiryChanged, event.offer.as_ref())
        .and_then(for_the_buyer)
        .map(|told| told.shared("previous_expires_on", &event.previous_expires_on))
}

pub(super) fn cancelled(event: &offer::OfferCancelled) -> Result<Told, Malformed> {
    Ok(
        about_offer(CauseKind::OfferCancelled, event.offer.as_ref())?
            .internal("reason", &event.reason)
            .internal("cancelled_by", &event.cancelled_by),
    )
}

pub(super) fn expired(event: &offer::OfferExpired) -> Result<Told, Malformed> {
    about_offer(CauseKind::OfferExpired, event.offer.as_ref())
}

pub(super) fn agreement_accepted(event: &offer::AgreementAccepted) -> Result<Told, Malformed> {
    let economics = given("economics", event.economics.as_ref())?;
    let charges: Result<Vec<Value>, Malformed> = event.charges.iter().map(charge).collect();
    let told = about_offer(CauseKind::AgreementAccepted, event.offer.as_ref())?
        .internal("agreement_id", &event.agreement_id)
        .internal("accepted_at", &event.accepted_at)
        .internal("starts_at", &event.starts_at)
        .internal("ends_at", &event.ends_at)
        .internal("acceptor_account_id", &event.acceptor_account_id)
        .internal("billing_terms_days", event.billing_terms_days.to_string())
        .internal("product_id", &event.product_id)
        .internal("approved_digest", &event.approved_digest)
        .list("charges", charges?)
        .money("base_total", economics.base_total.as_ref())?
        .money("price_total", economics.price_total.as_ref())?;
    let resold = event.offer.as_ref().and_then(|offer| offer.resale.as_ref());
    // What is resold brings the reseller its margin, and costs it no fee: the manufacturer pays one (O5).
    if let Some(split) = resold {
        return told
            .money("wholesale", split.total_to_seller.as_ref())?
            .money("expected_net", split.total_to_reseller.as_ref());
    }
    told.internal("listing_fee_rate", &economics.listing_fee_rate)
        .money("expected_fee", economics.expected_fee.as_ref())?
        .money("expected_net", economics.expected_net.as_ref())
}

fn charge(charge: &common::Charge) -> Result<Value, Malformed> {
    Ok(record([
        ("number", line(charge.number.to_string())),
        ("charge_date", line(&charge.charge_date)),
        (
            "amount",
            line(amount("charges.amount", charge.amount.as_ref())?),
        ),
    ]))
}

/// What every notice about an offer says, the buyer's too (E5: the final price, nothing behind it).
/// A buyer who was never sent a link hears nothing.
fn about_offer(kind: CauseKind, offer: Option<&offer::OfferSummary>) -> Result<Told, Malformed> {
    let offer = given("offer", offer)?;
    let has_link = is_link(&offer.url)?;
    let mut told = Told::new(kind)
        .engagement(&offer.engagement_id)
        .shared("offer_id", &offer.offer_id)
        .shared("aws_offer_id", &offer.aws_offer_id)
        .shared("offer_url", &offer.url)
        .shared("offer_name", &offer.name)
        .shared(
            "total_price",
            amount("offer.total_price", offer.total_price.as_ref())?,
        )
        .shared("expires_on", &offer.expires_on)
        .shared("buyer_account_id", &offer.buyer_account_id)
        .shared("contact_name", &offer.contact_name)
        .shared("contact_email", &offer.contact_email)
        .shared("product_title", &offer.product_title)
        .shared("customer_name", &offer.customer_name);
    if has_link && !offer.contact_email.trim().is_empty() {
        told.buyer = Some(Contact::new(&offer.contact_name, &offer.contact_email));
    }
    Ok(told)
}

/// Whether there is a link: it goes into the buyer's mail, where only the web may be linked to.
fn is_link(url: &str) -> Result<bool, Malformed> {
    if url.is_empty() || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(!url.is_empty());
    }
    Err(Malformed::new("offer.url", "is no http or https URL"))
}

/// N1: of an offer that can be accepted the buyer must hear.
fn for_the_buyer(told: Told) -> Result<Told, Malformed> {
    if told.buyer.is_some() {
        return Ok(told);
    }
    Err(Malformed::new(
        "offer",
        "lacks the link or the contact's e-mail address",
    ))
}
