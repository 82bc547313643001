//! What must be done or waived before the offer goes out (A8).

use super::Rejection;
use super::command::{Facts, ItemClosing};
use super::decide::Draft;
use super::dossier::Phase;
use super::event::Event;

/// Closes an item; the last one completes the list, once.
pub(super) fn close(
    mut draft: Draft,
    item: String,
    closing: ItemClosing,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let case = draft.state().case.as_ref().ok_or(Rejection::CaseNotOpen)?;
    if case.phase == Phase::Rejected {
        return Err(Rejection::CaseRejected);
    }
    match case.checklist.iter().find(|open| open.item == item) {
        None => return Err(Rejection::ItemUnknown { item }),
        Some(found) if found.closed.is_some() => return Err(Rejection::ItemAlreadyClosed),
        Some(_) => {}
    }
    let closed_by = facts.actor.principal.clone();
    draft.record(Event::ChecklistItemClosed {
        item,
        closing,
        closed_by,
    });
    let case = draft.state().case.as_ref();
    if case.is_some_and(|case| case.checklist.iter().all(|item| item.closed.is_some())) {
        draft.record(Event::ChecklistCompleted);
    }
    Ok(draft.finish())
}
