//! E8: a case per row of state × command.

use super::*;

fn states() -> Vec<State> {
    let head = drafted(handbook());
    vec![
        State::Absent,
        State::Draft(head.clone()),
        State::Submitted(head.clone()),
        State::ChangesRequested(head.clone(), change_request()),
        State::Approved(head.clone(), digest("sow")),
        State::Withdrawn(head.clone(), refusal()),
        State::Expired(head),
    ]
}

/// The outcome as one word: the state that follows, `same`, or the reason of the refusal.
fn outcome(state: &State, command: &Command, now: &str) -> &'static str {
    match decide_at(state, command, now) {
        Ok(events) if events.is_empty() => "same",
        Ok(events) => events.into_iter().fold(state.clone(), evolve).name(),
        Err(rejection) => rejection.reason(),
    }
}

fn table(command: &Command, now: &str) -> Vec<&'static str> {
    states()
        .iter()
        .map(|state| outcome(state, command, now))
        .collect()
}

/// Columns: absent, draft, submitted, changes requested, approved, withdrawn, expired.
#[test]
fn each_command_in_each_state() {
    let revise = Command::Revise {
        expected_version: 1,
        content: handbook(),
    };
    let (closed, missing) = ("ESTIMATE_CLOSED", "ESTIMATE_UNKNOWN");
    let review = "ESTIMATE_UNDER_REVIEW";
    assert_eq!(
        table(&revise, NOW),
        [missing, "draft", review, "draft", closed, closed, closed]
    );
    assert_eq!(
        table(
            &Command::Submit {
                expected_version: 1
            },
            NOW
        ),
        [
            missing,
            "submitted",
            review,
            "ESTIMATE_NOT_DRAFT",
            closed,
            closed,
            closed
        ]
    );
    assert_eq!(
        table(
            &Command::Withdraw {
                reason: "lost".to_owned()
            },
            NOW
        ),
        [
            missing,
            "withdrawn",
            "withdrawn",
            "withdrawn",
            closed,
            closed,
            closed
        ]
    );
    let not_under_review = "ESTIMATE_NOT_UNDER_REVIEW";
    assert_eq!(
        table(
            &Command::Approve {
                version: 1,
                digest: digest("sow")
            },
            NOW
        ),
        [
            missing,
            not_under_review,
            "approved",
            not_under_review,
            "same",
            closed,
            closed
        ]
    );
    assert_eq!(
        table(
            &Command::RequestChanges {
                version: 1,
                request: change_request()
            },
            NOW
        ),
        [
            missing,
            not_under_review,
            "changes_requested",
            not_under_review,
            "changes_requested",
            closed,
            closed,
        ]
    );
    assert_eq!(
        table(
            &Command::Refuse {
                version: 1,
                refusal: refusal()
            },
            NOW
        ),
        [
            missing,
            not_under_review,
            "withdrawn",
            not_under_review,
            "withdrawn",
            closed,
            closed
        ]
    );
}

/// E7: valid until the very end of the day, UTC; only what is open expires, and only the version
/// that the timer was set for.
#[test]
fn expiry_is_the_end_of_the_last_day() {
    let expire = Command::Expire { version: 1 };
    assert_eq!(table(&expire, "2026-12-31T23:59:59Z"), ["same"; 7]);
    assert_eq!(
        table(&expire, "2027-01-01T00:00:00Z"),
        [
            "same", "expired", "expired", "expired", "same", "same", "same"
        ]
    );
    assert_eq!(
        table(&Command::Expire { version: 2 }, "2027-01-01T00:00:00Z"),
        ["same"; 7]
    );

    let draft = State::Draft(drafted(handbook()));
    let submit = Command::Submit {
        expected_version: 1,
    };
    assert_eq!(
        outcome(&draft, &submit, "2026-12-31T23:59:59Z"),
        "submitted"
    );
    assert_eq!(
        outcome(&draft, &submit, "2027-01-01T00:00:00Z"),
        "VALID_UNTIL_PAST"
    );
}

/// E8: nobody writes over, or answers for, a version that is not the newest.
#[test]
fn a_stale_version_is_refused() {
    let draft = after(
        State::Draft(drafted(handbook())),
        &Command::Revise {
            expected_version: 1,
            content: handbook(),
        },
    );
    let submitted = after(
        draft.clone(),
        &Command::Submit {
            expected_version: 2,
        },
    );
    for (state, command) in [
        (
            &draft,
            Command::Revise {
                expected_version: 1,
                content: handbook(),
            },
        ),
        (
            &draft,
            Command::Submit {
                expected_version: 1,
            },
        ),
        (
            &draft,
            Command::Submit {
                expected_version: 3,
            },
        ),
        (
            &submitted,
            Command::Approve {
                version: 1,
                digest: digest("sow"),
            },
        ),
        (
            &submitted,
            Command::RequestChanges {
                version: 1,
                request: change_request(),
            },
        ),
        (
            &submitted,
            Command::Refuse {
                version: 1,
                refusal: refusal(),
            },
        ),
    ] {
        assert_eq!(
            outcome(state, &command, NOW),
            "VERSION_STALE",
            "{command:?}"
        );
    }
}

/// E8, A3: a new version records its author and leaves the old one as it was.
#[test]
fn revising_makes_the_next_version() {
    let first = drafted(handbook());
    let mut content = handbook();
    content.packages[0].base_price = Some(dollars("60000.00"));
    content.stated_total = None;
    let rules = rules();
    let actor = principal("second@acme.example");
    let facts = Facts {
        now: at("2026-11-23T00:00:00Z"),
        actor: &actor,
        rules: &rules,
    };
    let command = Command::Revise {
        expected_version: 1,
        content,
    };
    let events = decide(&State::Draft(first.clone()), &command, facts).unwrap();
    let State::Draft(head) = events.into_iter().fold(State::Draft(first), evolve) else {
        panic!("not a draft");
    };
    assert_eq!(head.latest.number, 2);
    assert_eq!(head.latest.author, actor);
    assert_eq!(head.latest.created_at, facts.now);
    assert_eq!(head.latest.economics.price_total, usd("112750.00"));
}

/// A4: the same stamp twice is one fact; a stamp on changed documents is another.
#[test]
fn a_new_stamp_replaces_the_old() {
    let approved = State::Approved(drafted(handbook()), digest("sow"));
    let again = Command::Approve {
        version: 1,
        digest: digest("changed sow"),
    };
    let State::Approved(_, stamped) = after(approved, &again) else {
        panic!("not approved");
    };
    assert_eq!(stamped, digest("changed sow"));
}

#[test]
fn withdrawing_needs_a_reason() {
    let draft = State::Draft(drafted(handbook()));
    let silent = Command::Withdraw {
        reason: String::new(),
    };
    assert_eq!(outcome(&draft, &silent, NOW), "INVALID_FIELDS");
}

/// E8: a clone starts from a form that says what the version said, for every plan.
#[test]
fn content_goes_back_to_the_form_it_came_from() {
    use super::super::check;
    use super::super::form::InstallmentForm;
    use super::super::rejection::Violations;
    let charge = |date: &str, amount: &str| InstallmentForm {
        charge_date: date.to_owned(),
        amount: Some(dollars(amount)),
    };
    let charges = vec![
        charge("2026-12-01", "2500.00"),
        charge("2027-01-01", "100000.00"),
    ];
    let mut rules = rules();
    rules.policy.allow_installments = true;
    rules.policy.allow_variable = true;
    for (plan, name) in [
        (PlanForm::Prepaid, "prepaid"),
        (PlanForm::Installments(charges), "installments"),
        (PlanForm::Variable(None), "variable"),
    ] {
        let mut form = handbook();
        form.payment_plan = Some(plan);
        form.packages[1].effort = vec![effort("37.5", "90.00")];
        form.stated_total = None;
        form.buyer_region = "KR".to_owned();
        form.renewal = true;
        let mut wrong = Violations::default();
        let content = check::content(&mut wrong, &form, &rules, at(NOW).date_naive()).unwrap();
        assert_eq!(ContentForm::from(&content), form);
        assert_eq!(content.payment_plan.name(), name);
    }
}
