//! Protobuf ↔ domain for the words that gRPC and events both say: the approved deal, money, time.

pub(crate) mod change_order;
pub(crate) mod order;
pub(crate) mod payment;

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_kernel::{Currency, Money};
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;

use crate::domain::clock::{self, Clock, State};
use crate::domain::deal::{
    ApprovedDeal, DatedAmount, Document, DocumentKind, Economics, Estimate, MediaType, Package,
    PaymentPlan, Uplift,
};
use crate::domain::intake::Intake;
use crate::domain::offer::{AwsError, Offer};
use crate::domain::plan::Plan;
use crate::domain::resale::{Kind, Split};

/// A deal that cannot be read: the event is parked, nothing is guessed.
#[derive(Debug, thiserror::Error)]
#[error("{0} is missing or cannot be read")]
pub(crate) struct Unreadable(&'static str);

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
        owner: clock.kind.owner().to_owned(),
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

/// The approved deal as it came (A4).
pub(crate) fn deal_from(deal: &common::ApprovedDeal) -> Result<ApprovedDeal, Unreadable> {
    let estimate = deal.estimate.as_ref().ok_or(Unreadable("deal.estimate"))?;
    Ok(ApprovedDeal {
        case_id: read(&deal.case_id, "deal.case_id")?,
        estimate: estimate_from(estimate)?,
        documents: deal
            .documents
            .iter()
            .map(document_from)
            .collect::<Result<_, _>>()?,
        digest: read(&deal.digest, "deal.digest")?,
        stamped_by: read(&deal.stamped_by, "deal.stamped_by")?,
        stamped_at: read(&deal.stamped_at, "deal.stamped_at")?,
    })
}

fn read<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, Unreadable> {
    text.parse().map_err(|_| Unreadable(field))
}

fn amount(
    given: Option<&common::Money>,
    currency: Currency,
    field: &'static str,
) -> Result<Money, Unreadable> {
    let given = given.filter(|given| given.currency_code == currency.code());
    let given = given.ok_or(Unreadable(field))?;
    Money::parse(&given.amount, currency).map_err(|_| Unreadable(field))
}

fn estimate_from(estimate: &common::EstimateSnapshot) -> Result<Estimate, Unreadable> {
    let currency = read(&estimate.currency_code, "estimate.currency_code")?;
    let packages = estimate
        .packages
        .iter()
        .map(|package| package_from(package, currency));
    let economics = estimate
        .economics
        .as_ref()
        .ok_or(Unreadable("estimate.economics"))?;
    Ok(Estimate {
        id: estimate.estimate_id.clone(),
        version: estimate.version,
        engagement_id: read(&estimate.engagement_id, "estimate.engagement_id")?,
        customer_name: estimate.customer_name.clone(),
        currency,
        packages: packages.collect::<Result<_, _>>()?,
        payment_plan: plan_from(estimate.payment_plan.as_ref(), currency)?,
        scope_description: estimate.scope_description.clone(),
        scope_duration: read(&estimate.scope_duration, "estimate.scope_duration")?,
        valid_until: read(&estimate.valid_until, "estimate.valid_until")?,
        economics: economics_from(economics, currency)?,
        author: read(&estimate.author, "estimate.author")?,
        renewal: estimate.renewal,
        follows: match estimate.follows_agreement_id.as_str() {
            "" => None,
            id => Some(read(id, "estimate.follows_agreement_id")?),
        },
    })
}

fn package_from(
    package: &common::PricedPackage,
    currency: Currency,
) -> Result<Package, Unreadable> {
    Ok(Package {
        id: package.package_id.clone(),
        name: package.name.clone(),
        description: package.description.clone(),
        base_price: amount(package.base_price.as_ref(), currency, "package.base_price")?,
        price: amount(package.price.as_ref(), currency, "package.price")?,
    })
}

fn plan_from(
    plan: Option<&common::PaymentPlan>,
    currency: Currency,
) -> Result<PaymentPlan, Unreadable> {
    use common::payment_plan::Plan;
    match plan
        .and_then(|plan| plan.plan.as_ref())
        .ok_or(Unreadable("payment_plan"))?
    {
        Plan::Prepaid(_) => Ok(PaymentPlan::Prepaid),
        Plan::Variable(variable) => {
            let cap = amount(variable.cap.as_ref(), currency, "payment_plan.variable.cap")?;
            Ok(PaymentPlan::Variable { cap })
        }
        Plan::Installments(list) => {
            let installments = list.installments.iter().map(|installment| {
                Ok(DatedAmount {
                    date: read(&installment.charge_date, "installment.charge_date")?,
                    amount: amount(installment.amount.as_ref(), currency, "installment.amount")?,
                })
            });
            Ok(PaymentPlan::Installments(
                installments.collect::<Result<_, _>>()?,
            ))
        }
    }
}

fn economics_from(
    economics: &common::Economics,
    currency: Currency,
) -> Result<Economics, Unreadable> {
    use common::uplift::Kind;
    let needed = |given: &Option<common::Money>, field| amount(given.as_ref(), currency, field);
    let optional = |given: &Option<common::Money>, field| {
        given
            .as_ref()
            .map(|given| amount(Some(given), currency, field))
            .transpose()
    };
    let uplift = economics
        .uplift
        .as_ref()
        .and_then(|uplift| uplift.kind.as_ref());
    Ok(Economics {
        base_total: needed(&economics.base_total, "economics.base_total")?,
        price_total: needed(&economics.price_total, "economics.price_total")?,
        uplift: match uplift.ok_or(Unreadable("economics.uplift"))? {
            Kind::Markup(rate) => Uplift::Markup(rate_from(rate)?),
            Kind::GrossUp(rate) => Uplift::GrossUp(rate_from(rate)?),
            Kind::None(_) => Uplift::None,
        },
        listing_fee_rate: rate_from(&economics.listing_fee_rate)?,
        expected_fee: needed(&economics.expected_fee, "economics.expected_fee")?,
        expected_net: needed(&economics.expected_net, "economics.expected_net")?,
        shortfall: needed(&economics.shortfall, "economics.shortfall")?,
        effort_cost: optional(&economics.effort_cost, "economics.effort_cost")?,
        margin: optional(&economics.margin, "economics.margin")?,
    })
}

fn rate_from(text: &str) -> Result<countersign_kernel::Rate, Unreadable> {
    countersign_kernel::Rate::parse(text).map_err(|_| Unreadable("economics rate"))
}

fn document_from(document: &common::Document) -> Result<Document, Unreadable> {
    Ok(Document {
        id: document.document_id.clone(),
        kind: match document.kind() {
            common::DocumentKind::Sow => DocumentKind::Sow,
            common::DocumentKind::Eula => DocumentKind::Eula,
            common::DocumentKind::Annex => DocumentKind::Annex,
            common::DocumentKind::ResellerContract => DocumentKind::ResellerContract,
            common::DocumentKind::Unspecified | common::DocumentKind::SignedSow => {
                return Err(Unreadable("document.kind"));
            }
        },
        file_name: document.file_name.clone(),
        media_type: match document.media_type.as_str() {
            "application/pdf" => MediaType::Pdf,
            "text/plain" => MediaType::PlainText,
            _ => return Err(Unreadable("document.media_type")),
        },
        size_bytes: u64::try_from(document.size_bytes)
            .map_err(|_| Unreadable("document.size_bytes"))?,
        digest: read(&document.digest, "document.digest")?,
    })
}

/// The approved deal as it goes out: what [`deal_from`] read.
pub(crate) fn deal(deal: &ApprovedDeal) -> common::ApprovedDeal {
    common::ApprovedDeal {
        case_id: deal.case_id.to_string(),
        estimate: Some(estimate(&deal.estimate)),
        documents: deal.documents.iter().map(document).collect(),
        digest: deal.digest.to_string(),
        stamped_by: deal.stamped_by.to_string(),
        stamped_at: time(deal.stamped_at),
    }
}

fn estimate(estimate: &Estimate) -> common::EstimateSnapshot {
    common::EstimateSnapshot {
        estimate_id: estimate.id.clone(),
        version: estimate.version,
        engagement_id: estimate.engagement_id.to_string(),
        customer_name: estimate.customer_name.clone(),
        currency_code: estimate.currency.code().to_owned(),
        packages: estimate.packages.iter().map(package).collect(),
        payment_plan: Some(payment_plan(&estimate.payment_plan)),
        scope_description: estimate.scope_description.clone(),
        scope_duration: estimate.scope_duration.to_string(),
        valid_until: estimate.valid_until.to_string(),
        economics: Some(economics(&estimate.economics)),
        author: estimate.author.to_string(),
        renewal: estimate.renewal,
        follows_agreement_id: estimate
            .follows
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn package(package: &Package) -> common::PricedPackage {
    common::PricedPackage {
        package_id: package.id.clone(),
        name: package.name.clone(),
        description: package.description.clone(),
        base_price: Some(money(package.base_price)),
        price: Some(money(package.price)),
    }
}

fn payment_plan(plan: &PaymentPlan) -> common::PaymentPlan {
    use common::payment_plan::Plan;
    let plan = match plan {
        PaymentPlan::Prepaid => Plan::Prepaid(common::Prepaid {}),
        PaymentPlan::Variable { cap } => Plan::Variable(common::Variable {
            cap: Some(money(*cap)),
        }),
        PaymentPlan::Installments(installments) => Plan::Installments(common::Installments {
            installments: installments
                .iter()
                .map(|installment| common::Installment {
                    charge_date: installment.date.to_string(),
                    amount: Some(money(installment.amount)),
                })
                .collect(),
        }),
    };
    common::PaymentPlan { plan: Some(plan) }
}

/// What the deal should bring, as it goes out (R1).
pub(crate) fn economics(economics: &Economics) -> common::Economics {
    use common::uplift::Kind;
    let kind = match economics.uplift {
        Uplift::Markup(rate) => Kind::Markup(rate.to_string()),
        Uplift::GrossUp(rate) => Kind::GrossUp(rate.to_string()),
        Uplift::None => Kind::None(true),
    };
    common::Economics {
        base_total: Some(money(economics.base_total)),
        price_total: Some(money(economics.price_total)),
        uplift: Some(common::Uplift { kind: Some(kind) }),
        listing_fee_rate: economics.listing_fee_rate.to_string(),
        expected_fee: Some(money(economics.expected_fee)),
        expected_net: Some(money(economics.expected_net)),
        shortfall: Some(money(economics.shortfall)),
        effort_cost: economics.effort_cost.map(money),
        margin: economics.margin.map(money),
    }
}

/// A document as it goes out.
pub(crate) fn document(document: &Document) -> common::Document {
    let kind = match document.kind {
        DocumentKind::Sow => common::DocumentKind::Sow,
        DocumentKind::Eula => common::DocumentKind::Eula,
        DocumentKind::Annex => common::DocumentKind::Annex,
        DocumentKind::ResellerContract => common::DocumentKind::ResellerContract,
    };
    let media_type = match document.media_type {
        MediaType::Pdf => "application/pdf",
        MediaType::PlainText => "text/plain",
    };
    common::Document {
        document_id: document.id.clone(),
        kind: kind.into(),
        file_name: document.file_name.clone(),
        media_type: media_type.to_owned(),
        size_bytes: i64::try_from(document.size_bytes).unwrap_or(i64::MAX),
        digest: document.digest.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    #[test]
    fn a_deal_comes_back_as_it_went_out() {
        let mut variants = vec![sample::deal()];
        for plan in [
            PaymentPlan::Variable {
                cap: sample::usd("102500.00"),
            },
            PaymentPlan::Installments(vec![DatedAmount {
                date: sample::day("2026-04-01"),
                amount: sample::usd("102500.00"),
            }]),
        ] {
            let mut other = sample::deal();
            other.estimate.payment_plan = plan;
            other.estimate.economics.uplift = Uplift::None;
            other.estimate.economics.margin = Some(sample::usd("-5.00"));
            variants.push(other);
        }
        for variant in variants {
            assert_eq!(deal_from(&deal(&variant)).unwrap(), variant);
        }
    }

    #[test]
    fn a_deal_that_cannot_be_read_says_what() {
        let mut other = deal(&sample::deal());
        other.documents[0].kind = common::DocumentKind::SignedSow.into();
        assert_eq!(
            deal_from(&other).unwrap_err().to_string(),
            "document.kind is missing or cannot be read"
        );
        let mut other = deal(&sample::deal());
        other.estimate.as_mut().unwrap().currency_code = "EUR".into();
        assert!(deal_from(&other).is_err());
    }
}
