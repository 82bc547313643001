//! E2, E3, E5, E6 through the door: figures, policy, fees, the customer's view.

use countersign_proto::common::v1 as common;
use countersign_proto::estimate::v1 as proto;
use tonic::Code;

use crate::deals::{create, get, handbook, installments, markup, package, revise, usd};
use crate::harness::{Harness, command, from, question, refusal};

fn amount(money: Option<&common::Money>) -> &str {
    money.map_or("", |money| money.amount.as_str())
}

/// S0's deal to the cent, and what of it the customer sees.
#[tokio::test]
async fn the_handbook_s_figures() {
    let mut it = Harness::start().await;
    let made = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let made = made.unwrap().into_inner();
    let economics = made.snapshot.clone().unwrap().economics.unwrap();
    for (figure, expected) in [
        (&economics.base_total, "100000.00"),
        (&economics.price_total, "102500.00"),
        (&economics.expected_fee, "2562.50"),
        (&economics.expected_net, "99937.50"),
        (&economics.shortfall, "62.50"),
        (&economics.margin, ""),
    ] {
        assert_eq!(amount(figure.as_ref()), expected);
    }
    assert_eq!(economics.uplift, Some(markup("0.025")));
    assert_eq!(economics.listing_fee_rate, "0.025");

    let view = it
        .client
        .get_customer_view(question(get(&made, 0)))
        .await
        .unwrap()
        .into_inner();
    let prices: Vec<&str> = view
        .lines
        .iter()
        .map(|line| amount(line.price.as_ref()))
        .collect();
    assert_eq!(prices, ["51250.00", "30750.00", "20500.00"]);
    assert_eq!(amount(view.total.as_ref()), "102500.00");
    it.stop().await;
}

/// E2, E3: policy and fees are the seller's data; what was written keeps the rules it was written
/// under.
#[tokio::test]
async fn policy_and_fees_are_data() {
    let mut it = Harness::start().await;
    let mut scheduled = handbook();
    let plan = installments(&[("2026-04-01", "56410.25"), ("2026-05-01", "46153.85")]);
    scheduled.payment_plan = Some(plan);
    let refused = it
        .client
        .create_estimate(command("1", create("opp-1", scheduled.clone())))
        .await;
    let found = crate::harness::violations(&refused.unwrap_err());
    assert!(found.contains(&(
        "content.payment_plan".to_owned(),
        "PAYMENT_PLAN_NOT_ALLOWED".to_owned()
    )));
    let first = it
        .client
        .create_estimate(command("2", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();

    let gross_up = common::uplift::Kind::GrossUp("0.025".to_owned());
    let policy = proto::PricingPolicy {
        uplift: Some(common::Uplift {
            kind: Some(gross_up),
        }),
        allow_prepaid: true,
        allow_installments: true,
        allow_variable: false,
    };
    let put = proto::PutPricingPolicyRequest {
        policy: Some(policy.clone()),
    };
    it.client
        .put_pricing_policy(command("3", put))
        .await
        .unwrap();
    let kept = it
        .client
        .get_pricing_policy(question(proto::GetPricingPolicyRequest {}))
        .await;
    assert_eq!(kept.unwrap().into_inner(), policy);
    let fee = proto::ListingFee {
        product_type: "professional_services".to_owned(),
        offer_kind: "private_offer".to_owned(),
        region: "KR".to_owned(),
        minimum_contract_value: None,
        renewal: false,
        rate: "0.035".to_owned(),
        effective_from: "2025-04-01".to_owned(),
        own: false,
    };
    let add = proto::AddListingFeeRequest { fee: Some(fee) };
    it.client
        .add_listing_fee(command("4", add.clone()))
        .await
        .unwrap();
    let twice = it
        .client
        .add_listing_fee(command("5", add))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&twice),
        (Code::AlreadyExists, "LISTING_FEE_EXISTS".to_owned())
    );

    scheduled.buyer_region = "KR".to_owned();
    let second = it
        .client
        .revise_estimate(command("6", revise(&first, scheduled.clone())))
        .await;
    let second = second.unwrap().into_inner();
    let economics = second.snapshot.clone().unwrap().economics.unwrap();
    assert_eq!(amount(economics.price_total.as_ref()), "102564.10");
    assert_eq!(economics.listing_fee_rate, "0.035");
    // Store round trip: what is read back is what was answered, instalments included.
    let read = it
        .client
        .get_estimate(question(get(&second, 2)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read, second);
    scheduled.stated_total = None;
    assert_eq!(read.content, Some(scheduled));
    let old = it
        .client
        .get_estimate(question(get(&first, 1)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(old.snapshot, first.snapshot);

    let actions: Vec<String> = it
        .audit("pricing-policy")
        .await
        .into_iter()
        .map(|entry| entry.0)
        .collect();
    assert_eq!(actions, ["put"]);
    it.stop().await;
}

/// E3: the seeded fee is there for everybody, a seller's own only for itself.
#[tokio::test]
async fn a_seller_sees_the_default_fees_and_its_own() {
    let mut it = Harness::start().await;
    let own = proto::ListingFee {
        product_type: "professional_services".to_owned(),
        offer_kind: "private_offer".to_owned(),
        minimum_contract_value: Some(usd("1000000.00")),
        rate: "0.005".to_owned(),
        effective_from: "2026-01-01".to_owned(),
        ..proto::ListingFee::default()
    };
    let add = proto::AddListingFeeRequest {
        fee: Some(own.clone()),
    };
    it.client.add_listing_fee(command("1", add)).await.unwrap();
    let list = proto::ListListingFeesRequest {};
    let fees = it
        .client
        .list_listing_fees(question(list))
        .await
        .unwrap()
        .into_inner()
        .fees;
    assert_eq!(fees.len(), 2);
    assert_eq!(
        (fees[0].rate.as_str(), fees[0].effective_from.as_str()),
        ("0.025", "2024-01-05")
    );
    assert_eq!(fees[1], proto::ListingFee { own: true, ..own });
    let elsewhere = from("other", "x@other.example", list);
    let fees = it
        .client
        .list_listing_fees(elsewhere)
        .await
        .unwrap()
        .into_inner()
        .fees;
    assert_eq!(fees.len(), 1);
    it.stop().await;
}

/// E6: from the net that should be kept to the price.
#[tokio::test]
async fn solves_for_the_price() {
    let mut it = Harness::start().await;
    let ask = proto::SolveRequest {
        uplift: Some(markup("0.025")),
        listing_fee_rate: "0.025".to_owned(),
        given: Some(proto::solve_request::Given::TargetNet(usd("100000.00"))),
    };
    let found = it.client.solve(question(ask)).await.unwrap().into_inner();
    assert_eq!(amount(found.price.as_ref()), "102564.10");
    assert_eq!(amount(found.fee.as_ref()), "2564.10");
    assert_eq!(amount(found.net.as_ref()), "100000.00");
    let refused = it
        .client
        .solve(question(proto::SolveRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    it.stop().await;
}

/// E1, E4: effort survives the store, and yen have no minor digits.
#[tokio::test]
async fn effort_and_yen_round_trip() {
    let mut it = Harness::start().await;
    let yen = |amount: &str| common::Money {
        currency_code: "JPY".to_owned(),
        amount: amount.to_owned(),
    };
    let mut content = handbook();
    content.currency_code = "JPY".to_owned();
    content.stated_total = None;
    content.packages = vec![package("Assessment", "1"), package("Training", "1")];
    for (package, base) in content.packages.iter_mut().zip(["1000001", "2000002"]) {
        package.base_price = Some(yen(base));
        package.effort = vec![proto::Effort {
            role: "Engineer".to_owned(),
            hours: "37.5".to_owned(),
            cost_rate: Some(yen("9001")),
        }];
    }
    let made = it
        .client
        .create_estimate(command("1", create("opp-1", content.clone())))
        .await;
    let made = made.unwrap().into_inner();
    let read = it
        .client
        .get_estimate(question(get(&made, 1)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read, made);
    assert_eq!(read.content, Some(content));
    let snapshot = read.snapshot.unwrap();
    let prices: Vec<&str> = snapshot
        .packages
        .iter()
        .map(|package| amount(package.price.as_ref()))
        .collect();
    // 3 000 003 × 1.025 = 3 075 003.075, split one to two.
    assert_eq!(prices, ["1025001", "2050002"]);
    let economics = snapshot.economics.unwrap();
    // 2 × (37.5 × 9001 = 337 537.5, half-even 337 538).
    assert_eq!(amount(economics.effort_cost.as_ref()), "675076");
    assert_eq!(amount(economics.margin.as_ref()), "2323052");
    it.stop().await;
}

/// E3: every fee that a seller has is looked at, so there is a most; the one too many is refused.
#[tokio::test]
async fn a_seller_s_own_fees_are_bounded() {
    let mut it = Harness::start().await;
    sqlx::query(
        "INSERT INTO listing_fee (seller, product_type, offer_kind, renewal, rate, effective_from,
            added_at)
        SELECT 'acme', 'professional_services', 'private_offer', FALSE, 0.5,
            date '2000-01-01' + number, now()
        FROM generate_series(1, 999) AS number",
    )
    .execute(it.bed.pool())
    .await
    .unwrap();
    let add = |rate: &str, from: &str| proto::AddListingFeeRequest {
        fee: Some(proto::ListingFee {
            product_type: "professional_services".to_owned(),
            offer_kind: "private_offer".to_owned(),
            rate: rate.to_owned(),
            effective_from: from.to_owned(),
            ..proto::ListingFee::default()
        }),
    };
    let last = command("1", add("0.01", "2026-03-02"));
    it.client.add_listing_fee(last).await.unwrap();
    let more = command("2", add("0.02", "2026-03-01"));
    let more = it.client.add_listing_fee(more).await.unwrap_err();
    assert_eq!(
        refusal(&more),
        (Code::FailedPrecondition, "TOO_MANY_LISTING_FEES".to_owned())
    );
    let made = it
        .client
        .create_estimate(command("3", create("opp-1", handbook())))
        .await;
    let economics = made.unwrap().into_inner().snapshot.unwrap().economics;
    assert_eq!(economics.unwrap().listing_fee_rate, "0.01");
    it.stop().await;
}
