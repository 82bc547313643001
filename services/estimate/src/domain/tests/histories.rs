//! Properties of the machine over random histories.

use proptest::prelude::*;

use super::*;

fn command() -> impl Strategy<Value = Command> {
    let version = 0_u32..4;
    prop_oneof![
        2 => Just(draft_command(handbook())),
        4 => version.clone()
            .prop_map(|it| Command::Revise { expected_version: it, content: handbook() }),
        4 => version.clone().prop_map(|it| Command::Submit { expected_version: it }),
        1 => Just(Command::Withdraw { reason: "lost".to_owned() }),
        2 => version.clone()
            .prop_map(|it| Command::Approve { version: it, digest: digest("sow") }),
        3 => version.clone()
            .prop_map(|it| Command::RequestChanges { version: it, request: change_request() }),
        1 => version.clone().prop_map(|it| Command::Refuse { version: it, refusal: refusal() }),
        1 => version.prop_map(|it| Command::Expire { version: it }),
    ]
}

proptest! {
    /// The state is the fold of the events, however they are cut into commands; an accepted command
    /// is accepted once; versions only count up; what has ended stays as it is.
    #[test]
    fn state_is_the_fold_of_its_events(
        commands in prop::collection::vec((command(), 0_u32..60), 1..40),
    ) {
        let mut history = Vec::new();
        let mut state = State::Absent;
        for (command, day) in commands {
            // A draft is a command on a new estimate only: the store never loads one for it.
            if matches!(command, Command::Draft { .. }) && state != State::Absent {
                continue;
            }
            let now = at(NOW) + countersign_kernel::chrono::Days::new(u64::from(day));
            let Ok(events) = decide_at(&state, &command, &now.to_rfc3339()) else { continue };
            let before = state.clone();
            history.extend(events.iter().cloned());
            state = events.into_iter().fold(state, evolve);
            if let (Some(old), Some(new)) = (before.head(), state.head()) {
                let step = new.latest.number - old.latest.number;
                prop_assert!(step <= 1);
                prop_assert!(step == 1 || old == new);
            }
            if matches!(before, State::Withdrawn(..) | State::Expired(_)) {
                prop_assert_eq!(&before, &state);
            }
        }
        prop_assert_eq!(history.into_iter().fold(State::Absent, evolve), state);
    }

    /// An event of an estimate that is not there makes none.
    #[test]
    fn nothing_comes_of_nothing(number in 0_u8..5) {
        let event = match number {
            0 => Event::Submitted { by: principal("em@acme.example") },
            1 => Event::Withdrawn(refusal()),
            2 => Event::Approved { digest: digest("sow") },
            3 => Event::ChangesRequested(change_request()),
            _ => Event::Expired,
        };
        prop_assert_eq!(evolve(State::Absent, event), State::Absent);
    }
}
