//! From requests to the domain's forms. Nothing is judged here: a form may hold anything.

use countersign_platform::Rejection as Refusal;
use countersign_proto::common::v1 as common;
use countersign_proto::estimate::v1 as proto;
use uuid::Uuid;

use crate::commands::refusal::refusal;
use crate::domain::Rejection;
use crate::domain::fee::ListingFeeForm;
use crate::domain::form::{
    ContentForm, EffortForm, InstallmentForm, MoneyForm, PackageForm, PlanForm,
};
use crate::domain::policy::PolicyForm;
use crate::domain::solver::{GivenForm, SolveForm};
use crate::domain::uplift::UpliftForm;

/// The name of an estimate. What is no id names no estimate.
pub(super) fn estimate_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| refusal(Rejection::NotFound))
}

pub(super) fn content(content: Option<&proto::EstimateContent>) -> ContentForm {
    let Some(content) = content else {
        return ContentForm::default();
    };
    ContentForm {
        currency_code: content.currency_code.clone(),
        packages: content.packages.iter().map(package).collect(),
        payment_plan: content.payment_plan.as_ref().and_then(plan),
        scope_description: content.scope_description.clone(),
        scope_duration: content.scope_duration.clone(),
        valid_until: content.valid_until.clone(),
        stated_total: content.stated_total.as_ref().map(money),
        buyer_region: content.buyer_region.clone(),
        renewal: content.renewal,
    }
}

fn package(package: &proto::WorkPackage) -> PackageForm {
    PackageForm {
        name: package.name.clone(),
        description: package.description.clone(),
        fixed_price: package.billing() == proto::Billing::FixedPrice,
        base_price: package.base_price.as_ref().map(money),
        effort: package.effort.iter().map(effort).collect(),
    }
}

fn effort(effort: &proto::Effort) -> EffortForm {
    EffortForm {
        role: effort.role.clone(),
        hours: effort.hours.clone(),
        cost_rate: effort.cost_rate.as_ref().map(money),
    }
}

fn plan(plan: &common::PaymentPlan) -> Option<PlanForm> {
    use common::payment_plan::Plan;
    Some(match plan.plan.as_ref()? {
        Plan::Prepaid(common::Prepaid {}) => PlanForm::Prepaid,
        Plan::Variable(variable) => PlanForm::Variable(variable.cap.as_ref().map(money)),
        Plan::Installments(charges) => {
            let charges = charges.installments.iter().map(|charge| InstallmentForm {
                charge_date: charge.charge_date.clone(),
                amount: charge.amount.as_ref().map(money),
            });
            PlanForm::Installments(charges.collect())
        }
    })
}

fn money(money: &common::Money) -> MoneyForm {
    MoneyForm {
        currency_code: money.currency_code.clone(),
        amount: money.amount.clone(),
    }
}

fn uplift(uplift: &common::Uplift) -> Option<UpliftForm> {
    use common::uplift::Kind;
    Some(match uplift.kind.as_ref()? {
        Kind::Markup(rate) => UpliftForm::Markup(rate.clone()),
        Kind::GrossUp(rate) => UpliftForm::GrossUp(rate.clone()),
        Kind::None(_) => UpliftForm::None,
    })
}

pub(super) fn solve(request: &proto::SolveRequest) -> SolveForm {
    use proto::solve_request::Given;
    SolveForm {
        uplift: request.uplift.as_ref().and_then(uplift),
        listing_fee_rate: request.listing_fee_rate.clone(),
        given: request.given.as_ref().map(|given| match given {
            Given::TargetNet(net) => GivenForm::TargetNet(money(net)),
            Given::Price(price) => GivenForm::Price(money(price)),
            Given::Base(base) => GivenForm::Base(money(base)),
        }),
    }
}

pub(super) fn policy(policy: Option<&proto::PricingPolicy>) -> PolicyForm {
    let Some(policy) = policy else {
        return PolicyForm::default();
    };
    PolicyForm {
        uplift: policy.uplift.as_ref().and_then(uplift),
        allow_prepaid: policy.allow_prepaid,
        allow_installments: policy.allow_installments,
        allow_variable: policy.allow_variable,
    }
}

pub(super) fn listing_fee(fee: Option<&proto::ListingFee>) -> ListingFeeForm {
    let Some(fee) = fee else {
        return ListingFeeForm::default();
    };
    // Any value in any currency is said by an empty currency.
    let minimum = fee.minimum_contract_value.as_ref();
    let minimum = minimum.filter(|minimum| !minimum.currency_code.is_empty());
    ListingFeeForm {
        product_type: fee.product_type.clone(),
        offer_kind: fee.offer_kind.clone(),
        region: fee.region.clone(),
        minimum_contract_value: minimum.map(money),
        renewal: fee.renewal,
        rate: fee.rate.clone(),
        effective_from: fee.effective_from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// A policy, or what is wrong with it, as it prints.
    fn told(given: &proto::PricingPolicy) -> String {
        format!("{:?}", policy(Some(given)).check())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// E2, E3: whatever bytes anybody sends as a policy are one or are refused, always alike.
        #[test]
        fn any_bytes_are_a_policy_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(given) = proto::PricingPolicy::decode(bytes.as_slice()) {
                prop_assert_eq!(told(&given), told(&given));
            }
        }

        /// E3: so is any rate, however it is written, with any byte of the policy changed.
        #[test]
        fn any_rate_is_one_or_is_refused(
            rate in prop_oneof!["-?[0-9]{0,30}[.]?[0-9]{0,40}", "[0-9]e[0-9]{1,9}", "\\PC{0,12}"],
            gross_up: bool,
            at in any::<prop::sample::Index>(),
            byte in prop::option::of(any::<u8>()),
        ) {
            use common::uplift::Kind;
            let kind = if gross_up { Kind::GrossUp(rate) } else { Kind::Markup(rate) };
            let given = proto::PricingPolicy {
                uplift: Some(common::Uplift { kind: Some(kind) }),
                ..proto::PricingPolicy::default()
            };
            let mut bytes = given.encode_to_vec();
            if let Some(byte) = byte {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(given) = proto::PricingPolicy::decode(bytes.as_slice()) {
                prop_assert_eq!(told(&given), told(&given));
            }
        }
    }
}
