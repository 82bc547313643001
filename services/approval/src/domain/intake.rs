//! What estimate tells: submitted, withdrawn, expired (E8).

use super::Rejection;
use super::command::Loss;
use super::decide::Draft;
use super::dossier::{Dossier, Phase, Submission};
use super::estimate::Estimate;
use super::event::Event;
use super::review;

/// A submitted version: the newest counts. An older or repeated one changes nothing; another
/// estimate of the same engagement takes its place.
pub(super) fn receive(mut draft: Draft, estimate: Box<Estimate>) -> Result<Vec<Event>, Rejection> {
    let known = draft.state().last_estimate().is_some_and(|known| {
        known.estimate_id == estimate.estimate_id && known.version >= estimate.version
    });
    if known {
        return Ok(Vec::new());
    }
    not_routed(draft.state())?;
    draft.record(Event::EstimateReceived(estimate));
    review::reconsider(&mut draft, "a new version of the estimate was submitted");
    review::restamp(&mut draft);
    Ok(draft.finish())
}

/// The estimate is gone: nothing can be approved, and a stamp on it no longer holds.
pub(super) fn lose(
    mut draft: Draft,
    estimate_id: &str,
    version: u32,
    cause: Loss,
) -> Result<Vec<Event>, Rejection> {
    let concerned = match &draft.state().estimate {
        Submission::Live(live) => live.estimate_id == estimate_id && live.version <= version,
        Submission::None | Submission::Lost { .. } => false,
    };
    if !concerned {
        return Ok(Vec::new());
    }
    not_routed(draft.state())?;
    let reason = match cause {
        Loss::Withdrawn => "the estimate was withdrawn",
        Loss::Expired => "the estimate expired",
    };
    review::withdraw_stamp(&mut draft, reason);
    draft.record(Event::EstimateLost { cause });
    Ok(draft.finish())
}

/// A6: what is out for signature does not change.
pub(super) fn not_routed(state: &Dossier) -> Result<(), Rejection> {
    let Some(case) = &state.case else {
        return Ok(());
    };
    match &case.phase {
        Phase::AwaitingInternalSignature(_)
        | Phase::AwaitingCustomerSignature(..)
        | Phase::Signed(_) => Err(Rejection::RoutedForSignature),
        Phase::InReview
        | Phase::ChangesRequested
        | Phase::AwaitingEstimate
        | Phase::Rejected
        | Phase::Stamped(_) => Ok(()),
    }
}
