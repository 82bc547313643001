//! Protobuf ↔ domain for the words that gRPC and events both say: offers, clocks, money, time.

pub(crate) mod change_order;
mod deal;
pub(crate) mod order;
pub(crate) mod payment;

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_kernel::Money;
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;

use crate::domain::clock::{self, Clock, State};
use crate::domain::deal::{ApprovedDeal, DatedAmount};
use crate::domain::intake::Intake;
use crate::domain::offer::{AwsError, Offer};
use crate::domain::plan::Plan;
use crate::domain::resale::{Kind, Split};

pub(crate) use deal::{deal, deal_from, document, economics};

/// The time as RFC 3339 in UTC.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// An amount as it goes out.
pub(crate) fn money(money: Money) -> common::Money {
    common::Money {
        currency_code: money.currency().code().to_owned(),
        amount: money.amount_text(),
    }
}

/// The charges as they go out, numbered by date.
pub(crate) fn charges(charges: &[DatedAmount]) -> Vec<common::Charge> {
    (1_u32..)
        .zip(charges)
        .map(|(number, charge)| common::Charge {
            number,
            charge_date: charge.date.to_string(),
            amount: Some(money(charge.amount)),
        })
        .collect()
}

/// AWS's errors as they go out.
pub(crate) fn aws_errors(errors: &[AwsError]) -> Vec<pb::AwsError> {
    errors
        .iter()
        .map(|error| pb::AwsError {
            code: error.code.clone(),
            message: error.message.clone(),
        })
        .collect()
}

/// The data elements of an intake (O1, N2).
pub(crate) fn data_elements(deal: &ApprovedDeal, intake: &Intake) -> pb::DataElements {
    pb::DataElements {
        engagement_id: deal.estimate.engagement_id.to_string(),
        customer_name: deal.estimate.customer_name.clone(),
        billing_terms_days: intake.billing_terms_days,
        buyer_account_id: intake.buyer_account.to_string(),
        contact_name: intake.contact_name.clone(),
        contact_email: intake.contact_email.clone(),
        total_price: Some(money(intake.total_price)),
        scope_duration: intake.scope_duration.to_string(),
        product_id: intake.listing.product_id.to_string(),
        product_title: intake.listing.title.clone(),
    }
}

/// What the notices about an offer say.
pub(crate) fn summary(offer: &Offer) -> pb::OfferSummary {
    let (deal, intake) = (&offer.basis.deal, &offer.basis.intake);
    let publication = offer.publication();
    let published = |field: fn(&crate::domain::offer::Publication) -> String| {
        publication.map(field).unwrap_or_default()
    };
    pb::OfferSummary {
        offer_id: offer.id.to_string(),
        engagement_id: offer.engagement_id().to_string(),
        aws_offer_id: published(|publication| publication.aws_offer_id.to_string()),
        url: published(|publication| publication.url.clone()),
        name: offer.terms.name.clone(),
        total_price: Some(money(deal.price())),
        expires_on: offer
            .terms
            .expires_on
            .map(|day| day.to_string())
            .unwrap_or_default(),
        buyer_account_id: intake.buyer_account.to_string(),
        contact_name: intake.contact_name.clone(),
        contact_email: intake.contact_email.clone(),
        product_title: intake.listing.title.clone(),
        customer_name: deal.estimate.customer_name.clone(),
        resale: plan(offer).split().map(|split| resale_split(offer, &split)),
    }
}

/// What is sent of the offer, or would be. Only a draft's own charge depends on the day, and who gets
/// what does not.
fn plan(offer: &Offer) -> Plan {
    let day = offer.released_at().unwrap_or(offer.basis.deal.stamped_at);
    Plan::of(offer, day.date_naive())
}

fn resale_split(offer: &Offer, split: &Split) -> pb::ResaleSplit {
    let authorization_id = match &offer.basis.kind {
        Kind::Partner(partner) => partner.authorization.id.to_string(),
        Kind::Direct | Kind::Authorization(_) => String::new(),
    };
    let payments = (1_u32..)
        .zip(&split.rows)
        .map(|(number, row)| pb::ResalePayment {
            number,
            charge_date: row.date.map(|date| date.to_string()).unwrap_or_default(),
            to_seller: Some(money(row.to_seller)),
            from_buyer: Some(money(row.from_buyer)),
        });
    pb::ResaleSplit {
        authorization_id,
        payments: payments.collect(),
        total_to_seller: Some(money(split.to_seller)),
        total_from_buyer: Some(money(split.from_buyer)),
        total_to_reseller: Some(money(split.to_reseller)),
    }
}

/// A resale authorization as it goes out; `None` of an offer of another kind.
pub(crate) fn authorization(offer: &Offer) -> Option<pb::ResaleAuthorization> {
    let Kind::Authorization(allowed) = &offer.basis.kind else {
        return None;
    };
    let listing = &offer.basis.intake.listing;
    let publication = offer.publication();
    let expires_on = offer.terms.expires_on.map(|day| day.to_string());
    Some(pb::ResaleAuthorization {
        offer_id: offer.id.to_string(),
        engagement_id: offer.engagement_id().to_string(),
        authorization_id: publication
            .map(|publication| publication.aws_offer_id.to_string())
            .unwrap_or_default(),
        name: offer.terms.name.clone(),
        product_id: listing.product_id.to_string(),
        product_title: listing.title.clone(),
        reseller_account_id: allowed.reseller.account.to_string(),
        reseller_contact_name: allowed.reseller.contact_name.clone(),
        reseller_contact_email: allowed.reseller.contact_email.clone(),
        buyer_account_ids: allowed.buyers.iter().map(ToString::to_string).collect(),
        single_use: allowed.single_use,
        expires_on: expires_on.unwrap_or_default(),
        wholesale_price: Some(money(offer.basis.deal.price())),
        charges: charges(&plan(offer).schedule),
    })
}

/// A clock as it goes out (O18).
pub(crate) fn clock(clock: &Clock) -> pb::Clock {
    let mut out = pb::Clock {
        clock_id: clock.id.clone(),
        offer_id: optional(clock.offer_id.as_ref()),
        engagement_id: clock.engagement_id.to_string(),
        owner: clock.owner().to_owned(),
        started_at: time(clock.started_at),
        due_at: time(clock.due_at),
        ..pb::Clock::default()
    };
    out.set_kind(clock_kind(clock.kind));
    match &clock.state {
        State::Running => out.set_state(pb::clock::State::Running),
        State::Settled { at, reason } => {
            out.set_state(pb::clock::State::Settled);
            (out.ended_at, out.reason) = (time(*at), reason.clone());
        }
        State::Breached { at } => {
            out.set_state(pb::clock::State::Breached);
            out.ended_at = time(*at);
        }
    }
    out
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The kind of a clock as it goes out.
pub(crate) const fn clock_kind(kind: clock::Kind) -> pb::ClockKind {
    match kind {
        clock::Kind::Publish => pb::ClockKind::Publish,
        clock::Kind::AgreementVisible => pb::ClockKind::AgreementVisible,
        clock::Kind::Registration => pb::ClockKind::Registration,
        clock::Kind::Identification => pb::ClockKind::Identification,
        clock::Kind::BuyerContact => pb::ClockKind::BuyerContact,
        clock::Kind::CancellationSilence => pb::ClockKind::CancellationSilence,
        clock::Kind::PaymentRequest => pb::ClockKind::PaymentRequest,
        clock::Kind::OfferExpiry => pb::ClockKind::OfferExpiry,
        clock::Kind::Renewal120 => pb::ClockKind::Renewal120,
        clock::Kind::Renewal90 => pb::ClockKind::Renewal90,
        clock::Kind::Renewal60 => pb::ClockKind::Renewal60,
    }
}
