//! Clocks (O18): visible, by the seller's calendar, over restarts and jumps, and each rings once.

use aws_sdk_marketplaceagreement::types::AgreementCancellationRequestReasonCode;
use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State;
use serde_json::json;

use crate::sdk;
use crate::world::{World, refusal};

pub(crate) async fn clocks(world: &World, state: State) -> Vec<pb::Clock> {
    let request = World::query(pb::ListClocksRequest {
        state: state.into(),
        ..pb::ListClocksRequest::default()
    });
    let listed = world.client.clone().list_clocks(request).await.unwrap();
    listed.into_inner().clocks
}

pub(crate) fn kinds(clocks: &[pb::Clock]) -> Vec<ClockKind> {
    clocks.iter().map(pb::Clock::kind).collect()
}

pub(crate) fn start(world: &World, offer: &pb::Offer, kind: ClockKind) -> pb::StartClockRequest {
    pb::StartClockRequest {
        offer_id: offer.offer_id.clone(),
        kind: kind.into(),
        started_at: world.now().to_rfc3339(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_rings_once_over_restarts_and_jumps() {
    let mut world = World::new().await;
    let offer = world.published().await;
    let request = start(&world, &offer, ClockKind::AgreementVisible);
    for _ in 0..2 {
        let request = world.command(request.clone());
        let clock = world.client.clone().start_clock(request).await.unwrap();
        assert_eq!(clock.into_inner().state(), State::Running);
    }
    assert_eq!(
        kinds(&clocks(&world, State::Running).await),
        [ClockKind::AgreementVisible, ClockKind::OfferExpiry]
    );
    world.advance(TimeDelta::minutes(23 * 60 + 59));
    world.pass().await;
    world.restart().await;
    assert!(clocks(&world, State::Breached).await.is_empty());
    world.advance(TimeDelta::days(2));
    for _ in 0..100 {
        if !clocks(&world, State::Breached).await.is_empty() {
            break;
        }
        world.pass().await;
    }
    world.restart().await;
    for _ in 0..5 {
        world.pass().await;
    }
    let breached = world.events::<pb::ClockBreached>().await;
    assert_eq!(breached.len(), 1);
    let clock = breached[0].clock.as_ref().unwrap();
    assert_eq!(clock.kind(), ClockKind::AgreementVisible);
    assert_eq!(clock.owner, "alliances");
    let listed = clocks(&world, State::Breached).await;
    assert_eq!(listed, std::slice::from_ref(clock));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offers_life_starts_and_ends_its_clocks() {
    let world = World::new().await;
    let calendar = pb::Calendar {
        holidays: vec!["2026-03-03".into()],
        working_weekdays: vec![1, 2, 3, 4, 5],
    };
    let put = pb::PutCalendarRequest {
        calendar: Some(calendar.clone()),
    };
    let mut client = world.client.clone();
    client.put_calendar(world.command(put)).await.unwrap();
    let kept = client
        .get_calendar(World::query(pb::GetCalendarRequest {}))
        .await;
    assert_eq!(kept.unwrap().into_inner(), calendar);
    let offer = world.published().await;
    assert_eq!(
        kinds(&clocks(&world, State::Settled).await),
        [ClockKind::Publish]
    );
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    world
        .until_state(&offer.offer_id, pb::offer::State::Accepted)
        .await;
    let running = clocks(&world, State::Running).await;
    assert_eq!(
        kinds(&running),
        [
            ClockKind::Registration,
            ClockKind::BuyerContact,
            ClockKind::Renewal60
        ]
    );
    // Accepted on a Monday; Tuesday is a holiday.
    assert_eq!(running[1].due_at, "2026-03-05T23:59:59Z");
    let settle = pb::SettleClockRequest {
        clock_id: running[1].clock_id.clone(),
        reason: "kick-off is on Wednesday".into(),
    };
    let settled = client.settle_clock(world.command(settle)).await.unwrap();
    assert_eq!(settled.into_inner().reason, "kick-off is on Wednesday");
    world.advance(TimeDelta::days(5));
    for _ in 0..5 {
        world.pass().await;
    }
    let breached = world.events::<pb::ClockBreached>().await;
    let breached: Vec<_> = breached
        .iter()
        .map(|event| event.clock.as_ref().unwrap().kind())
        .collect();
    assert_eq!(breached, [ClockKind::Registration]);
}

/// The seller asks the buyer to end the agreement, and the buyer agrees.
pub(crate) async fn end_agreement(world: &World, agreement_id: &str) {
    let sent = sdk::agreement(world)
        .send_agreement_cancellation_request()
        .agreement_id(agreement_id)
        .reason_code(AgreementCancellationRequestReasonCode::Other)
        .send()
        .await
        .unwrap();
    let id = sent.agreement_cancellation_request_id().unwrap();
    let body = json!({ "id": id, "approve": true });
    world.act("cancellation-request/answer", body).await;
}

/// O16: nobody renews an agreement that was cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn the_renewals_of_an_agreement_end_with_it() {
    let world = World::new().await;
    let offer = world.published().await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    let accepted = world
        .until_state(&offer.offer_id, pb::offer::State::Accepted)
        .await;
    end_agreement(&world, &accepted.agreement_id).await;
    for _ in 0..100 {
        if kinds(&clocks(&world, State::Running).await) == [ClockKind::BuyerContact] {
            break;
        }
        world.pass().await;
    }
    let settled = clocks(&world, State::Settled).await;
    let renewal = settled
        .iter()
        .find(|clock| clock.kind() == ClockKind::Renewal60);
    assert_eq!(renewal.unwrap().reason, "the agreement is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_clock_to_start_or_settle_is_refused() {
    let world = World::new().await;
    let offer = world.published().await;
    let mut client = world.client.clone();
    let mut ahead = start(&world, &offer, ClockKind::BuyerContact);
    ahead.started_at = "2030-01-01T00:00:00Z".into();
    let mut nothing = start(&world, &offer, ClockKind::Unspecified);
    nothing.started_at = "yesterday".into();
    for (request, expected) in [
        (
            start(&world, &offer, ClockKind::Publish),
            vec!["CLOCK_STARTS_BY_ITSELF"],
        ),
        (
            start(&world, &offer, ClockKind::Registration),
            vec!["CLOCK_STARTS_BY_ITSELF"],
        ),
        (ahead, vec!["START_IN_FUTURE"]),
        (nothing, vec!["CLOCK_KIND_REQUIRED", "TIME_INVALID"]),
    ] {
        let answer = client.start_clock(world.command(request)).await;
        assert_eq!(refusal(answer).2, expected);
    }
    let settle = |clock_id: &str, reason: &str| pb::SettleClockRequest {
        clock_id: clock_id.into(),
        reason: reason.into(),
    };
    let answer = client
        .settle_clock(world.command(settle("nothing", "done")))
        .await;
    assert_eq!(refusal(answer).1, "CLOCK_UNKNOWN");
    let expiry = clocks(&world, State::Running).await.remove(0).clock_id;
    let answer = client
        .settle_clock(world.command(settle(&expiry, "done")))
        .await;
    assert_eq!(refusal(answer).1, "CLOCK_OF_OFFER");
    let answer = client
        .settle_clock(world.command(settle(&expiry, " ")))
        .await;
    assert_eq!(refusal(answer).2, ["REASON_REQUIRED"]);
    let put = pb::PutCalendarRequest {
        calendar: Some(pb::Calendar::default()),
    };
    let answer = client.put_calendar(world.command(put)).await;
    assert_eq!(refusal(answer).2, ["WEEKDAYS_INVALID"]);
}
