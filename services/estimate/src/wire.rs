//! Domain values in the protobuf words that gRPC answers and events share.

use countersign_kernel::Money;
use countersign_proto::common::v1 as common;

use crate::domain::content::{Content, PaymentPlan};
use crate::domain::estimate::Head;
use crate::domain::pricing::{Economics, Version};
use crate::domain::uplift::Uplift;

/// A version of the estimate, whole.
pub(crate) fn snapshot(head: &Head, version: &Version) -> common::EstimateSnapshot {
    let content = &version.content;
    common::EstimateSnapshot {
        estimate_id: head.estimate_id.to_string(),
        version: version.number,
        engagement_id: head.engagement_id.to_string(),
        customer_name: head.customer_name.clone(),
        currency_code: content.currency.code().to_owned(),
        packages: packages(version),
        payment_plan: Some(payment_plan(content, version.economics.price_total)),
        scope_description: content.scope_description.clone(),
        scope_duration: content.scope_duration.to_string(),
        valid_until: content.valid_until.to_string(),
        economics: Some(economics(&version.economics)),
        author: version.author.to_string(),
        renewal: content.renewal,
        follows_agreement_id: head.follows.clone().unwrap_or_default(),
    }
}

fn packages(version: &Version) -> Vec<common::PricedPackage> {
    let priced = version.content.packages.iter().zip(&version.prices);
    (1..)
        .zip(priced)
        .map(
            |(number, (package, price)): (u32, _)| common::PricedPackage {
                package_id: number.to_string(),
                name: package.name.clone(),
                description: package.description.clone(),
                base_price: Some(money(package.base_price)),
                price: Some(money(*price)),
            },
        )
        .collect()
}

/// The payment plan; the cap of a variable one is the price.
pub(crate) fn payment_plan(content: &Content, price: Money) -> common::PaymentPlan {
    use common::payment_plan::Plan;
    let plan = match &content.payment_plan {
        PaymentPlan::Prepaid => Plan::Prepaid(common::Prepaid {}),
        PaymentPlan::Variable => Plan::Variable(common::Variable {
            cap: Some(money(price)),
        }),
        PaymentPlan::Installments(charges) => Plan::Installments(common::Installments {
            installments: charges
                .iter()
                .map(|charge| common::Installment {
                    charge_date: charge.charge_date.to_string(),
                    amount: Some(money(charge.amount)),
                })
                .collect(),
        }),
    };
    common::PaymentPlan { plan: Some(plan) }
}

fn economics(economics: &Economics) -> common::Economics {
    common::Economics {
        base_total: Some(money(economics.base_total)),
        price_total: Some(money(economics.price_total)),
        uplift: Some(uplift(economics.uplift)),
        listing_fee_rate: economics.listing_fee_rate.to_string(),
        expected_fee: Some(money(economics.expected_fee)),
        expected_net: Some(money(economics.expected_net)),
        shortfall: Some(money(economics.shortfall)),
        effort_cost: economics.effort_cost.map(money),
        margin: economics.margin.map(money),
    }
}

/// An uplift.
pub(crate) fn uplift(uplift: Uplift) -> common::Uplift {
    use common::uplift::Kind;
    let kind = match uplift {
        Uplift::Markup(rate) => Kind::Markup(rate.to_string()),
        Uplift::GrossUp(rate) => Kind::GrossUp(rate.to_string()),
        Uplift::None => Kind::None(true),
    };
    common::Uplift { kind: Some(kind) }
}

/// An amount.
pub(crate) fn money(money: Money) -> common::Money {
    common::Money {
        currency_code: money.currency().code().to_owned(),
        amount: money.amount_text(),
    }
}
