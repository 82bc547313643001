//! A seller's approval policy: data, not code (A1, A3, A8).

use super::subject::Part;

/// The most steps a policy may have.
pub const MAX_STEPS: usize = 20;
/// The most checklist items a policy may have.
pub const MAX_CHECKLIST_ITEMS: usize = 50;

/// Which steps a case goes through, in order, and what else must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    steps: Vec<PolicyStep>,
    checklist: Vec<String>,
    one_person_may_decide_several_steps: bool,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStep {
    /// Its name, such as "leadership".
    pub name: String,
    /// The role that decides it.
    pub role: String,
    /// The parts of the deal that its approval binds (A4).
    pub binds: Vec<Part>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFault {
    /// No step, or more than [`MAX_STEPS`].
    StepCount,
    /// Two steps of one name.
    StepNameRepeated,
    /// A step that binds nothing approves nothing.
    StepBindsNothing,
    /// A5: the last step's approval is the stamp, so it must bind the whole deal.
    LastStepMustBindAll,
    /// Two items of one name, or more than [`MAX_CHECKLIST_ITEMS`].
    Checklist,
}

impl Policy {
    /// Takes a policy that makes sense.
    ///
    /// # Errors
    /// Every [`PolicyFault`] there is, not the first.
    pub fn new(
        steps: Vec<PolicyStep>,
        checklist: Vec<String>,
        one_person_may_decide_several_steps: bool,
    ) -> Result<Self, Vec<PolicyFault>> {
        let last_binds_all = steps
            .last()
            .is_none_or(|step| Part::ALL.iter().all(|part| step.binds.contains(part)));
        let checks = [
            (
                PolicyFault::StepCount,
                (1..=MAX_STEPS).contains(&steps.len()),
            ),
            (
                PolicyFault::StepNameRepeated,
                distinct(steps.iter().map(|step| &step.name)),
            ),
            (
                PolicyFault::StepBindsNothing,
                steps.iter().all(|step| !step.binds.is_empty()),
            ),
            (PolicyFault::LastStepMustBindAll, last_binds_all),
            (
                PolicyFault::Checklist,
                checklist.len() <= MAX_CHECKLIST_ITEMS && distinct(checklist.iter()),
            ),
        ];
        let faults: Vec<_> = checks
            .into_iter()
            .filter_map(|(fault, holds)| (!holds).then_some(fault))
            .collect();
        if faults.is_empty() {
            Ok(Self {
                steps,
                checklist,
                one_person_may_decide_several_steps,
            })
        } else {
            Err(faults)
        }
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[PolicyStep] {
        &self.steps
    }

    /// What must be done or waived before the offer goes out (A8).
    #[must_use]
    pub fn checklist(&self) -> &[String] {
        &self.checklist
    }

    /// Whether one person may decide several steps of one case (A3).
    #[must_use]
    pub const fn one_person_may_decide_several_steps(&self) -> bool {
        self.one_person_may_decide_several_steps
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().all(|name| seen.insert(name))
}
