//! AWS's words that are not known here (O9).

use super::*;

/// O9: a word of AWS's that is not known here is kept once, and is about the change set under way alone.
#[test]
fn an_unknown_status_is_that_of_the_change_set_under_way() {
    let seen = |change: u32, unknown: Option<&str>| Command::RecordChangeSetStatus {
        change,
        unknown: unknown.map(str::to_owned),
    };
    let change = releasing().change_under_way().unwrap();
    let offer = then(releasing(), &accepted_change_set(change));
    assert_eq!(ask(&offer, &seen(change, None)), Ok(vec![]));
    assert_eq!(ask(&offer, &seen(change + 1, Some("RESTING"))), Ok(vec![]));
    let resting = then(offer, &seen(change, Some("RESTING")));
    assert_eq!(resting.aws_status.as_deref(), Some("RESTING"));
    assert_eq!(resting.change_under_way(), Some(change));
    assert_eq!(ask(&resting, &seen(change, Some("RESTING"))), Ok(vec![]));
    let errors = errors();
    for (command, stays) in [
        (seen(change, Some("SLEEPING")), Some("SLEEPING")),
        (seen(change, None), None),
        (Command::FlagOverdue { change }, Some("RESTING")),
        (published_command(change), None),
        (Command::RecordChangeFailed { change, errors }, None),
        (faulted(change), None),
    ] {
        let after = then(resting.clone(), &command);
        assert_eq!(after.aws_status.as_deref(), stays, "{command:?}");
    }
    // The buyer accepted what is being cancelled.
    let cancelling = then(published(), &cancel());
    let change = cancelling.change_under_way().unwrap();
    let resting = then(cancelling, &seen(change, Some("RESTING")));
    let accepted = then(resting, &Command::RecordAgreement(sample::agreement()));
    assert_eq!(accepted.aws_status, None);
}
