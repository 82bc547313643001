//! From domain values to answers.

use countersign_kernel::chrono::SecondsFormat;
use countersign_proto::estimate::v1 as proto;
use countersign_proto::estimate::v1::estimate::State as ProtoState;

use crate::domain::State;
use crate::domain::content::{Effort, WorkPackage};
use crate::domain::customer_view::CustomerView;
use crate::domain::difference::Difference;
use crate::domain::estimate::Head;
use crate::domain::fee::ListingFee;
use crate::domain::policy::PricingPolicy;
use crate::domain::pricing::Version;
use crate::domain::solver::Solution;
use crate::wire;

/// A version of an estimate, and where the estimate stands.
pub(super) fn estimate(state: &State, head: &Head, version: &Version) -> proto::Estimate {
    let mut estimate = proto::Estimate {
        estimate_id: head.estimate_id.to_string(),
        version: version.number,
        latest_version: head.latest.number,
        state: standing(state).into(),
        snapshot: Some(wire::snapshot(head, version)),
        content: Some(content(version)),
        created_at: version
            .created_at
            .to_rfc3339_opts(SecondsFormat::Micros, true),
        follows_agreement_id: head.follows.clone().unwrap_or_default(),
        ..proto::Estimate::default()
    };
    match state {
        State::ChangesRequested(_, request) => {
            estimate.change_request.clone_from(&request.comment);
        }
        State::Approved(_, digest) => estimate.approved_digest = digest.to_string(),
        State::Withdrawn(_, withdrawal) => {
            estimate.withdrawal_reason.clone_from(&withdrawal.reason);
        }
        State::Absent | State::Draft(_) | State::Submitted(_) | State::Expired(_) => {}
    }
    estimate
}

const fn standing(state: &State) -> ProtoState {
    match state {
        State::Absent => ProtoState::Unspecified,
        State::Draft(_) => ProtoState::Draft,
        State::Submitted(_) => ProtoState::Submitted,
        State::ChangesRequested(..) => ProtoState::ChangesRequested,
        State::Approved(..) => ProtoState::Approved,
        State::Withdrawn(..) => ProtoState::Withdrawn,
        State::Expired(_) => ProtoState::Expired,
    }
}

fn content(version: &Version) -> proto::EstimateContent {
    let content = &version.content;
    proto::EstimateContent {
        currency_code: content.currency.code().to_owned(),
        packages: content.packages.iter().map(package).collect(),
        payment_plan: Some(wire::payment_plan(content, version.economics.price_total)),
        scope_description: content.scope_description.clone(),
        scope_duration: content.scope_duration.to_string(),
        valid_until: content.valid_until.to_string(),
        stated_total: None,
        buyer_region: content.buyer_region.clone().unwrap_or_default(),
        renewal: content.renewal,
    }
}

fn package(package: &WorkPackage) -> proto::WorkPackage {
    proto::WorkPackage {
        name: package.name.clone(),
        description: package.description.clone(),
        billing: proto::Billing::FixedPrice.into(),
        base_price: Some(wire::money(package.base_price)),
        effort: package.effort.iter().map(effort).collect(),
    }
}

fn effort(effort: &Effort) -> proto::Effort {
    proto::Effort {
        role: effort.role.clone(),
        hours: effort.hours.to_string(),
        cost_rate: Some(wire::money(effort.cost_rate)),
    }
}

/// What the customer may see (E5).
pub(super) fn customer_view(head: &Head, version: &Version) -> proto::CustomerView {
    let view = CustomerView::from(version);
    proto::CustomerView {
        estimate_id: head.estimate_id.to_string(),
        version: version.number,
        customer_name: head.customer_name.clone(),
        lines: view
            .lines
            .iter()
            .map(|line| proto::CustomerLine {
                name: line.name.to_owned(),
                description: line.description.to_owned(),
                price: Some(wire::money(line.price)),
            })
            .collect(),
        total: Some(wire::money(view.total)),
        payment_plan: Some(wire::payment_plan(&version.content, view.total)),
        scope_description: view.scope_description.to_owned(),
        scope_duration: view.scope_duration.to_string(),
        valid_until: view.valid_until.to_string(),
    }
}

pub(super) fn difference(difference: Difference) -> proto::Difference {
    let Difference {
        field,
        before,
        after,
    } = difference;
    proto::Difference {
        field,
        before,
        after,
    }
}

pub(super) fn solution(solution: Solution) -> proto::SolveResponse {
    proto::SolveResponse {
        base: solution.base.map(wire::money),
        price: Some(wire::money(solution.price)),
        fee: Some(wire::money(solution.fee)),
        net: Some(wire::money(solution.net)),
    }
}

pub(super) fn policy(policy: &PricingPolicy) -> proto::PricingPolicy {
    proto::PricingPolicy {
        uplift: Some(wire::uplift(policy.uplift)),
        allow_prepaid: policy.allow_prepaid,
        allow_installments: policy.allow_installments,
        allow_variable: policy.allow_variable,
    }
}

pub(super) fn listing_fee(fee: &ListingFee) -> proto::ListingFee {
    proto::ListingFee {
        product_type: fee.product_type.clone(),
        offer_kind: fee.offer_kind.code().to_owned(),
        region: fee.region.clone().unwrap_or_default(),
        minimum_contract_value: fee.minimum_contract_value.map(wire::money),
        renewal: fee.renewal,
        rate: fee.rate.to_string(),
        effective_from: fee.effective_from.to_string(),
        own: fee.own,
    }
}
