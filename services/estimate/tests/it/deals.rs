//! Requests, as a caller writes them.

use countersign_proto::common::v1 as common;
use countersign_proto::estimate::v1 as proto;

pub(crate) fn usd(amount: &str) -> common::Money {
    common::Money {
        currency_code: "USD".to_owned(),
        amount: amount.to_owned(),
    }
}

pub(crate) fn package(name: &str, base_price: &str) -> proto::WorkPackage {
    proto::WorkPackage {
        name: name.to_owned(),
        description: format!("{name}, as described in the statement of work"),
        billing: proto::Billing::FixedPrice.into(),
        base_price: Some(usd(base_price)),
        effort: Vec::new(),
    }
}

pub(crate) fn prepaid() -> common::PaymentPlan {
    let plan = common::payment_plan::Plan::Prepaid(common::Prepaid {});
    common::PaymentPlan { plan: Some(plan) }
}

pub(crate) fn installments(charges: &[(&str, &str)]) -> common::PaymentPlan {
    let installments = charges
        .iter()
        .map(|(date, amount)| common::Installment {
            charge_date: (*date).to_owned(),
            amount: Some(usd(amount)),
        })
        .collect();
    let plan = common::payment_plan::Plan::Installments(common::Installments { installments });
    common::PaymentPlan { plan: Some(plan) }
}

pub(crate) fn markup(rate: &str) -> common::Uplift {
    common::Uplift {
        kind: Some(common::uplift::Kind::Markup(rate.to_owned())),
    }
}

/// S0's deal: three packages, 100 000.00 USD, prepaid, 90 days.
pub(crate) fn handbook() -> proto::EstimateContent {
    proto::EstimateContent {
        currency_code: "USD".to_owned(),
        packages: vec![
            package("Assessment", "50000.00"),
            package("Implementation", "30000.00"),
            package("Training", "20000.00"),
        ],
        payment_plan: Some(prepaid()),
        scope_description: "Move the build farm".to_owned(),
        scope_duration: "P90D".to_owned(),
        valid_until: "2027-01-31".to_owned(),
        stated_total: Some(usd("100000.00")),
        buyer_region: String::new(),
        renewal: false,
    }
}

pub(crate) fn create(
    engagement: &str,
    content: proto::EstimateContent,
) -> proto::CreateEstimateRequest {
    proto::CreateEstimateRequest {
        engagement_id: engagement.to_owned(),
        customer_name: "Example Corp".to_owned(),
        content: Some(content),
    }
}

pub(crate) fn submit(estimate: &proto::Estimate) -> proto::SubmitEstimateRequest {
    proto::SubmitEstimateRequest {
        estimate_id: estimate.estimate_id.clone(),
        expected_version: estimate.version,
    }
}

pub(crate) fn revise(
    estimate: &proto::Estimate,
    content: proto::EstimateContent,
) -> proto::ReviseEstimateRequest {
    proto::ReviseEstimateRequest {
        estimate_id: estimate.estimate_id.clone(),
        expected_version: estimate.version,
        content: Some(content),
    }
}

pub(crate) fn get(estimate: &proto::Estimate, version: u32) -> proto::GetEstimateRequest {
    proto::GetEstimateRequest {
        estimate_id: estimate.estimate_id.clone(),
        version,
    }
}
