//! Properties of an offer over random histories (O3, O8).

use proptest::prelude::*;

use super::{
    NOW, accepted_change_set, ask_at, cancel, errors, expiry, faulted, published_command, release,
};
use crate::domain::command::Command;
use crate::domain::offer::evolve;
use crate::domain::sample;

fn any_command() -> impl Strategy<Value = Command> {
    let change = 0..12_u32;
    prop_oneof![
        (change.clone(), any::<bool>()).prop_map(|(expected_revision, named)| Command::Revise {
            expected_revision,
            name: named.then(|| "Renamed".to_owned()),
            description: None,
            expires_on: None,
        }),
        Just(Command::RecordDocumentReady(sample::ready_document())),
        Just(Command::RecordDocumentFailed {
            reason: "encrypted".into()
        }),
        Just(release()),
        change.clone().prop_map(accepted_change_set),
        change.clone().prop_map(faulted),
        change.clone().prop_map(published_command),
        change
            .clone()
            .prop_map(|change| Command::RecordChangeApplied { change }),
        change
            .clone()
            .prop_map(|change| Command::RecordChangeFailed {
                change,
                errors: errors()
            }),
        change.prop_map(|change| Command::FlagOverdue { change }),
        Just(expiry("2026-04-15")),
        Just(cancel()),
        Just(Command::Expire { left: None }),
        Just(Command::RecordAgreement(sample::agreement())),
    ]
}

proptest! {
    /// Whatever is asked in whatever order: the state is the fold of its events, the revision counts
    /// them, the same command again does not apply twice, and what was approved never changes (O3).
    #[test]
    fn the_state_is_the_fold_of_its_events(
        commands in prop::collection::vec((any_command(), 0..90_i64), 0..24)
    ) {
        let mut state = sample::draft();
        let mut history = Vec::new();
        let start = sample::at(NOW);
        for (command, days) in commands {
            let now = start + countersign_kernel::chrono::TimeDelta::days(days);
            let Ok(events) = ask_at(&state, &command, now) else { continue };
            history.extend(events.iter().cloned());
            state = events.iter().fold(Some(state), evolve).unwrap();
            if let Ok(again) = ask_at(&state, &command, now) {
                prop_assert!(again.is_empty(), "{command:?} applied twice");
            }
        }
        let folded = history.iter().fold(Some(sample::draft()), evolve).unwrap();
        prop_assert_eq!(folded.revision as usize, 2 + history.len());
        prop_assert_eq!(&folded.basis, &sample::draft().basis);
        prop_assert_eq!(folded, state);
    }
}
