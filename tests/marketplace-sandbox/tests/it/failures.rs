//! Failures on demand and rates: what a client must survive (O9).

use std::time::Duration;

use aws_sdk_marketplaceagreement::operation::search_agreements::SearchAgreementsError;
use aws_sdk_marketplacecatalog::types::{ChangeStatus, FailureCode};
use serde_json::json;

use crate::deal::filter;
use crate::market::Market;

#[tokio::test]
async fn failures_on_demand() {
    let market = Market::open().await;
    let changes = market.handbook().await;
    let send = |token: &str| market.request(&changes).client_request_token(token).send();
    for (failure, status) in [
        ("throttle", 429),
        ("fault", 500),
        ("lock", 423),
        ("access-denied", 403),
    ] {
        market.inject("StartChangeSet", failure, false).await;
        let error = send("refused").await.unwrap_err();
        assert_eq!(
            error.raw_response().unwrap().status().as_u16(),
            status,
            "{failure}"
        );
    }
    assert_eq!(
        market.get("/sandbox/offers").await,
        json!([]),
        "refused before it took effect"
    );

    market.inject("StartChangeSet", "fault", true).await;
    assert!(send("lost").await.is_err());
    let retried = send("lost").await.unwrap().change_set_id.unwrap();
    market.ended(&retried).await;
    assert_eq!(
        market
            .get("/sandbox/offers")
            .await
            .as_array()
            .unwrap()
            .len(),
        1,
        "a retry repeats nothing"
    );

    market.inject("StartChangeSet", "server-fault", false).await;
    let doomed = market
        .ended(&send("doomed").await.unwrap().change_set_id.unwrap())
        .await;
    assert_eq!(doomed.status(), Some(&ChangeStatus::Failed));
    assert_eq!(doomed.failure_code(), Some(&FailureCode::ServerFault));
}

#[tokio::test]
async fn a_request_may_be_done_and_never_answered() {
    let market = Market::open().await;
    let changes = market.handbook().await;
    market.inject("StartChangeSet", "timeout", false).await;
    let send = || market.request(&changes).client_request_token("slow").send();
    assert!(
        tokio::time::timeout(Duration::from_millis(300), send())
            .await
            .is_err()
    );
    let id = send().await.unwrap().change_set_id.unwrap();
    market.ended(&id).await;
    assert_eq!(
        market
            .get("/sandbox/offers")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn agreement_errors_are_the_sdk_s_own() {
    let market = Market::open().await;
    let missing = market
        .agreement
        .describe_agreement()
        .agreement_id("agmt-none")
        .send()
        .await;
    let missing = missing.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception());
    for (filters, reason) in [
        (
            vec![filter("AgreementType", "PurchaseAgreement")],
            "MISSING_PARTY_TYPE",
        ),
        (
            vec![
                filter("PartyType", "Nobody"),
                filter("AgreementType", "PurchaseAgreement"),
            ],
            "INVALID_PARTY_TYPE",
        ),
        (
            vec![filter("PartyType", "Proposer"), filter("Colour", "red")],
            "INVALID_FILTER_NAME",
        ),
        (
            vec![
                filter("PartyType", "Proposer"),
                filter("AfterLastUpdateTime", "today"),
            ],
            "INVALID_FILTER_VALUES",
        ),
    ] {
        let request = market
            .agreement
            .search_agreements()
            .set_filters(Some(filters));
        let error = request.send().await.unwrap_err().into_service_error();
        let SearchAgreementsError::ValidationException(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(
            error
                .reason()
                .map(aws_sdk_marketplaceagreement::types::ValidationExceptionReason::as_str),
            Some(reason)
        );
    }
    for (failure, throttled) in [("throttle", true), ("access-denied", false)] {
        market.inject("DescribeAgreement", failure, false).await;
        let error = market
            .agreement
            .describe_agreement()
            .agreement_id("agmt-none")
            .send()
            .await
            .unwrap_err();
        let error = error.into_service_error();
        assert_eq!(error.is_throttling_exception(), throttled);
        assert_eq!(error.is_access_denied_exception(), !throttled);
    }
}

#[tokio::test]
async fn five_starts_a_second_and_no_more() {
    let market = Market::with(|config| config.settings.preparing_ms = 60_000).await;
    let one = vec![market.handbook().await[0].clone()];
    let mut throttled = 0;
    for _ in 0..8 {
        if let Err(error) = market.request(&one).send().await {
            assert_eq!(error.raw_response().unwrap().status().as_u16(), 429);
            assert!(error.into_service_error().is_throttling_exception());
            throttled += 1;
        }
    }
    assert!(throttled >= 1, "8 starts in a row must exceed 5 a second");
    market.act("settings", json!({ "rateLimit": false })).await;
    market.start(&one).await;
}

#[tokio::test]
async fn more_ways_to_go_wrong() {
    let market = Market::open().await;
    let changes = market.handbook().await;
    let send = |token: &str| market.request(&changes).client_request_token(token).send();

    market.inject("StartChangeSet", "quota", false).await;
    let full = send("a").await.unwrap_err();
    assert_eq!(full.raw_response().unwrap().status().as_u16(), 402);

    market.inject("StartChangeSet", "nonsense", false).await;
    assert!(send("b").await.is_err());
    let retried = send("b").await.unwrap().change_set_id.unwrap();
    market.ended(&retried).await;
    market.inject("StartChangeSet", "twice", false).await;
    let twice = send("c").await.unwrap().change_set_id.unwrap();
    market.ended(&twice).await;
    let offers = market.get("/sandbox/offers").await;
    assert_eq!(
        offers.as_array().unwrap().len(),
        2,
        "a token makes one set, however often it arrives"
    );

    market.inject("StartChangeSet", "never-ends", false).await;
    let stuck = send("d").await.unwrap().change_set_id.unwrap();
    market.set_clock(Duration::from_mins(1));
    assert_eq!(
        market.describe(&stuck).await.status(),
        Some(&ChangeStatus::Applying)
    );
    let named = json!({ "changeSetId": stuck });
    market.act("change-sets/end", named.clone()).await;
    assert_eq!(
        market.ended(&stuck).await.status(),
        Some(&ChangeStatus::Succeeded)
    );
    let again = market.try_act("change-sets/end", named).await.unwrap_err();
    assert_eq!(again["error"], "NOT_HELD_OPEN");
}

#[tokio::test]
async fn a_proposer_combines_filters_freely_and_an_acceptor_does_not() {
    let market = Market::open().await;
    let search = async |party: &str, filters: &[(&str, &str)]| {
        let mut all = vec![
            filter("PartyType", party),
            filter("AgreementType", "PurchaseAgreement"),
        ];
        all.extend(filters.iter().map(|(name, value)| filter(name, value)));
        let request = market.agreement.search_agreements().set_filters(Some(all));
        match request
            .send()
            .await
            .map_err(aws_sdk_marketplaceagreement::error::SdkError::into_service_error)
        {
            Ok(_) => None,
            Err(SearchAgreementsError::ValidationException(error)) => {
                error.reason().map(|reason| reason.as_str().to_owned())
            }
            Err(other) => panic!("{other:?}"),
        }
    };
    let unsupported = Some("UNSUPPORTED_FILTERS".to_owned());
    let end = ("AfterEndTime", "2027-01-01T00:00:00Z");
    for (filters, acceptor) in [
        (vec![("Status", "ACTIVE"), end], None),
        (
            vec![("OfferId", "offer-1"), ("Status", "ACTIVE"), end],
            None,
        ),
        (
            vec![("ResourceType", "ProfessionalServicesProduct"), end],
            None,
        ),
        (
            vec![
                ("ResourceType", "ProfessionalServicesProduct"),
                ("Status", "ACTIVE"),
            ],
            unsupported.clone(),
        ),
        (
            vec![("OfferId", "offer-1"), ("ResourceIdentifier", "prod-1")],
            unsupported.clone(),
        ),
        (
            vec![("AfterLastUpdateTime", "2027-01-01T00:00:00Z")],
            unsupported.clone(),
        ),
        (vec![("InitialAgreementId", "agmt-1")], unsupported),
    ] {
        assert_eq!(search("Proposer", &filters).await, None, "{filters:?}");
        assert_eq!(search("Acceptor", &filters).await, acceptor, "{filters:?}");
    }
}

#[tokio::test]
async fn entities_are_described_in_batches_and_fail_one_by_one() {
    let market = Market::open().await;
    let offer = market.succeed(&market.handbook().await).await;
    let request = |id: &str| {
        aws_sdk_marketplacecatalog::types::EntityRequest::builder()
            .catalog("AWSMarketplace")
            .entity_id(id)
            .build()
            .unwrap()
    };
    let batch = market.catalog.batch_describe_entities();
    let batch = batch
        .entity_request_list(request(&offer))
        .entity_request_list(request("offer-none"));
    let described = batch.send().await.unwrap();
    let (details, errors) = (
        described.entity_details().unwrap(),
        described.errors().unwrap(),
    );
    assert_eq!(details[&offer].entity_type(), Some("Offer@1.0"));
    assert!(details[&offer].details_document().is_some());
    assert!(errors.contains_key("offer-none"));
}

#[tokio::test]
async fn a_failure_is_used_by_the_request_that_it_was_for() {
    let market = Market::open().await;
    market.inject("StartChangeSet", "server-fault", false).await;
    let refused = market.request(&vec![]).send().await;
    assert!(refused.is_err(), "no change: refused at once");
    let id = market.start(&market.handbook().await).await;
    let ended = market.ended(&id).await;
    assert_eq!(
        ended.status(),
        Some(&ChangeStatus::Succeeded),
        "the next one is not hit"
    );
}

#[tokio::test]
async fn the_state_of_an_entity_can_be_one_that_no_model_has() {
    let market = Market::open().await;
    let offer = market.succeed(&market.handbook().await).await;
    for (failure, state) in [(Some("unknown-value"), "ReleaseX"), (None, "Released")] {
        if let Some(failure) = failure {
            market.inject("DescribeEntity", failure, false).await;
        }
        let asked = market.catalog.describe_entity();
        let asked = asked.catalog("AWSMarketplace").entity_id(&offer);
        let shown = asked.send().await.unwrap();
        let details: serde_json::Value = serde_json::from_str(shown.details().unwrap()).unwrap();
        assert_eq!(details["State"], state);
    }
}
