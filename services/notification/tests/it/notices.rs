//! Events in → notices out, once per recipient per cause (N1, N2, N3, N6).

use std::time::Duration;

use countersign_platform::testing::TestBed;
use countersign_platform::{NewEvent, NoSection, Service, Wiring};
use countersign_proto::notification::v1 as proto;
use countersign_proto::notification::v1::NoticeSent;
use proto::Audience::{Alliances, DealDesk, Finance, SalesSupport};
use proto::delivery::State;

use crate::samples;
use crate::system::{ENGAGEMENT, System, call, new_event};

/// N1: the buyer's contact gets the link and what to check; alliances hear too.
#[tokio::test]
async fn the_buyer_gets_the_offer_by_mail() {
    let system = System::start().await;
    system
        .put(Alliances, "alliances@acme.example")
        .await
        .unwrap();
    let event = system.event("offer", &samples::published());
    assert_eq!(system.tell(&event).await, "applied");
    let delivery = system.until("bea@buyer.example", State::Sent, 1).await;
    assert_eq!(delivery.template, "buyer-offer");
    assert_eq!(delivery.engagement_id, ENGAGEMENT);
    assert_eq!(delivery.cause_event_id, event.id.to_string());
    assert_eq!(delivery.answer, "250 2.0.0 taken as 4711");
    system.until("alliances@acme.example", State::Sent, 1).await;

    let mails = system.smtp.taken_for("bea@buyer.example");
    let mail = &mails[0];
    assert_eq!(mails.len(), 1);
    let id = format!("{}@acme.example", delivery.delivery_id);
    assert_eq!(mail.message_id(), Some(id.as_str()));
    assert_eq!(mail.subject(), Some(delivery.subject.as_str()));
    assert_eq!(
        mail.to().unwrap().first().unwrap().name(),
        Some("Béa Buyer")
    );
    let text = mail.body_text(0).unwrap();
    assert_eq!(text.trim().replace("\r\n", "\n"), delivery.text.trim());
    for said in [
        "https://aws.amazon.com/marketplace/saas?offerId=offer-abc123&sku=1",
        "2026-12-20, 23:59:59 UTC",
        "000123456789",
        "Any account under that payer may accept",
        "wholly between you and AWS",
    ] {
        assert!(text.contains(said), "{said}");
    }
    assert!(mail.body_html(0).unwrap().contains("Buyer &amp; Sons"));

    let sent: Vec<NoticeSent> = system.published().await;
    let expected = NoticeSent {
        delivery_id: delivery.delivery_id,
        engagement_id: ENGAGEMENT.into(),
        template: "buyer-offer".into(),
        channel: "email".into(),
        sent_at: delivery.sent_at,
    };
    assert_eq!(sent.len(), 2);
    assert!(sent.contains(&expected), "{sent:?}");
    system.running.stop().await;
}

/// N2: the data elements reach all three audiences; somebody who is in two hears once.
#[tokio::test]
async fn data_elements_reach_everybody_once() {
    let system = System::start().await;
    for (audience, address) in [
        (DealDesk, "pat@acme.example"),
        (Alliances, "pat@acme.example"),
        (Alliances, "ali@acme.example"),
        (SalesSupport, "sam@acme.example"),
        (Finance, "fin@acme.example"),
    ] {
        system.put(audience, address).await.unwrap();
    }
    let event = system.event("offer", &samples::intake());
    assert_eq!(system.tell(&event).await, "applied");
    for recipient in ["pat@acme.example", "ali@acme.example", "sam@acme.example"] {
        let delivery = system.until(recipient, State::Sent, 1).await;
        assert_eq!(delivery.template, "data-elements");
        assert!(delivery.text.contains("Billing terms with AWS: 30 days"));
    }
    assert_eq!(system.deliveries().await.len(), 3);

    // N6: the same event again, past inbox and cursor, as after a loss of both.
    let mut superuser = system.bed.superuser().await;
    for statement in ["DELETE FROM inbox", "DELETE FROM aggregate_cursor"] {
        sqlx::query(statement)
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    assert_eq!(system.tell(&event).await, "ignored");
    assert_eq!(system.deliveries().await.len(), 3);
    assert_eq!(system.smtp.taken().len(), 3);
    system.running.stop().await;
}

/// Nobody is subscribed: the event is dealt with, nothing is queued.
#[tokio::test]
async fn an_unheard_notice_is_no_error() {
    let system = System::start().await;
    let event = system.event(
        "disbursement_reconciliation",
        &samples::disbursed("99937.50"),
    );
    assert_eq!(system.tell(&event).await, "ignored");
    assert_eq!(system.deliveries().await, []);
    system.running.stop().await;
}

/// P2 over real NATS: told once; unknown types are passed over; undecodable bytes are parked and
/// change nothing.
#[tokio::test]
async fn events_arrive_over_nats() {
    let system = System::start().await;
    let prefix = system.bed.parts().settings.nats_prefix.clone();
    let offer = Service::new("offer", "0.0.0");
    let other = TestBed::with_settings(&offer, NoSection {}, |settings| {
        settings.nats_prefix = prefix;
    })
    .await;
    let publisher = other.serve(&offer, async |_| Ok(Wiring::new())).await;
    let unknown = NewEvent {
        type_name: "countersign.offer.v1.SomethingNew".into(),
        ..new_event("strange", &samples::published())
    };
    let broken = NewEvent {
        payload: vec![0xff; 8],
        ..new_event("broken", &samples::published())
    };
    for event in [unknown, broken, new_event("good", &samples::published())] {
        other
            .transaction(move |uow| {
                let event = event.clone();
                Box::pin(async move { uow.publish(event).await })
            })
            .await
            .unwrap();
    }
    let mut waits = 0;
    while system.smtp.taken().is_empty() {
        waits += 1;
        assert!(waits < 400, "no mail arrived");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    system.until("bea@buyer.example", State::Sent, 1).await;
    let parked: Vec<String> = sqlx::query_scalar("SELECT aggregate_id FROM parked_event")
        .fetch_all(system.bed.pool())
        .await
        .unwrap();
    assert_eq!(parked, ["broken"]);
    publisher.stop().await;
    system.running.stop().await;
}

/// P4: pages newest first, by engagement and state; another seller sees nothing.
#[tokio::test]
async fn deliveries_are_listed_by_page() {
    let system = System::start().await;
    system.put(Finance, "fin@acme.example").await.unwrap();
    for cents in 0..5 {
        let message = samples::disbursed(&format!("1.0{cents}"));
        let event = system.event("disbursement_reconciliation", &message);
        assert_eq!(system.tell(&event).await, "applied");
    }
    let mut client = system.client();
    let mut request = proto::ListDeliveriesRequest {
        engagement_id: ENGAGEMENT.into(),
        page_size: 2,
        ..Default::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = client
            .list_deliveries(call(request.clone()))
            .await
            .unwrap()
            .into_inner();
        seen.extend(page.deliveries.into_iter().map(|delivery| delivery.subject));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let expected: Vec<String> = (0..5)
        .rev()
        .map(|cents| format!("{ENGAGEMENT}: AWS disbursed 1.0{cents} USD"))
        .collect();
    assert_eq!(seen, expected);
    for (engagement_id, state) in [("OPP-2", State::Unspecified), (ENGAGEMENT, State::Failed)] {
        let request = proto::ListDeliveriesRequest {
            engagement_id: engagement_id.into(),
            state: state.into(),
            ..Default::default()
        };
        let page = client
            .list_deliveries(call(request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(page.deliveries, []);
    }
    system.running.stop().await;
}
