//! Opening a case, deciding its steps, voiding what a change touches, stamping (A1, A3, A4, A5).

use countersign_kernel::{Digest, Principal};
use uuid::Uuid;

use super::Rejection;
use super::command::{Decision, Facts};
use super::decide::Draft;
use super::document::check_complete;
use super::dossier::{Case, Dossier, Outcome, Phase, Stamp, Step, Submission, Verdict};
use super::estimate::Estimate;
use super::event::Event;
use super::policy::Policy;
use super::subject::Parts;

/// A decision as it was asked for.
pub(super) struct Asked {
    pub(super) step: String,
    pub(super) decision: Decision,
    pub(super) comment: String,
    pub(super) subject_digest: Digest,
}

/// A1: one case per engagement, once estimate, SOW and EULA are there.
pub(super) fn open(
    mut draft: Draft,
    case_id: Uuid,
    policy: Policy,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    if draft.state().case.is_some() {
        return Err(Rejection::CaseAlreadyOpen);
    }
    let estimate = live_estimate(draft.state())?;
    in_validity(estimate, facts)?;
    check_complete(&draft.state().documents)?;
    let nothing_else_to_do = policy.checklist().is_empty();
    draft.record(Event::CaseOpened { case_id, policy });
    if nothing_else_to_do {
        draft.record(Event::ChecklistCompleted);
    }
    Ok(draft.finish())
}

/// Approves, asks for changes, or rejects; the last approval stamps.
pub(super) fn decide_step(
    mut draft: Draft,
    asked: Asked,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let case = draft.state().case.as_ref().ok_or(Rejection::CaseNotOpen)?;
    let step = named_step(case, &asked.step)?;
    if !facts.actor.roles.contains(&step.policy.role) {
        return Err(Rejection::RoleMissing {
            role: step.policy.role.clone(),
        });
    }
    in_review(case)?;
    let estimate = live_estimate(draft.state())?;
    let parts = Parts::of(estimate, &draft.state().documents);
    if parts.subject() != asked.subject_digest {
        return Err(Rejection::StaleDigest);
    }
    its_turn(case, step)?;
    not_their_own(estimate, facts)?;
    not_a_second_step(case, facts)?;
    let verdict = Verdict {
        by: facts.actor.principal.clone(),
        at: facts.now,
        comment: asked.comment,
        bound: parts.bound(&step.policy.binds),
    };
    match asked.decision {
        Decision::RequestChanges => {
            draft.record(Event::ChangesRequested {
                step: asked.step,
                verdict,
            });
        }
        Decision::Reject => draft.record(Event::CaseRejected {
            step: asked.step,
            verdict,
        }),
        Decision::Approve => {
            in_validity(estimate, facts)?;
            check_complete(&draft.state().documents)?;
            let stamp = Stamp {
                digest: parts.subject(),
                by: verdict.by.clone(),
                at: verdict.at,
            };
            draft.record(Event::StepApproved {
                step: asked.step,
                verdict,
            });
            if draft
                .state()
                .case
                .as_ref()
                .is_some_and(|case| case.open_step().is_none())
            {
                draft.record(Event::DealStamped(stamp));
            }
        }
    }
    Ok(draft.finish())
}

/// A4: after a change, voids just the approvals that it touches: whose bound parts differ, or
/// whose approver wrote the new version (A3). The last one is the stamp on all the others (A5), so
/// it falls with any of them.
pub(super) fn reconsider(draft: &mut Draft, reason: &'static str) {
    let (Some(case), Some(estimate)) = (&draft.state().case, draft.state().last_estimate()) else {
        return;
    };
    if case.phase == Phase::Rejected {
        return;
    }
    let parts = Parts::of(estimate, &draft.state().documents);
    let touched = |step: &&Step| {
        step.outcome.approval().is_some_and(|verdict| {
            verdict.bound != parts.bound(&step.policy.binds) || wrote(estimate, &verdict.by)
        })
    };
    let mut voided: Vec<String> = case
        .steps
        .iter()
        .filter(touched)
        .map(|step| step.policy.name.clone())
        .collect();
    if voided.is_empty() {
        return;
    }
    voided.extend(approved_last(case).filter(|last| !voided.contains(last)));
    let stamp = case.phase.stamp().map(|stamp| stamp.digest);
    for step in voided {
        draft.record(Event::ApprovalVoided { step });
    }
    if let Some(digest) = stamp {
        draft.record(Event::StampVoided { digest, reason });
    }
}

/// A new version that says the same as the stamped one: the stamp holds and is told again, so that
/// what others carry on is the newest version.
pub(super) fn restamp(draft: &mut Draft) {
    let stamp = draft
        .state()
        .case
        .as_ref()
        .and_then(|case| case.phase.stamp())
        .cloned();
    if let Some(stamp) = stamp {
        draft.record(Event::DealStamped(stamp));
    }
}

/// The estimate is gone: the stamp, and the approval that gave it, no longer hold.
pub(super) fn withdraw_stamp(draft: &mut Draft, reason: &'static str) {
    let Some(case) = &draft.state().case else {
        return;
    };
    if let (Some(stamp), Some(step)) = (case.phase.stamp().cloned(), approved_last(case)) {
        draft.record(Event::ApprovalVoided { step });
        draft.record(Event::StampVoided {
            digest: stamp.digest,
            reason,
        });
    }
}

/// The last step's name, if it holds.
fn approved_last(case: &Case) -> Option<String> {
    let last = case
        .steps
        .last()
        .filter(|step| step.outcome.approval().is_some());
    last.map(|step| step.policy.name.clone())
}

/// The version under approval.
fn live_estimate(state: &Dossier) -> Result<&Estimate, Rejection> {
    match &state.estimate {
        Submission::Live(estimate) => Ok(estimate),
        Submission::None | Submission::Lost { .. } => Err(Rejection::NoSubmittedEstimate),
    }
}

/// E7: the last valid day counts whole.
fn in_validity(estimate: &Estimate, facts: &Facts) -> Result<(), Rejection> {
    if facts.now.date_naive() > estimate.valid_until {
        return Err(Rejection::EstimateExpired {
            valid_until: estimate.valid_until,
        });
    }
    Ok(())
}

fn named_step<'a>(case: &'a Case, name: &str) -> Result<&'a Step, Rejection> {
    let step = case.steps.iter().find(|step| step.policy.name == name);
    step.ok_or_else(|| Rejection::StepUnknown {
        step: name.to_owned(),
    })
}

fn in_review(case: &Case) -> Result<(), Rejection> {
    match case.phase {
        Phase::InReview => Ok(()),
        Phase::ChangesRequested => Err(Rejection::ChangesRequested),
        Phase::AwaitingEstimate => Err(Rejection::NoSubmittedEstimate),
        Phase::Rejected => Err(Rejection::CaseRejected),
        Phase::Stamped(_) => Err(Rejection::StepAlreadyApproved),
        Phase::AwaitingInternalSignature(_)
        | Phase::AwaitingCustomerSignature(..)
        | Phase::Signed(_) => Err(Rejection::RoutedForSignature),
    }
}

/// A1: serial, in the policy's order.
fn its_turn(case: &Case, step: &Step) -> Result<(), Rejection> {
    match &step.outcome {
        Outcome::Approved(_) => return Err(Rejection::StepAlreadyApproved),
        Outcome::Undecided
        | Outcome::Voided(_)
        | Outcome::ChangesRequested(_)
        | Outcome::Rejected(_) => {}
    }
    match case.open_step() {
        Some(open) if open.policy.name != step.policy.name => Err(Rejection::StepBlocked {
            waits_for: open.policy.name.clone(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// A3: neither the author of the version nor who handed it in.
fn not_their_own(estimate: &Estimate, facts: &Facts) -> Result<(), Rejection> {
    if wrote(estimate, &facts.actor.principal) {
        return Err(Rejection::SelfApproval);
    }
    Ok(())
}

fn wrote(estimate: &Estimate, who: &Principal) -> bool {
    same_person(who, &estimate.author) || same_person(who, &estimate.submitted_by)
}

/// Addresses come as people and directories write them: `EM@acme.example` is `em@acme.example`.
fn same_person(one: &Principal, other: &Principal) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// A3: one standing approval per person and case, unless the policy says otherwise. A step that
/// holds is not decided again ([`its_turn`]), so what is found is another one.
fn not_a_second_step(case: &Case, facts: &Facts) -> Result<(), Rejection> {
    if case.one_person_may_decide_several_steps {
        return Ok(());
    }
    let held = case.steps.iter().find(|other| {
        let approval = other.outcome.approval();
        approval.is_some_and(|verdict| same_person(&verdict.by, &facts.actor.principal))
    });
    match held {
        Some(other) => Err(Rejection::OneStepPerPerson {
            step: other.policy.name.clone(),
        }),
        None => Ok(()),
    }
}
