//! Payment requests under a cap, against the sandbox (O17): asked for, sent once, answered by the buyer or
//! by silence, taken back; and what AWS does to them on the way.

use std::time::Duration;

use chrono::TimeDelta;
use countersign_kernel::Digest;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::common::v1::Money;
use countersign_proto::offer::v1 as pb;
pub(crate) use pb::payment_request::State;
use serde_json::{Value, json};
use tonic::{Code, Response, Status};

use crate::deals::{self, usd};
use crate::world::{ENGAGEMENT, World, refusal};

const LOOKS: usize = 300;

/// An accepted offer with a cap of 102 500.00, entered in the portal.
pub(crate) async fn accepted(world: &World, strategy: &str) -> pb::Offer {
    let files = deals::files();
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    world.signed(deals::with_cap(deal), &files).await;
    world.close_checklist().await;
    world.register_listing_for(pb::ReleaseWay::Portal).await;
    let mut client = world.client.clone();
    let intake = world.command(World::intake());
    client.complete_intake(intake).await.unwrap();
    let draft = world.command(World::draft_request());
    let drafted = client.draft_offer(draft).await.unwrap().into_inner();
    let draft = world.assembled(&drafted.offer_id).await;
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
    let offer = world.release(&draft).await;
    let entered = json!({ "name": offer.name, "buyerAccounts": ["123456789012"],
        "productId": sandbox::DEFAULT_PRODUCT_ID, "currencyCode": "USD",
        "maxTotalChargeAmount": "102500.00", "duration": "P90D",
        "availabilityEndDate": "2026-03-31", "legalDocumentUrl": "https://files.example/eula.pdf" });
    let entered = world.act("portal/variable-offer", entered).await;
    let aws_offer_id = entered["offerId"].as_str().unwrap().to_owned();
    let given = pb::RecordPortalOfferRequest {
        offer_id: offer.offer_id.clone(),
        aws_offer_id: aws_offer_id.clone(),
    };
    let given = world.command(given);
    client.record_portal_offer(given).await.unwrap();
    let published = pb::offer::State::Published;
    world.until_state(&offer.offer_id, published).await;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012",
        "paymentRequestApprovalStrategy": strategy });
    world.act("accept", body).await;
    let accepted = pb::offer::State::Accepted;
    world.until_state(&offer.offer_id, accepted).await
}

async fn by_silence(world: &World) -> pb::Offer {
    accepted(world, "AUTO_APPROVE_ON_EXPIRATION").await
}

fn request(offer: &pb::Offer, milestone: &str, amount: &str) -> pb::RequestPaymentRequest {
    pb::RequestPaymentRequest {
        offer_id: offer.offer_id.clone(),
        milestone: milestone.into(),
        description: "As agreed in the SOW".into(),
        amount: Some(usd(amount)),
    }
}

async fn ask(
    world: &World,
    request: pb::RequestPaymentRequest,
) -> Result<Response<pb::PaymentRequest>, Status> {
    let request = world.command(request);
    world.client.clone().request_payment(request).await
}

pub(crate) async fn asked(
    world: &World,
    offer: &pb::Offer,
    milestone: &str,
    amount: &str,
) -> String {
    let request = request(offer, milestone, amount);
    let asked = ask(world, request).await.unwrap().into_inner();
    assert_eq!(asked.state(), State::Sending);
    asked.payment_request_id
}

pub(crate) async fn get(world: &World, id: &str) -> pb::PaymentRequest {
    let request = World::query(pb::GetPaymentRequestRequest {
        payment_request_id: id.into(),
    });
    let found = world.client.clone().get_payment_request(request).await;
    found.unwrap().into_inner()
}

pub(crate) async fn until(world: &World, id: &str, state: State) -> pb::PaymentRequest {
    for _ in 0..LOOKS {
        let found = get(world, id).await;
        if found.state() == state {
            return found;
        }
        world.pass().await;
    }
    panic!("it never got {state:?}: {:#?}", get(world, id).await)
}

pub(crate) async fn cancel(
    world: &World,
    id: &str,
) -> Result<Response<pb::PaymentRequest>, Status> {
    let request = world.command(pb::CancelPaymentRequestRequest {
        payment_request_id: id.into(),
        reason: "invoiced twice".into(),
    });
    world.client.clone().cancel_payment_request(request).await
}

async fn listed(world: &World, offer: &pb::Offer) -> pb::ListPaymentRequestsResponse {
    let request = World::query(pb::ListPaymentRequestsRequest {
        offer_id: offer.offer_id.clone(),
        ..pb::ListPaymentRequestsRequest::default()
    });
    let listed = world.client.clone().list_payment_requests(request).await;
    listed.unwrap().into_inner()
}

async fn remaining(world: &World, offer: &pb::Offer) -> Option<Money> {
    listed(world, offer).await.remaining
}

pub(crate) async fn answer(world: &World, request: &pb::PaymentRequest, approve: bool) {
    let body = json!({ "id": request.aws_payment_request_id, "approve": approve,
        "reason": (!approve).then_some("not delivered") });
    world.act("payment-request/answer", body).await;
}

async fn inject(world: &World, body: Value) {
    world.act("inject", body).await;
}

async fn clock(world: &World, id: &str) -> Option<pb::Clock> {
    let request = World::query(pb::ListClocksRequest::default());
    let listed = world.client.clone().list_clocks(request).await.unwrap();
    let mut clocks = listed.into_inner().clocks.into_iter();
    clocks.find(|clock| clock.clock_id == id)
}

/// How many payment requests AWS has, by its own account.
async fn at_aws(world: &World) -> usize {
    let state = world.look("state").await;
    state["paymentRequests"].as_array().unwrap().len()
}

/// The four ways in which a request ends: at once, by silence, rejected, taken back.
#[tokio::test(flavor = "multi_thread")]
async fn milestones_are_paid_under_the_cap() {
    let world = World::new().await;
    let offer = by_silence(&world).await;
    let agreed = world.events::<pb::AgreementAccepted>().await.remove(0);
    let variable = agreed.variable_payments.unwrap();
    assert_eq!(
        (variable.cap, variable.approves_after.as_str()),
        (Some(usd("102500.00")), "P10D")
    );
    assert_eq!(agreed.charges, []);

    let at_once = asked(&world, &offer, "Design accepted", "30000.00").await;
    let silent = asked(&world, &offer, "Platform migrated", "41250.00").await;
    let rejected = asked(&world, &offer, "Team enabled", "31250.00").await;
    let over = ask(&world, request(&offer, "One cent more", "0.01")).await;
    assert_eq!(refusal(over).2, ["PAYMENT_WITHIN_CAP"]);
    let pending = until(&world, &at_once, State::Pending).await;
    assert_eq!(pending.aws_status, "PENDING_APPROVAL");
    assert!(pending.aws_payment_request_id.starts_with("pr-"));
    let running = clock(&world, &pending.clock_id).await.unwrap();
    assert_eq!(running.state(), pb::clock::State::Running);
    assert_eq!(running.due_at, pending.approves_itself_at);

    answer(&world, &pending, true).await;
    let paid = until(&world, &at_once, State::Approved).await;
    assert!(paid.charge_id.starts_with("ch-"), "{paid:?}");
    let ended = clock(&world, &pending.clock_id).await.unwrap();
    assert_eq!(
        (ended.state(), ended.reason.as_str()),
        (pb::clock::State::Settled, "approved")
    );

    let pending = until(&world, &rejected, State::Pending).await;
    answer(&world, &pending, false).await;
    let ended = until(&world, &rejected, State::Rejected).await;
    assert_eq!(ended.reason, "not delivered");
    assert_eq!(remaining(&world, &offer).await, Some(usd("31250.00")));

    let back = asked(&world, &offer, "Team enabled", "31250.00").await;
    until(&world, &back, State::Pending).await;
    let asked_back = cancel(&world, &back).await.unwrap().into_inner();
    assert_eq!(
        (asked_back.state(), asked_back.reason.as_str()),
        (State::Pending, "invoiced twice")
    );
    let cancelled = until(&world, &back, State::Cancelled).await;
    assert_eq!(
        (cancelled.aws_status.as_str(), cancelled.reason.as_str()),
        ("CANCELLED", "invoiced twice")
    );

    let pending = until(&world, &silent, State::Pending).await;
    world.advance(TimeDelta::days(9));
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(get(&world, &silent).await.state(), State::Pending);
    world.advance(TimeDelta::days(1));
    until(&world, &silent, State::Approved).await;
    // The clock rings by a task of its own, which may be the later one.
    let mut rung = clock(&world, &pending.clock_id).await.unwrap();
    for _ in 0..LOOKS {
        if rung.state() != pb::clock::State::Running {
            break;
        }
        world.pass().await;
        rung = clock(&world, &pending.clock_id).await.unwrap();
    }
    assert_eq!(rung.state(), pb::clock::State::Breached);

    let all = listed(&world, &offer).await;
    let numbers: Vec<u32> = all.payment_requests.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(all.approved, Some(usd("71250.00")));
    assert_eq!(
        (all.requested, all.remaining),
        (Some(usd("0.00")), Some(usd("31250.00")))
    );
    let approved = world.events::<pb::PaymentRequestApproved>().await;
    let charges: Vec<_> = approved
        .iter()
        .map(|event| event.charge.clone().unwrap())
        .map(|charge| (charge.number, charge.amount.unwrap().amount))
        .collect();
    assert_eq!(charges, [(1, "30000.00".into()), (2, "41250.00".into())]);
    assert_eq!(world.events::<pb::PaymentRequestRejected>().await.len(), 1);
}

/// Of requests that come at once only what fits is taken, whichever comes first (O17).
#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_do_not_exceed_the_cap() {
    let world = World::new().await;
    let offer = by_silence(&world).await;
    let askings = (0..8).map(|number| {
        let milestone = format!("Milestone {number}");
        ask(&world, request(&offer, &milestone, "30000.00"))
    });
    let answers = futures::future::join_all(askings).await;
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken, 3);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused).1, "PAYMENT_REFUSED");
    }
    let all = listed(&world, &offer).await;
    assert_eq!(all.remaining, Some(usd("12500.00")));
    let numbers: Vec<u32> = all.payment_requests.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

/// O9: AWS takes the request and the answer is lost, busy or broken: it is sent once.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_makes_no_second_request() {
    let mut world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let offer = by_silence(&world).await;
    let send = "SendAgreementPaymentRequest";
    for (failure, after_apply) in [("fault", true), ("timeout", false), ("nonsense", false)] {
        let number = at_aws(&world).await;
        inject(
            &world,
            json!({ "operation": send, "failure": failure, "times": 3,
            "afterApply": after_apply }),
        )
        .await;
        let list = "ListAgreementPaymentRequests";
        inject(
            &world,
            json!({ "operation": list, "failure": "throttle", "times": 2 }),
        )
        .await;
        let id = asked(&world, &offer, &format!("Milestone {failure}"), "1000.00").await;
        world.restart().await;
        let pending = until(&world, &id, State::Pending).await;
        assert_eq!(at_aws(&world).await, number + 1, "{failure}");
        answer(&world, &pending, true).await;
        until(&world, &id, State::Approved).await;
    }
    assert_eq!(world.events::<pb::PaymentRequestApproved>().await.len(), 3);
}

/// AWS forgets a client token after eight hours: what was sent before is found by looking (O9).
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_again_when_aws_forgot_its_token() {
    let mut world = World::new().await;
    let offer = by_silence(&world).await;
    let send = "SendAgreementPaymentRequest";
    inject(
        &world,
        json!({ "operation": send, "failure": "fault", "times": 3, "afterApply": true }),
    )
    .await;
    let id = asked(&world, &offer, "Design accepted", "1000.00").await;
    while at_aws(&world).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.stop().await;
    world.advance(TimeDelta::hours(9));
    world.restart().await;
    until(&world, &id, State::Pending).await;
    assert_eq!(at_aws(&world).await, 1);
}

/// What AWS refuses, or finds wrong later, frees its part of the cap and says why.
#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_failed_and_frees_its_amount() {
    let world = World::new().await;
    let offer = by_silence(&world).await;
    let send = "SendAgreementPaymentRequest";
    inject(
        &world,
        json!({ "operation": send, "failure": "access-denied" }),
    )
    .await;
    let id = asked(&world, &offer, "Design accepted", "102500.00").await;
    let failed = until(&world, &id, State::Failed).await;
    assert_eq!(failed.errors[0].code, "AccessDeniedException");
    inject(&world, json!({ "operation": send, "failure": "invalid" })).await;
    let id = asked(&world, &offer, "Design accepted", "102500.00").await;
    let failed = until(&world, &id, State::Failed).await;
    assert_eq!(failed.errors[0].code, "VALIDATION_FAILED");
    assert_eq!(remaining(&world, &offer).await, Some(usd("102500.00")));
    assert_eq!(world.events::<pb::PaymentRequestFailed>().await.len(), 2);
    let answer = cancel(&world, &id).await;
    assert_eq!(refusal(answer).1, "PAYMENT_REQUEST_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_says_why() {
    let world = World::new().await;
    let offer = by_silence(&world).await;
    let eur = Money {
        currency_code: "EUR".into(),
        ..usd("1.00")
    };
    let with = |amount: Option<Money>| pb::RequestPaymentRequest {
        amount,
        ..request(&offer, "Design accepted", "1.00")
    };
    for (request, code, expected) in [
        (with(None), Code::InvalidArgument, &["REQUIRED"][..]),
        (
            with(Some(usd("1.001"))),
            Code::InvalidArgument,
            &["AMOUNT_INVALID"],
        ),
        (
            with(Some(usd("ten"))),
            Code::InvalidArgument,
            &["AMOUNT_INVALID"],
        ),
        (
            with(Some(eur)),
            Code::FailedPrecondition,
            &["PAYMENT_CURRENCY"],
        ),
        (
            with(Some(usd("-1.00"))),
            Code::FailedPrecondition,
            &["PAYMENT_POSITIVE"],
        ),
        (
            with(Some(usd("102500.01"))),
            Code::FailedPrecondition,
            &["PAYMENT_WITHIN_CAP"],
        ),
        (
            request(&offer, "Done", "0.00"),
            Code::FailedPrecondition,
            &["PAYMENT_MILESTONE_VALID", "PAYMENT_POSITIVE"],
        ),
    ] {
        let found = refusal(ask(&world, request).await);
        assert_eq!(
            (found.0, found.2),
            (code, expected.iter().map(|&one| one.to_owned()).collect())
        );
    }
    let nobodys = pb::RequestPaymentRequest {
        offer_id: "offer-nobodys".into(),
        ..request(&offer, "Design accepted", "1.00")
    };
    assert_eq!(refusal(ask(&world, nobodys).await).1, "OFFER_UNKNOWN");
    let answer = cancel(&world, "0196-nobodys").await;
    assert_eq!(refusal(answer).1, "PAYMENT_REQUEST_UNKNOWN");

    // One key, another body.
    let mut client = world.client.clone();
    let keyed =
        |amount: &str| World::command_with(request(&offer, "Design accepted", amount), "one key");
    let first = client
        .request_payment(keyed("1.00"))
        .await
        .unwrap()
        .into_inner();
    let again = client
        .request_payment(keyed("1.00"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, first);
    let other = client.request_payment(keyed("2.00")).await;
    assert!(other.is_err(), "{other:?}");
    assert_eq!(listed(&world, &offer).await.payment_requests.len(), 1);
}

/// Nothing is asked for under an agreement that AWS ended, and what waits ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_is_over_is_not_drawn_on() {
    let world = World::new().await;
    let offer = by_silence(&world).await;
    let id = asked(&world, &offer, "Design accepted", "1000.00").await;
    until(&world, &id, State::Pending).await;
    crate::clocks::end_agreement(&world, &offer.agreement_id).await;
    let ended = until(&world, &id, State::Cancelled).await;
    assert_eq!(ended.aws_status, "CANCELLED");
    for _ in 0..LOOKS {
        let over = ask(&world, request(&offer, "Platform migrated", "1.00")).await;
        if over.is_err() {
            assert_eq!(refusal(over).2, ["PAYMENT_AGREEMENT_ACTIVE"]);
            // Seen again and again, told once.
            for _ in 0..10 {
                world.pass().await;
            }
            let ended = world.events::<pb::AgreementEnded>().await;
            let told: Vec<_> = ended.iter().map(|one| one.status.as_str()).collect();
            assert_eq!(told, ["CANCELLED"]);
            return;
        }
        world.pass().await;
    }
    panic!("the agreement's end was never seen");
}

/// A direct offer by AWS's API has no variable payments: pre-flight says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_cap_is_not_released_by_the_api() {
    let world = World::new().await;
    let files = deals::files();
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    world.ready_to_draft(deals::with_cap(deal)).await;
    let draft = world.command(World::draft_request());
    let drafted = world.client.clone().draft_offer(draft).await.unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    assert_eq!(
        world.findings(&draft.offer_id).await,
        ["VARIABLE_PAYMENTS_BY_PORTAL"]
    );
}
