//! The seller's pricing rules, as data (E2, E3).

use countersign_kernel::{Decimal, Rate};

use super::fee::ListingFee;
use super::form::PlanForm;
use super::rejection::{Reason, Rejection, Violations};
use super::uplift::{Uplift, UpliftForm};

/// Which uplift applies and which payment plans may be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricingPolicy {
    /// From base to price (E3).
    pub uplift: Uplift,
    /// Whether a single charge on acceptance is allowed (E2).
    pub allow_prepaid: bool,
    /// Whether scheduled charges are allowed (E2).
    pub allow_installments: bool,
    /// Whether milestone requests up to a cap are allowed (E2).
    pub allow_variable: bool,
}

impl Default for PricingPolicy {
    /// S0's rules: raise by 2.5 %, prepaid only. A seller without a policy of its own has these.
    fn default() -> Self {
        // 25/1000 is a rate by construction; ZERO stands for what cannot be.
        let markup = Rate::new(Decimal::new(25, 3)).unwrap_or(Rate::ZERO);
        Self {
            uplift: Uplift::Markup(markup),
            allow_prepaid: true,
            allow_installments: false,
            allow_variable: false,
        }
    }
}

impl PricingPolicy {
    /// Whether the plan may be offered (E2).
    #[must_use]
    pub fn allows(&self, plan: &PlanForm) -> bool {
        match plan {
            PlanForm::Prepaid => self.allow_prepaid,
            PlanForm::Installments(_) => self.allow_installments,
            PlanForm::Variable(_) => self.allow_variable,
        }
    }
}

/// A policy as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyForm {
    /// The uplift, when said.
    pub uplift: Option<UpliftForm>,
    /// As in [`PricingPolicy`].
    pub allow_prepaid: bool,
    /// As in [`PricingPolicy`].
    pub allow_installments: bool,
    /// As in [`PricingPolicy`].
    pub allow_variable: bool,
}

impl PolicyForm {
    /// The policy.
    ///
    /// # Errors
    /// [`Rejection::Invalid`]: an uplift and at least one payment plan are needed.
    pub fn check(&self) -> Result<PricingPolicy, Rejection> {
        let mut wrong = Violations::default();
        let uplift = UpliftForm::check(self.uplift.as_ref(), &mut wrong, "policy.uplift");
        wrong.ensure(
            self.allow_prepaid || self.allow_installments || self.allow_variable,
            "policy",
            Reason::PaymentPlanRequired,
            "allow at least one payment plan",
        );
        wrong.finish(uplift).map(|uplift| PricingPolicy {
            uplift,
            allow_prepaid: self.allow_prepaid,
            allow_installments: self.allow_installments,
            allow_variable: self.allow_variable,
        })
    }
}

/// All data that pricing depends on, as it stands when a version is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PricingRules {
    /// The seller's policy.
    pub policy: PricingPolicy,
    /// The listing fees known to the seller: its own and the default ones.
    pub fees: Vec<ListingFee>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2, E3: S0's rules.
    #[test]
    fn the_default_is_the_handbook() {
        let policy = PricingPolicy::default();
        assert_eq!(policy.uplift, Uplift::Markup(Rate::parse("0.025").unwrap()));
        assert!(policy.allows(&PlanForm::Prepaid));
        assert!(!policy.allows(&PlanForm::Installments(Vec::new())));
        assert!(!policy.allows(&PlanForm::Variable(None)));
    }
}
