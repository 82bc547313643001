//! Orders (O14): the one of an offer registers itself after an hour, a public one is flagged at once and
//! its refund advised after 48.

use chrono::TimeDelta;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::order::State;
use serde_json::json;
use tonic::Code;

use crate::deals;
use crate::world::{ENGAGEMENT, World, refusal};

async fn orders(world: &World, state: State) -> Vec<pb::Order> {
    let request = World::query(pb::ListOrdersRequest {
        state: state.into(),
        ..pb::ListOrdersRequest::default()
    });
    let listed = world.client.clone().list_orders(request).await.unwrap();
    listed.into_inner().orders
}

/// Lets time go by until there is an order in that state.
async fn until_one(world: &World, state: State) -> pb::Order {
    for _ in 0..200 {
        if let [order] = orders(world, state).await.as_slice() {
            return order.clone();
        }
        world.pass().await;
    }
    panic!(
        "no order is {state:?}: {:#?}",
        orders(world, State::Unspecified).await
    )
}

async fn accepted(world: &World) -> pb::Offer {
    let offer = world.published().await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    world
        .until_state(&offer.offer_id, pb::offer::State::Accepted)
        .await
}

async fn buy(world: &World) -> String {
    buy_for(world, "210987654321").await
}

/// Somebody buys at the public price; returns AWS's agreement id.
pub(crate) async fn buy_for(world: &World, account: &str) -> String {
    let body = json!({
        "productId": sandbox::DEFAULT_PRODUCT_ID,
        "buyerAccountId": account,
        "currencyCode": "USD",
        "price": "5000.00",
        "duration": "P90D",
        "dimensionKey": "professional_services",
    });
    let agreement = world.act("public-order", body).await;
    agreement["agreementId"].as_str().unwrap().to_owned()
}

/// O13, O14: that AWS once did not let us read what was bought says nothing about it: each is flagged, once it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_that_could_not_be_read_at_first_is_flagged() {
    let world = World::new().await;
    let calls = ["DescribeAgreement", "GetAgreementTerms", "DescribeEntity"];
    for (call, account) in calls
        .into_iter()
        .zip(["210987654321", "210987654322", "210987654323"])
    {
        let away = json!({ "operation": call, "failure": "access-denied" });
        world.act("inject", away).await;
        let bought = buy_for(&world, account).await;
        for _ in 0..200 {
            let flagged = orders(&world, State::Open).await;
            if flagged.iter().any(|order| order.agreement_id == bought) {
                break;
            }
            world.pass().await;
        }
        assert_eq!(world.look("state").await["injections"], json!([]), "{call}");
    }
    let flagged = world.events::<pb::PublicOrderFlagged>().await;
    assert_eq!(flagged.len(), calls.len());
}

/// O14: however long AWS does not let us see what an order is of, it is flagged once it does: a look a day later lists
/// it no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_is_flagged_however_late_its_offer_is_shown() {
    let world = World::with(|config| config.agreement_poll_ms = 60 * 60 * 1_000).await;
    let away = json!({ "operation": "DescribeEntity", "failure": "access-denied", "times": 2 });
    world.act("inject", away).await;
    buy(&world).await;
    let refused = "SELECT count(*) FROM agreement
        WHERE unreadable IS NOT NULL AND read_due IS NULL AND last_seen >= $1";
    for hours in [1, 26] {
        world.advance(TimeDelta::hours(hours));
        let since = world.now();
        let refused = async || -> i64 {
            let refused = sqlx::query_scalar(refused).bind(since);
            refused.fetch_one(world.bed.pool()).await.unwrap()
        };
        let step = TimeDelta::milliseconds(100);
        world.hurry_by(step, refused, |count| *count == 1).await;
    }
    assert_eq!(world.look("state").await["injections"], json!([]));
    assert_eq!(orders(&world, State::Unspecified).await, []);
    world.advance(TimeDelta::hours(6));
    until_one(&world, State::Open).await;
}

fn registration(agreement_id: &str) -> pb::RegisterOrderRequest {
    pb::RegisterOrderRequest {
        agreement_id: agreement_id.into(),
        company_name: "Globex".into(),
        contact_name: "Gil Globex".into(),
        contact_email: "gil@globex.example".into(),
    }
}

async fn running(world: &World) -> Vec<pb::Clock> {
    let request = World::query(pb::ListClocksRequest {
        state: pb::clock::State::Running.into(),
        ..pb::ListClocksRequest::default()
    });
    let listed = world.client.clone().list_clocks(request).await.unwrap();
    listed.into_inner().clocks
}

fn of_kind(clocks: &[pb::Clock], kind: pb::ClockKind) -> Option<&pb::Clock> {
    clocks.iter().find(|clock| clock.kind() == kind)
}

/// How often each kind rang.
async fn breaches(world: &World, kind: pb::ClockKind) -> usize {
    let breached = world.events::<pb::ClockBreached>().await;
    let clocks = breached.iter().filter_map(|event| event.clock.as_ref());
    clocks.filter(|clock| clock.kind() == kind).count()
}

async fn pass_some(world: &World) {
    for _ in 0..5 {
        world.pass().await;
    }
}

/// O14: an hour after the acceptance, once, over restarts.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_registers_registers_itself_after_an_hour() {
    let mut world = World::new().await;
    let offer = accepted(&world).await;
    let open = until_one(&world, State::Open).await;
    assert_eq!(open.agreement_id, offer.agreement_id);
    assert_eq!(open.offer_id, offer.offer_id);
    assert_eq!(open.engagement_id, ENGAGEMENT);
    assert_eq!(open.total, Some(deals::usd("102500.00")));
    assert!(of_kind(&running(&world).await, pb::ClockKind::Registration).is_some());
    world.advance(TimeDelta::minutes(59));
    pass_some(&world).await;
    assert_eq!(until_one(&world, State::Open).await, open);
    world.stop().await;
    world.advance(TimeDelta::minutes(2));
    world.restart().await;
    let registered = until_one(&world, State::Registered).await;
    let registration = registered.registration.clone().unwrap();
    assert_eq!(registration.registered_by, "");
    assert_eq!(registration.company_name, "Example Corp");
    assert_eq!(registration.contact_email, "bea.buyer@example.com");
    world.restart().await;
    world.advance(TimeDelta::days(3));
    pass_some(&world).await;
    let told = world.events::<pb::OrderRegistered>().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].order, Some(registered));
    assert_eq!(breaches(&world, pb::ClockKind::Registration).await, 1);
    assert!(world.events::<pb::PublicOrderFlagged>().await.is_empty());
}

/// O14: what the buyer said is not said again by the offer.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_registered_in_time_does_not_register_itself() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let request = registration(&offer.agreement_id);
    let mut client = world.client.clone();
    let once = client.register_order(world.command(request.clone())).await;
    let once = once.unwrap().into_inner();
    assert_eq!(once.state(), State::Registered);
    let known = once.registration.clone().unwrap();
    assert_eq!(known.registered_by, "ops@acme.example");
    let twice = client.register_order(world.command(request.clone())).await;
    assert_eq!(twice.unwrap().into_inner(), once);
    let mut other = request;
    other.company_name = "Initech".into();
    let answer = client.register_order(world.command(other)).await;
    let (code, reason, _) = refusal(answer);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "ORDER_REGISTERED")
    );
    assert!(of_kind(&running(&world).await, pb::ClockKind::Registration).is_none());
    world.advance(TimeDelta::hours(2));
    pass_some(&world).await;
    assert_eq!(orders(&world, State::Unspecified).await, [once]);
    assert_eq!(world.events::<pb::OrderRegistered>().await.len(), 1);
    assert_eq!(breaches(&world, pb::ClockKind::Registration).await, 0);
}

/// O14: flagged at once, refund advised after 48 hours and not before, once, over restarts; a buyer who
/// comes forward late is registered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_is_flagged_at_once_and_its_refund_advised_after_48_hours() {
    let mut world = World::new().await;
    let agreement_id = buy(&world).await;
    let open = until_one(&world, State::Open).await;
    assert_eq!(open.agreement_id, agreement_id);
    assert_eq!(
        (open.offer_id.as_str(), &open.engagement_id),
        ("", &agreement_id)
    );
    assert_eq!(open.buyer_account_id, "210987654321");
    assert_eq!(open.product_id, sandbox::DEFAULT_PRODUCT_ID);
    let flagged = world.events::<pb::PublicOrderFlagged>().await;
    assert_eq!(flagged.len(), 1);
    assert_eq!(flagged[0].order, Some(open));
    let clocks = running(&world).await;
    let clock = of_kind(&clocks, pb::ClockKind::Identification).unwrap();
    assert_eq!(clock.due_at, flagged[0].identify_by);
    // O16: somebody sees to its end too.
    assert!(of_kind(&clocks, pb::ClockKind::Renewal60).is_some());
    assert_eq!(clocks.len(), 2);
    assert_eq!(
        (clock.offer_id.as_str(), &clock.engagement_id),
        ("", &agreement_id)
    );

    world.advance(TimeDelta::hours(47));
    pass_some(&world).await;
    assert!(world.events::<pb::OrderRefundAdvised>().await.is_empty());
    world.stop().await;
    world.advance(TimeDelta::hours(2));
    world.restart().await;
    let advised = until_one(&world, State::RefundAdvised).await;
    assert!(!advised.refund_advised_at.is_empty());
    world.restart().await;
    pass_some(&world).await;
    assert_eq!(world.events::<pb::OrderRefundAdvised>().await.len(), 1);
    assert_eq!(breaches(&world, pb::ClockKind::Identification).await, 1);

    let request = world.command(registration(&agreement_id));
    let late = world.client.clone().register_order(request).await.unwrap();
    assert_eq!(late.into_inner().state(), State::Registered);
}

/// O13, O14: a seller that connects its account has sold before: of that nobody is told to cancel and refund,
/// but who bought yesterday is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_before_the_first_look_is_no_order() {
    let mut world = World::new().await;
    world.stop().await;
    sqlx::query("DELETE FROM agreement_cursor")
        .execute(world.bed.pool())
        .await
        .unwrap();
    let old = buy_for(&world, "333344445555").await;
    world.advance(TimeDelta::hours(49));
    let new = buy_for(&world, "210987654321").await;
    world.advance(TimeDelta::hours(1));
    world.restart().await;
    let order = until_one(&world, State::Open).await;
    assert_eq!(order.agreement_id, new);
    pass_some(&world).await;
    assert_eq!(world.events::<pb::PublicOrderFlagged>().await.len(), 1);
    assert!(world.events::<pb::OrderRefundAdvised>().await.is_empty());
    let known: Vec<String> = sqlx::query_scalar("SELECT agreement_id FROM agreement")
        .fetch_all(world.bed.pool())
        .await
        .unwrap();
    assert!(known.contains(&old), "{known:?}");

    // It ends, which AWS tells as news.
    world.advance(TimeDelta::days(90));
    let ended = async || -> bool {
        let status = sqlx::query_scalar("SELECT status FROM agreement WHERE agreement_id = $1");
        let status: String = status.bind(&old).fetch_one(world.bed.pool()).await.unwrap();
        status == "EXPIRED"
    };
    for _ in 0..100 {
        if ended().await {
            break;
        }
        world.pass().await;
    }
    assert!(ended().await);
    pass_some(&world).await;
    assert_eq!(world.events::<pb::PublicOrderFlagged>().await.len(), 1);
}

/// O12, O14: an offer that was made for its buyer elsewhere is not public, and no order of unknown origin.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_offer_that_was_made_elsewhere_is_no_public_order() {
    let world = World::new().await;
    let body = json!({
        "name": "Made elsewhere",
        "description": "By hand",
        "buyerAccounts": ["210987654321"],
        "currencyCode": "USD",
        "duration": "P90D",
        "dimensionKey": "professional_services",
        "schedule": [{ "chargeDate": "2026-03-02", "chargeAmount": "5000.00" }],
        "availabilityEndDate": "2026-03-31",
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    let offer_id = world.act("portal/private-offer", body).await["offerId"].clone();
    world
        .act("portal/extend-offer", json!({ "offerId": offer_id }))
        .await;
    let body = json!({ "offerId": offer_id, "buyerAccountId": "210987654321" });
    world.act("accept", body).await;
    let public = buy_for(&world, "333344445555").await;
    let seen = async || -> i64 {
        let seen = sqlx::query_scalar("SELECT count(*) FROM agreement WHERE details IS NOT NULL");
        seen.fetch_one(world.bed.pool()).await.unwrap()
    };
    // By the same look or a later one: AWS's rate is between them.
    for _ in 0..100 {
        if seen().await == 2 {
            break;
        }
        world.pass().await;
    }
    assert_eq!(seen().await, 2);
    let order = until_one(&world, State::Open).await;
    assert_eq!(order.agreement_id, public);
}

/// O14: what AWS charges for it may be what is not understood here; the order is flagged all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_whose_charges_cannot_be_read_is_flagged() {
    let world = World::new().await;
    let body = json!({
        "currencyCode": "USD",
        "price": "0",
        "duration": "P90D",
        "dimensionKey": "professional_services",
    });
    let agreement = world.act("public-order", body).await;
    let order = until_one(&world, State::Open).await;
    assert_eq!(
        order.agreement_id,
        agreement["agreementId"].as_str().unwrap()
    );
    assert_eq!(world.events::<pb::PublicOrderFlagged>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_names_all_that_is_wrong() {
    let world = World::new().await;
    let mut client = world.client.clone();
    let answer = client
        .register_order(world.command(registration("agmt-nothing")))
        .await;
    let (code, reason, _) = refusal(answer);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "ORDER_UNKNOWN"));
    let empty = pb::RegisterOrderRequest {
        agreement_id: "agmt-1".into(),
        ..pb::RegisterOrderRequest::default()
    };
    let (code, _, violations) = refusal(client.register_order(world.command(empty)).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        violations,
        [
            "COMPANY_NAME_REQUIRED",
            "CONTACT_NAME_REQUIRED",
            "CONTACT_EMAIL_INVALID"
        ]
    );
}
