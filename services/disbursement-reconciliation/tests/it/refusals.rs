//! Bad input at the gRPC door: every wrong field at once, stable reasons, nothing half-written.

use countersign_proto::disbursement_reconciliation::v1 as proto;
use tonic::Code;

use crate::csv::{file, handbook};
use crate::world::{ENGAGEMENT, World, accepted, keyed, reason, violations};

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned()))
        .collect()
}

#[tokio::test]
async fn every_wrong_field_at_once() {
    let world = World::new().await;
    let mut client = world.client();
    let request = proto::ListDiscrepanciesRequest {
        engagement_id: "a b".to_owned(),
        state: 99,
        page_size: -1,
        page_token: "zz".to_owned(),
    };
    let status = client
        .list_discrepancies(world.call(request))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        violations(&status),
        pairs(&[
            ("engagement_id", "NOT_AN_ENGAGEMENT_ID"),
            ("page_size", "PAGE_SIZE_NEGATIVE"),
            ("page_token", "PAGE_TOKEN_INVALID"),
            ("state", "STATE_UNKNOWN"),
        ])
    );
    let request = proto::ResolveDiscrepancyRequest {
        case_id: "x".to_owned(),
        reason: " ".to_owned(),
    };
    let status = client
        .resolve_discrepancy(world.call(request))
        .await
        .unwrap_err();
    assert_eq!(
        violations(&status),
        pairs(&[("case_id", "NOT_A_CASE_ID"), ("reason", "REQUIRED")])
    );
    let policy = Some(proto::CashPolicy {
        daily_disbursement: false,
        monthly_day: 29,
        penny_tolerance_minor_units: 101,
        resale_fee_rate: "half a point".to_owned(),
    });
    let request = proto::PutCashPolicyRequest { policy };
    let status = client
        .put_cash_policy(world.call(request))
        .await
        .unwrap_err();
    assert_eq!(
        violations(&status),
        pairs(&[
            ("policy.monthly_day", "NOT_A_DISBURSEMENT_DAY"),
            ("policy.penny_tolerance_minor_units", "TOO_LARGE"),
            ("policy.resale_fee_rate", "NOT_A_RESALE_FEE"),
        ])
    );
    let request = proto::PutCashPolicyRequest { policy: None };
    let status = client
        .put_cash_policy(world.call(request))
        .await
        .unwrap_err();
    assert_eq!(violations(&status), pairs(&[("policy", "REQUIRED")]));
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let world = World::new().await;
    let mut client = world.client();
    let request = proto::GetEngagementCashRequest {
        engagement_id: ENGAGEMENT.to_owned(),
        agreement_id: String::new(),
    };
    let status = client
        .get_engagement_cash(world.call(request.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&status),
        (Code::NotFound, "ENGAGEMENT_UNKNOWN".to_owned())
    );
    let status = world.resolve(&"0".repeat(32)).await.unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, "CASE_UNKNOWN".to_owned()));
    // Another tenant's engagement is as unknown, and has no feeds here.
    world.hear(&accepted()).await.unwrap();
    world.read(file(&handbook())).await;
    for (named, expected) in [
        ("agmt-nobodys", Some((Code::NotFound, "AGREEMENT_UNKNOWN"))),
        (
            "agmt nobody's",
            Some((Code::InvalidArgument, "INVALID_FIELDS")),
        ),
        ("agmt-1", None),
    ] {
        let request = proto::GetEngagementCashRequest {
            agreement_id: named.to_owned(),
            ..request.clone()
        };
        let answer = client.get_engagement_cash(world.call(request)).await;
        let expected = expected.map(|(code, why)| (code, why.to_owned()));
        assert_eq!(answer.as_ref().err().map(reason), expected, "{named}");
        if let Ok(cash) = answer {
            assert_eq!(cash.into_inner().agreement_ids, ["agmt-1"]);
        }
    }
    let status = client
        .get_engagement_cash(keyed("other", "k", request))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&status),
        (Code::NotFound, "ENGAGEMENT_UNKNOWN".to_owned())
    );
    let request = keyed("other", "k", proto::IngestFeedsRequest {});
    let status = client.ingest_feeds(request).await.unwrap_err();
    assert_eq!(
        reason(&status),
        (Code::FailedPrecondition, "NO_FEEDS_CONFIGURED".to_owned())
    );
    let request = keyed("other", "k", proto::GetTrialBalanceRequest::default());
    let balance = client
        .get_trial_balance(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(balance.accounts, []);
    let request = keyed("other", "k", proto::ListFeedReportsRequest::default());
    let reports = client
        .list_feed_reports(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reports.reports, []);
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let world = World::new().await;
    let put = |key: &'static str, tolerance: u32| {
        let policy = Some(proto::CashPolicy {
            daily_disbursement: true,
            monthly_day: 0,
            penny_tolerance_minor_units: tolerance,
            resale_fee_rate: String::new(),
        });
        let mut client = world.client();
        async move {
            client
                .put_cash_policy(keyed("acme", key, proto::PutCashPolicyRequest { policy }))
                .await
        }
    };
    let first = put("k", 2).await.unwrap().into_inner();
    assert_eq!(put("k", 2).await.unwrap().into_inner(), first);
    let reused = put("k", 3).await.unwrap_err();
    assert_eq!(reason(&reused).1, "IDEMPOTENCY_KEY_REUSED");
    let request = world.call(proto::GetCashPolicyRequest {});
    let policy = world
        .client()
        .get_cash_policy(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(policy.penny_tolerance_minor_units, 2);
}

/// AWS's own default: monthly, by the tenth.
#[tokio::test]
async fn the_default_policy() {
    let world = World::new().await;
    let request = world.call(proto::GetCashPolicyRequest {});
    let policy = world
        .client()
        .get_cash_policy(request)
        .await
        .unwrap()
        .into_inner();
    let expected = proto::CashPolicy {
        daily_disbursement: false,
        monthly_day: 10,
        penny_tolerance_minor_units: 1,
        resale_fee_rate: "0.005".to_owned(),
    };
    assert_eq!(policy, expected);
    world.hear(&accepted()).await.unwrap();
    assert_eq!(
        world.cash().await.charges[0].expected_disbursement_date,
        "2027-03-10"
    );
}
