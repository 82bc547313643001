//! A policy in and out: data, all of whose faults are named at once (A1).

use countersign_platform::{Rejection, Violations};
use countersign_proto::approval::v1;

use super::parse::name;
use super::render::words;
use crate::domain::policy::{MAX_CHECKLIST_ITEMS, MAX_STEPS, PolicyFault, PolicyStep};
use crate::domain::{Part, Policy};
use crate::permissions::DECIDERS;

/// A policy that makes sense, or everything that does not.
pub(super) fn parse(policy: Option<&v1::ApprovalPolicy>) -> Result<Policy, Rejection> {
    let mut wrong = Violations::default();
    let Some(policy) = wrong.present("policy", policy) else {
        return Err(wrong.into_rejection());
    };
    let mut steps = Vec::new();
    for (index, step) in policy.steps.iter().enumerate().take(MAX_STEPS + 1) {
        let parsed = wrong.within(format!("policy.steps[{index}]"), |wrong| {
            policy_step(wrong, step)
        });
        steps.extend(parsed);
    }
    let mut checklist = Vec::new();
    for (index, item) in policy
        .checklist
        .iter()
        .enumerate()
        .take(MAX_CHECKLIST_ITEMS + 1)
    {
        checklist.extend(name(
            &mut wrong,
            &format!("policy.checklist[{index}]"),
            item,
        ));
    }
    if !wrong.is_empty() {
        return Err(wrong.into_rejection());
    }
    let parsed = Policy::new(steps, checklist, policy.one_person_may_decide_several_steps);
    let parsed = parsed.map_err(|faults| faults.into_iter().for_each(|one| fault(&mut wrong, one)));
    wrong.finish(parsed.ok())
}

fn policy_step(wrong: &mut Violations, step: &v1::PolicyStep) -> Option<PolicyStep> {
    let step_name = name(wrong, "name", &step.name);
    // Callers' roles come in lower case.
    let role = name(wrong, "role", &step.role).map(|role| role.to_lowercase());
    let decides = |role: &String| DECIDERS.contains(&role.as_str());
    if role.as_ref().is_some_and(|role| !decides(role)) {
        let roles = DECIDERS.join(", ");
        wrong.add("role", "ROLE_UNKNOWN", format!("one of {roles}"));
    }
    let mut binds = Vec::new();
    for (index, word) in step.binds.iter().enumerate() {
        let part = Part::from_word(word);
        if part.is_none() {
            let words = Part::ALL.map(Part::word).join(", ");
            wrong.add(
                &format!("binds[{index}]"),
                "PART_UNKNOWN",
                format!("one of {words}"),
            );
        }
        binds.extend(part);
    }
    let (name, role) = step_name.zip(role)?;
    Some(PolicyStep { name, role, binds })
}

fn fault(wrong: &mut Violations, fault: PolicyFault) {
    let (field, reason, what) = match fault {
        PolicyFault::StepCount => ("policy.steps", "STEP_COUNT", format!("1 to {MAX_STEPS}")),
        PolicyFault::StepNameRepeated => (
            "policy.steps",
            "STEP_NAME_REPEATED",
            "each name once".to_owned(),
        ),
        PolicyFault::StepBindsNothing => (
            "policy.steps",
            "STEP_BINDS_NOTHING",
            "each step binds a part".to_owned(),
        ),
        PolicyFault::LastStepMustBindAll => (
            "policy.steps",
            "LAST_STEP_MUST_BIND_ALL",
            "the last step stamps, so it binds every part".to_owned(),
        ),
        PolicyFault::Checklist => (
            "policy.checklist",
            "CHECKLIST_INVALID",
            format!("each item once, at most {MAX_CHECKLIST_ITEMS}"),
        ),
    };
    wrong.add(field, reason, what);
}

/// A policy.
pub(super) fn render(policy: &Policy) -> v1::ApprovalPolicy {
    let steps = policy.steps().iter().map(|step| v1::PolicyStep {
        name: step.name.clone(),
        role: step.role.clone(),
        binds: words(&step.binds),
    });
    v1::ApprovalPolicy {
        steps: steps.collect(),
        checklist: policy.checklist().to_vec(),
        one_person_may_decide_several_steps: policy.one_person_may_decide_several_steps(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::grpc::parse::tests::{expected, reasons};

    #[test]
    fn a_policy_s_faults_are_all_named() {
        let step = |name: &str, binds: &[&str]| v1::PolicyStep {
            name: name.to_owned(),
            role: "Legal".to_owned(),
            binds: binds.iter().map(|word| (*word).to_owned()).collect(),
        };
        let put = |steps, checklist: &[&str]| {
            parse(Some(&v1::ApprovalPolicy {
                steps,
                checklist: checklist.iter().map(|item| (*item).to_owned()).collect(),
                one_person_may_decide_several_steps: false,
            }))
        };
        let all = Part::ALL.map(Part::word);
        let parsed = put(vec![step("legal", &all)], &["a"]).unwrap();
        assert_eq!(
            parsed.steps()[0].role,
            "legal",
            "roles are compared in lower case"
        );
        assert_eq!(
            reasons(put(vec![step("", &["prize"])], &[" "])),
            expected(&[
                ("policy.steps[0].name", "REQUIRED"),
                ("policy.steps[0].binds[0]", "PART_UNKNOWN"),
                ("policy.checklist[0]", "INVALID"),
            ])
        );
        // P5: nobody could decide a step of a role that may not call.
        let king = v1::PolicyStep {
            role: "king".to_owned(),
            ..step("legal", &all)
        };
        assert_eq!(
            reasons(put(vec![king], &[])),
            expected(&[("policy.steps[0].role", "ROLE_UNKNOWN")])
        );
        assert_eq!(
            reasons(put(vec![step("a", &["price"])], &["x", "x"])),
            expected(&[
                ("policy.steps", "LAST_STEP_MUST_BIND_ALL"),
                ("policy.checklist", "CHECKLIST_INVALID"),
            ])
        );
        assert_eq!(reasons(parse(None)), expected(&[("policy", "REQUIRED")]));
    }

    fn word() -> impl Strategy<Value = String> {
        let known = [
            "", "legal", "Legal", "revenue", "king", "price", "scope", "every", "document",
        ];
        prop_oneof![
            prop::sample::select(known.to_vec()).prop_map(str::to_owned),
            "\\PC{0,12}"
        ]
    }

    fn any_policy() -> impl Strategy<Value = v1::ApprovalPolicy> {
        let words = || prop::collection::vec(word(), 0..4);
        let step = (word(), word(), words());
        let step = step.prop_map(|(name, role, binds)| v1::PolicyStep { name, role, binds });
        let steps = prop::collection::vec(step, 0..MAX_STEPS + 3);
        let checklist = prop::collection::vec(word(), 0..MAX_CHECKLIST_ITEMS + 3);
        (steps, checklist, any::<bool>()).prop_map(|(steps, checklist, several)| {
            v1::ApprovalPolicy {
                steps,
                checklist,
                one_person_may_decide_several_steps: several,
            }
        })
    }

    /// A policy, or what is wrong with it, as it prints.
    fn told(policy: &v1::ApprovalPolicy) -> String {
        format!("{:?}", parse(Some(policy)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// A1: whatever anybody puts as a policy makes sense or is refused, always alike; what makes
        /// sense is bounded.
        #[test]
        fn any_policy_makes_sense_or_is_refused(policy in any_policy()) {
            prop_assert_eq!(told(&policy), told(&policy));
            if parse(Some(&policy)).is_ok() {
                prop_assert!((1..=MAX_STEPS).contains(&policy.steps.len()));
                prop_assert!(policy.checklist.len() <= MAX_CHECKLIST_ITEMS);
            }
        }

        /// A1: so does a policy of which any byte was changed on its way, if it is one at all.
        #[test]
        fn a_spoilt_policy_makes_sense_or_is_refused(
            policy in any_policy(),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut bytes = policy.encode_to_vec();
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(policy) = v1::ApprovalPolicy::decode(bytes.as_slice()) {
                prop_assert_eq!(told(&policy), told(&policy));
            }
        }
    }
}
