//! E8 through the door: create, revise, submit, withdraw, clone, expire; once per key; audited.

use countersign_platform::audit;
use countersign_proto::estimate::v1 as proto;
use countersign_proto::estimate::v1::estimate::State;
use tonic::Code;

use crate::deals::{create, get, handbook, revise, submit};
use crate::harness::{AUTHOR, Harness, SELLER, command, from, question, refusal};

#[tokio::test]
async fn a_deal_is_written_revised_and_handed_in() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    assert_eq!(
        (first.version, first.latest_version, first.state()),
        (1, 1, State::Draft)
    );

    let mut content = handbook();
    content.scope_duration = "P120D".to_owned();
    let mut request = command("2", revise(&first, content));
    request
        .metadata_mut()
        .insert("countersign-principal", "two@acme.example".parse().unwrap());
    let second = it
        .client
        .revise_estimate(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((second.version, second.latest_version), (2, 2));

    let handed_in = it
        .client
        .submit_estimate(command("3", submit(&second)))
        .await;
    let handed_in = handed_in.unwrap().into_inner();
    assert_eq!(handed_in.state(), State::Submitted);
    // A3: the author of the version is who wrote it, not who handed it in.
    assert_eq!(handed_in.snapshot.unwrap().author, "two@acme.example");

    // The first version stands as it was written.
    let old = it
        .client
        .get_estimate(question(get(&first, 1)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (old.version, old.latest_version, old.state()),
        (1, 2, State::Submitted)
    );
    assert_eq!(old.content, first.content);
    assert_eq!(old.snapshot, first.snapshot);

    let trail = it.audit(&first.estimate_id).await;
    let expected = [
        ("draft", AUTHOR),
        ("revise", "two@acme.example"),
        ("submit", AUTHOR),
    ];
    let trail: Vec<(&str, &str)> = trail
        .iter()
        .map(|it| (it.0.as_str(), it.1.as_str()))
        .collect();
    assert_eq!(trail, expected);
    it.stop().await;
}

/// P4: the same key and body is the same answer and one estimate; another body is refused.
#[tokio::test]
async fn a_key_is_used_once() {
    let mut it = Harness::start().await;
    let request = create("opp-1", handbook());
    let first = it
        .client
        .create_estimate(command("key", request.clone()))
        .await
        .unwrap();
    let again = it
        .client
        .create_estimate(command("key", request))
        .await
        .unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    let other = it
        .client
        .create_estimate(command("key", create("opp-2", handbook())))
        .await;
    let (code, reason) = refusal(&other.unwrap_err());
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED")
    );
    let all = proto::ListEstimatesRequest::default();
    let all = it
        .client
        .list_estimates(question(all))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(all.estimates.len(), 1);
    it.stop().await;
}

/// One open estimate per engagement, also when two ask at the same time; another tenant's
/// engagement of the same name is another engagement.
#[tokio::test]
async fn an_engagement_has_one_open_estimate() {
    let mut it = Harness::start().await;
    let (mut one, mut two) = (it.client.clone(), it.client.clone());
    let (one, two) = tokio::join!(
        one.create_estimate(command("1", create("opp-1", handbook()))),
        two.create_estimate(command("2", create("opp-1", handbook()))),
    );
    let (made, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    let (code, reason) = refusal(&refused.unwrap_err());
    assert_eq!(
        (code, reason.as_str()),
        (Code::AlreadyExists, "ENGAGEMENT_HAS_OPEN_ESTIMATE")
    );

    let mut elsewhere = from("other", AUTHOR, create("opp-1", handbook()));
    elsewhere
        .metadata_mut()
        .insert("idempotency-key", "1".parse().unwrap());
    it.client.create_estimate(elsewhere).await.unwrap();

    let withdraw = proto::WithdrawEstimateRequest {
        estimate_id: made.unwrap().into_inner().estimate_id,
        reason: "the customer buys something else".to_owned(),
    };
    let withdrawn = it
        .client
        .withdraw_estimate(command("3", withdraw))
        .await
        .unwrap();
    assert_eq!(withdrawn.get_ref().state(), State::Withdrawn);
    assert_eq!(
        withdrawn.get_ref().withdrawal_reason,
        "the customer buys something else"
    );
    it.client
        .create_estimate(command("4", create("opp-1", handbook())))
        .await
        .unwrap();
    it.stop().await;
}

#[tokio::test]
async fn the_wrong_state_version_and_name_are_refused() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    let mut ahead = first.clone();
    ahead.version = 2;
    let stale = it
        .client
        .submit_estimate(command("2", submit(&ahead)))
        .await
        .unwrap_err();
    assert_eq!(refusal(&stale), (Code::Aborted, "VERSION_STALE".to_owned()));

    it.client
        .submit_estimate(command("3", submit(&first)))
        .await
        .unwrap();
    let under_review = it
        .client
        .revise_estimate(command("4", revise(&first, handbook())))
        .await
        .unwrap_err();
    let expected = (Code::FailedPrecondition, "ESTIMATE_UNDER_REVIEW".to_owned());
    assert_eq!(refusal(&under_review), expected);
    // A retry of a refusal is the same refusal (P4).
    let again = it
        .client
        .revise_estimate(command("4", revise(&first, handbook())))
        .await
        .unwrap_err();
    assert_eq!(refusal(&again), expected);

    let missing = (Code::NotFound, "ESTIMATE_UNKNOWN".to_owned());
    for estimate_id in ["00000000-0000-7000-8000-000000000000", "no id"] {
        let unknown = proto::Estimate {
            estimate_id: estimate_id.to_owned(),
            version: 1,
            ..proto::Estimate::default()
        };
        let key = format!("unknown {estimate_id}");
        let refused = it
            .client
            .submit_estimate(command(&key, submit(&unknown)))
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused), missing);
        let refused = it
            .client
            .get_estimate(question(get(&unknown, 0)))
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused), missing);
    }
    // P5 in its simplest form: another tenant's estimate is not there.
    let elsewhere = from("other", AUTHOR, get(&first, 0));
    let refused = it.client.get_estimate(elsewhere).await.unwrap_err();
    assert_eq!(refusal(&refused), missing);
    let refused = it
        .client
        .get_estimate(question(get(&first, 7)))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::NotFound, "VERSION_UNKNOWN".to_owned())
    );
    it.stop().await;
}

/// E8: a version starts another engagement, with its own validity, under the rules of today.
#[tokio::test]
async fn a_version_is_cloned_into_another_engagement() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    let mut content = handbook();
    content.packages.truncate(1);
    content.stated_total = None;
    it.client
        .revise_estimate(command("2", revise(&first, content)))
        .await
        .unwrap();

    let clone = proto::CloneEstimateRequest {
        estimate_id: first.estimate_id.clone(),
        version: 1,
        engagement_id: "opp-2".to_owned(),
        customer_name: String::new(),
        valid_until: "2027-06-30".to_owned(),
    };
    let made = it
        .client
        .clone_estimate(command("3", clone.clone()))
        .await
        .unwrap()
        .into_inner();
    let (snapshot, original) = (made.snapshot.unwrap(), first.snapshot.unwrap());
    assert_eq!(
        (made.version, snapshot.engagement_id.as_str()),
        (1, "opp-2")
    );
    assert_eq!(snapshot.customer_name, "Example Corp");
    assert_eq!(snapshot.packages, original.packages);
    assert_eq!(snapshot.economics, original.economics);
    assert_eq!(snapshot.valid_until, "2027-06-30");

    let mut taken = clone;
    taken.version = 9;
    let refused = it
        .client
        .clone_estimate(command("4", taken.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::NotFound, "VERSION_UNKNOWN".to_owned())
    );
    taken.version = 0;
    let refused = it
        .client
        .clone_estimate(command("5", taken))
        .await
        .unwrap_err();
    let expected = (
        Code::AlreadyExists,
        "ENGAGEMENT_HAS_OPEN_ESTIMATE".to_owned(),
    );
    assert_eq!(refusal(&refused), expected);
    it.stop().await;
}

/// E7, E8, P8: at the end of its last day an estimate expires, and a timer of an older version
/// does nothing.
#[tokio::test]
async fn an_estimate_expires_after_its_last_day() {
    let mut it = Harness::start().await;
    let mut content = handbook();
    content.valid_until = "2026-03-02".to_owned();
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", content.clone())))
        .await;
    let first = first.unwrap().into_inner();
    let other = it
        .client
        .create_estimate(command("2", create("opp-2", content)))
        .await;
    let other = other.unwrap().into_inner();
    let longer = it
        .client
        .revise_estimate(command("3", revise(&other, handbook())))
        .await;
    let longer = longer.unwrap().into_inner();

    it.bed
        .clock()
        .advance(countersign_kernel::chrono::TimeDelta::hours(14));
    it.bed.run_due_tasks(&it.wiring().await).await.unwrap();
    let still = it
        .client
        .get_estimate(question(get(&first, 0)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(still.state(), State::Draft);

    it.bed
        .clock()
        .advance(countersign_kernel::chrono::TimeDelta::hours(1));
    // The service's own worker may be faster: what counts is what has happened then.
    it.bed.run_due_tasks(&it.wiring().await).await.unwrap();
    for (estimate, state) in [(&first, State::Expired), (&longer, State::Draft)] {
        let mut seen = State::Unspecified;
        for _ in 0..100 {
            let now = it
                .client
                .get_estimate(question(get(estimate, 0)))
                .await
                .unwrap();
            seen = now.get_ref().state();
            if seen == state {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(seen, state);
    }
    let closed = it
        .client
        .submit_estimate(command("4", submit(&first)))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&closed),
        (Code::FailedPrecondition, "ESTIMATE_CLOSED".to_owned())
    );
    let trail = it.audit(&first.estimate_id).await;
    assert_eq!(trail[1].0, "expire");
    assert_eq!(trail[1].1, "task:estimate.expire");
    it.stop().await;
}

/// P3: the chain of an estimate verifies.
#[tokio::test]
async fn the_trail_is_whole() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    it.client
        .submit_estimate(command("2", submit(&first)))
        .await
        .unwrap();
    let verdict = audit::verify(
        &it.bed.parts().database,
        &SELLER.parse().unwrap(),
        &first.estimate_id,
    )
    .await
    .unwrap();
    assert_eq!(verdict, audit::Verdict::Intact(2));
    it.stop().await;
}

/// E8, P2: of two who write the next version at once, the later one hears that its version is old.
/// Both wait here for the same lock, as they would for each other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_next_versions_at_once_one_counts() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    let mut lock = it.bed.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM estimate FOR UPDATE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let write = |key: &'static str| {
        let mut client = it.client.clone();
        let request = command(key, revise(&first, handbook()));
        async move { client.revise_estimate(request).await }
    };
    let unlock = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        lock.rollback().await.unwrap();
    };
    let (one, two, ()) = tokio::join!(write("2"), write("3"), unlock);
    let (written, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(written.unwrap().into_inner().version, 2);
    let expected = (Code::Aborted, "VERSION_STALE".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    it.stop().await;
}

fn elsewhere<T>(key: &str, message: T) -> tonic::Request<T> {
    let mut request = command(key, message);
    let seller = "other".parse().unwrap();
    request.metadata_mut().insert("countersign-seller", seller);
    request
}

/// P5: no command reaches another tenant's estimate.
#[tokio::test]
async fn another_tenant_s_estimate_is_not_there() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    let missing = (Code::NotFound, "ESTIMATE_UNKNOWN".to_owned());
    let withdraw = proto::WithdrawEstimateRequest {
        estimate_id: first.estimate_id.clone(),
        reason: "not mine".to_owned(),
    };
    let clone = proto::CloneEstimateRequest {
        estimate_id: first.estimate_id.clone(),
        engagement_id: "opp-2".to_owned(),
        valid_until: "2027-06-30".to_owned(),
        ..proto::CloneEstimateRequest::default()
    };
    let compare = proto::CompareVersionsRequest {
        estimate_id: first.estimate_id.clone(),
        ..proto::CompareVersionsRequest::default()
    };
    let (mut client, view) = (it.client.clone(), get(&first, 0));
    let refusals = [
        client
            .revise_estimate(elsewhere("2", revise(&first, handbook())))
            .await
            .map(drop),
        client
            .submit_estimate(elsewhere("3", submit(&first)))
            .await
            .map(drop),
        client
            .withdraw_estimate(elsewhere("4", withdraw))
            .await
            .map(drop),
        client.clone_estimate(elsewhere("5", clone)).await.map(drop),
        client
            .get_customer_view(elsewhere("", view))
            .await
            .map(drop),
        client
            .compare_versions(elsewhere("", compare))
            .await
            .map(drop),
    ];
    for refused in refusals {
        assert_eq!(refusal(&refused.unwrap_err()), missing);
    }
    it.stop().await;
}
