//! What a buyer's organisation has decided about purchases: the plans by which they are approved, and
//! `GetAgreementRequestApprovalPlans` (facts §3).
//!
//! AWS has no public operation that makes a plan; here `POST /sandbox/approval-plans` gives them to an account.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agreements::Denied;
use super::contacts::is_address;
use super::ids::Ids;
use super::input::{PageSize, page_within};
use super::{Refusal, World};
use crate::wire::{Wire, map};

/// The model's limits.
const PLANS_MAX: usize = 10;
const LEVELS_MAX: usize = 6;
const APPROVERS_MAX: usize = 10;
const NAME_MAX: usize = 255;
/// Of a page of plans.
const PLANS_PAGE: PageSize = PageSize {
    least: 1,
    usual: 10,
};
/// How many approvers of a level must approve. A plan of AWS's may ask for more.
const REQUIRED_APPROVALS: i64 = 1;

/// How purchases of one account are approved; the default is that nobody has to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Policy {
    pub(super) plans: Vec<Plan>,
    /// A request is accepted with its last approval, as the model says that AWS tries to; otherwise it is
    /// APPROVED and waits for its buyer.
    #[serde(default)]
    pub(super) accepts_when_approved: bool,
}

/// Levels of approvers, asked one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plan {
    /// `aplan-…`, which the sandbox gives.
    #[serde(rename = "planReference", default, skip_deserializing)]
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) levels: Vec<Level>,
}

/// Approvers who are asked together; one of them decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Level {
    #[serde(default)]
    pub(super) name: Option<String>,
    /// E-mail addresses.
    pub(super) approvers: Vec<String>,
}

impl Policy {
    pub(super) fn requires_approval(&self) -> bool {
        !self.plans.is_empty()
    }

    /// The plan of that reference, as far as it is for these requests.
    pub(super) fn plan(&self, reference: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.reference == reference)
    }

    fn check(&self) -> Result<(), Denied> {
        let wrong = |message: String| Err(Denied::new("WRONG_PLANS", message));
        let named = |name: &str| (1..=NAME_MAX).contains(&name.chars().count());
        if self.plans.len() > PLANS_MAX {
            return wrong(format!("An account has at most {PLANS_MAX} plans."));
        }
        for plan in &self.plans {
            let levels = || plan.levels.iter();
            if !named(&plan.name) || !levels().all(|it| it.name.as_deref().is_none_or(named)) {
                return wrong(format!("A name has 1 to {NAME_MAX} characters."));
            }
            if !(1..=LEVELS_MAX).contains(&plan.levels.len()) {
                return wrong(format!("A plan has 1 to {LEVELS_MAX} levels."));
            }
            if !levels().all(|it| (1..=APPROVERS_MAX).contains(&it.approvers.len())) {
                return wrong(format!("A level has 1 to {APPROVERS_MAX} approvers."));
            }
            let mut addresses = levels().flat_map(|it| &it.approvers);
            if let Some(odd) = addresses.find(|it| !is_address(it) || it.len() > NAME_MAX) {
                return wrong(format!("'{odd}' is no e-mail address."));
            }
        }
        Ok(())
    }

    fn give_references(&mut self, ids: &mut Ids) {
        for plan in &mut self.plans {
            plan.reference = ids.request("aplan");
        }
    }
}

impl World {
    /// The plans of an account.
    pub(super) fn approval_policy(&self, account: &str) -> &Policy {
        const NONE: &Policy = &Policy {
            plans: Vec::new(),
            accepts_when_approved: false,
        };
        self.approval_policies.get(account).unwrap_or(NONE)
    }

    /// Puts a policy in place of the account's own, for the requests that it makes from now on.
    pub(crate) fn set_approval_policy(
        &mut self,
        account: &str,
        mut policy: Policy,
    ) -> Result<&Policy, Denied> {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("'{account}' is not a 12-digit account.");
            return Err(Denied::new("WRONG_ACCOUNT", message));
        }
        policy.check()?;
        policy.give_references(&mut self.ids);
        self.approval_policies.insert(account.to_owned(), policy);
        Ok(self.approval_policy(account))
    }

    /// `GetAgreementRequestApprovalPlans`: those of its account when the request was made.
    pub(crate) fn approval_plans(&self, caller: &str, input: &Value) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let plans = self.agreement_requests[position].policy.plans.iter();
        page_within(input, "items", plans.map(shown).collect(), PLANS_PAGE)
    }
}

fn shown(plan: &Plan) -> Wire {
    let levels = plan.levels.iter().map(|level| {
        let approvers = level.approvers.iter().map(|address| {
            let approver = map([("emailAddress", Some(Wire::text(address)))]);
            map([("emailApprover", Some(approver))])
        });
        level_shown(level, approvers.collect())
    });
    let plan = map([
        ("planReference", Some(Wire::text(&plan.reference))),
        ("name", Some(Wire::text(&plan.name))),
        ("levels", Some(Wire::List(levels.collect()))),
    ]);
    map([("buyerAgreementApprovalPlan", Some(plan))])
}

/// A level with its one group, of a plan or of an approval: they differ in what they say of an approver.
pub(super) fn level_shown(level: &Level, approvers: Vec<Wire>) -> Wire {
    let criteria = map([("requiredApprovalCount", Some(Wire::Int(REQUIRED_APPROVALS)))]);
    let group = map([
        ("approvalCriteria", Some(criteria)),
        ("approvers", Some(Wire::List(approvers))),
    ]);
    map([
        ("name", level.name.as_ref().map(Wire::text)),
        ("groups", Some(Wire::List(vec![group]))),
    ])
}
