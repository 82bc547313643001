//! E8, P4: lists by page, versions compared.

use countersign_proto::estimate::v1 as proto;
use tonic::Code;

use crate::deals::{create, get, handbook, revise, usd};
use crate::harness::{Harness, command, question, violations};

fn list(engagement: &str, page_size: i32, page_token: &str) -> proto::ListEstimatesRequest {
    proto::ListEstimatesRequest {
        engagement_id: engagement.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    }
}

/// Newest first, each once, also those made at the same instant.
#[tokio::test]
async fn lists_go_page_by_page() {
    let mut it = Harness::start().await;
    for number in 1..=5 {
        let engagement = format!("opp-{number}");
        let key = number.to_string();
        it.client
            .create_estimate(command(&key, create(&engagement, handbook())))
            .await
            .unwrap();
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = it
            .client
            .list_estimates(question(list("", 2, &token)))
            .await
            .unwrap();
        let page = page.into_inner();
        assert!(page.estimates.len() <= 2);
        seen.extend(
            page.estimates
                .into_iter()
                .map(|it| it.snapshot.unwrap().engagement_id),
        );
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["opp-5", "opp-4", "opp-3", "opp-2", "opp-1"]);
    let one = it
        .client
        .list_estimates(question(list("opp-3", 0, "")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(one.estimates.len(), 1);
    let refused = it
        .client
        .list_estimates(question(list("", -1, "x")))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let expected = [
        ("page_size", "PAGE_SIZE_NEGATIVE"),
        ("page_token", "PAGE_TOKEN_INVALID"),
    ];
    let expected = expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()));
    assert_eq!(violations(&refused), expected);
    it.stop().await;
}

#[tokio::test]
async fn versions_are_compared_field_by_field() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    let mut content = handbook();
    content.packages[1].base_price = Some(usd("40000.00"));
    content.stated_total = None;
    it.client
        .revise_estimate(command("2", revise(&first, content)))
        .await
        .unwrap();
    let compare = proto::CompareVersionsRequest {
        estimate_id: first.estimate_id.clone(),
        from_version: 1,
        to_version: 2,
    };
    let found = it
        .client
        .compare_versions(question(compare))
        .await
        .unwrap()
        .into_inner();
    let base = found
        .differences
        .iter()
        .find(|it| it.field == "packages[1].base_price")
        .unwrap();
    assert_eq!(
        (base.before.as_str(), base.after.as_str()),
        ("30000.00 USD", "40000.00 USD")
    );
    assert!(
        !found
            .differences
            .iter()
            .any(|it| it.field.starts_with("packages[0].name"))
    );

    let latest = it
        .client
        .get_estimate(question(get(&first, 0)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((latest.version, latest.latest_version), (2, 2));
    it.stop().await;
}
