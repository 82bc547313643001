//! The approved deal (A4): protobuf ↔ domain.

use countersign_kernel::{Currency, Money};
use countersign_proto::common::v1 as common;

use super::{money, time};
use crate::domain::deal::{
    ApprovedDeal, DatedAmount, Document, DocumentKind, Economics, Estimate, MediaType, Package,
    PaymentPlan, Uplift,
};

/// A deal that cannot be read: the event is parked, nothing is guessed.
#[derive(Debug, thiserror::Error)]
#[error("{0} is missing or cannot be read")]
pub(crate) struct Unreadable(&'static str);

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
