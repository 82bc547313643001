//! What every notice says (N7), and that no event can make it say something else.

use std::collections::BTreeSet;

use countersign_notification::tellers;
use countersign_platform::{EventHandler, Failure};
use countersign_proto::notification::v1::Audience;
use countersign_proto::offer::v1 as offer;

use crate::samples;
use crate::system::{System, new_event};

/// Template, recipient, subject, text and HTML of every delivery.
type Words = (String, String, String, String, Option<String>);

async fn words(system: &System) -> Vec<Words> {
    sqlx::query_as(
        "SELECT template, recipient, subject, body, html FROM delivery ORDER BY position",
    )
    .fetch_all(system.bed.pool())
    .await
    .unwrap()
}

async fn with_everybody_subscribed() -> System {
    let system = System::start().await;
    for audience in [
        Audience::DealDesk,
        Audience::Alliances,
        Audience::SalesSupport,
        Audience::Finance,
    ] {
        system.put(audience, "all@acme.example").await.unwrap();
    }
    system
}

/// N1, N2, N3, N7: every event that is heard, told to everybody, word for word. E5: the buyer
/// reads no base, fee or net, and no name of ours.
#[tokio::test]
async fn notices_say_what_they_said() {
    let system = with_everybody_subscribed().await;
    for (source, event) in samples::all() {
        let event = system.incoming(source, event);
        assert_eq!(system.tell(&event).await, "applied", "{}", event.type_name);
    }
    let mut templates = BTreeSet::new();
    for (template, recipient, subject, text, html) in words(&system).await {
        let whole = format!("{subject}\n---- text\n{text}---- html\n{}", html.unwrap());
        if recipient == "bea@buyer.example" {
            for internal in ["100000.00", "2562.50", "99937.50", "em@acme", "scope grew"] {
                assert!(!whole.contains(internal), "{template} says {internal}");
            }
        }
        insta::assert_snapshot!(template.as_str(), whole);
        assert!(templates.insert(template), "told twice to one recipient");
    }
    assert_eq!(templates.len(), 29, "each template once");
    system.running.stop().await;
}

/// O5: of what is resold, finance reads what is the manufacturer's, and that it pays the fee: the figures of
/// each notice add up.
#[tokio::test]
async fn what_is_resold_adds_up() {
    let system = with_everybody_subscribed().await;
    for event in [
        system.event("offer", &samples::resold()),
        system.event(
            "disbursement_reconciliation",
            &samples::resold_and_settled(),
        ),
    ] {
        assert_eq!(system.tell(&event).await, "applied");
    }
    for (template, _, _, text, html) in words(&system).await {
        if ["expected-cash", "engagement-settled"].contains(&template.as_str()) {
            let name = format!("resold-{template}");
            let whole = format!("---- text\n{text}---- html\n{}", html.unwrap());
            insta::assert_snapshot!(name.as_str(), whole);
        }
    }
    system.running.stop().await;
}

/// Every type that is subscribed to has a sample above, so none goes untested.
#[tokio::test]
async fn every_subscribed_type_is_sampled() {
    let subscribed: BTreeSet<String> = tellers()
        .unwrap()
        .iter()
        .flat_map(|(_, teller)| teller.types())
        .map(|name| (*name).to_owned())
        .collect();
    let sampled = samples::all()
        .into_iter()
        .map(|(_, event)| event.type_name)
        .collect();
    assert_eq!(subscribed, sampled);
}

/// A name with mark-up in it is text in the HTML, and one with a line break ends no header.
#[tokio::test]
async fn hostile_names_stay_names() {
    let system = with_everybody_subscribed().await;
    let mut event = samples::published();
    let summary = event.offer.as_mut().unwrap();
    summary.contact_name = "<script>alert(1)</script>\r\nBcc: all@evil.example".into();
    summary.customer_name = "\"><img src=x onerror=alert(1)>".into();
    summary.url = "https://aws.example/?a=\"><script>".into();
    summary.expires_on = "2026-12-20\r\nBcc: x@evil.example\r\n\r\nbody".into();
    system.tell(&system.event("offer", &event)).await;
    let words = words(&system).await;
    assert_eq!(words.len(), 2);
    for (_, _, subject, text, html) in words {
        let html = html.unwrap();
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(!subject.contains(['\r', '\n']), "{subject}");
        assert!(!text.contains("\nBcc:"), "{text}");
    }
    let mut mails = system.smtp.taken();
    while mails.len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        mails = system.smtp.taken();
    }
    assert!(mails.iter().all(|mail| mail.bcc().is_none()));
    system.running.stop().await;
}

/// What no notice can be written with parks the event: a person must look. Nothing is queued.
#[tokio::test]
async fn what_cannot_be_told_is_undecodable() {
    let system = with_everybody_subscribed().await;
    let spoilt = |spoil: fn(&mut offer::OfferSummary)| {
        let mut event = samples::published();
        spoil(event.offer.as_mut().unwrap());
        new_event("spoilt", &event)
    };
    let nobody_s = |mut event: countersign_platform::NewEvent| {
        event.engagement = None;
        event
    };
    for event in [
        new_event("spoilt", &offer::OfferPublished::default()),
        spoilt(|offer| offer.url.clear()),
        spoilt(|offer| offer.url = "javascript:alert(1)".into()),
        spoilt(|offer| offer.contact_email = " ".into()),
        spoilt(|offer| offer.total_price.as_mut().unwrap().amount = "1e5".into()),
        nobody_s(new_event("spoilt", &offer::OfferPublishOverdue::default())),
        nobody_s(spoilt(|offer| offer.engagement_id = "two words".into())),
    ] {
        let outcome = system.try_to_tell(&system.incoming("offer", event)).await;
        assert!(
            matches!(outcome, Err(Failure::Undecodable { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(words(&system).await, []);

    // The message names the engagement where the envelope does not.
    let event = nobody_s(new_event("intake", &samples::intake()));
    assert_eq!(
        system.tell(&system.incoming("offer", event)).await,
        "applied"
    );
    system.running.stop().await;
}

/// N3: a clock whose end has an event of its own tells nothing: nobody hears of one breach twice.
#[tokio::test]
async fn a_breach_that_is_told_elsewhere_is_not_told_by_its_clock() {
    use offer::ClockKind::{AgreementVisible, Identification, OfferExpiry, Publish, Registration};
    let system = with_everybody_subscribed().await;
    for kind in [Publish, OfferExpiry, Registration, Identification] {
        let event = system.event("offer", &samples::breached(kind));
        assert_eq!(system.tell(&event).await, "ignored", "{kind:?}");
    }
    assert_eq!(words(&system).await, []);
    let event = system.event("offer", &samples::breached(AgreementVisible));
    assert_eq!(system.tell(&event).await, "applied");
    system.running.stop().await;
}

/// O14: whether a person said who bought, or the offer did.
#[tokio::test]
async fn an_order_says_who_registered_it() {
    let system = with_everybody_subscribed().await;
    for (by, said) in [
        ("em@acme.example", "Registered by: em@acme.example"),
        ("", "Registered by: the offer's metadata"),
    ] {
        let event = system.event("offer", &samples::registered_by(by));
        assert_eq!(system.tell(&event).await, "applied");
        let words = words(&system).await;
        let (_, _, _, text, _) = words.last().unwrap();
        assert!(text.contains(said), "{text}");
    }
    system.running.stop().await;
}

/// A buyer who never had a link does not hear that it is void.
#[tokio::test]
async fn the_cancelling_of_an_unpublished_offer_is_no_news_to_the_buyer() {
    let system = with_everybody_subscribed().await;
    let summary = offer::OfferSummary {
        url: String::new(),
        ..samples::offer()
    };
    let event = offer::OfferCancelled {
        offer: Some(summary),
        ..Default::default()
    };
    system.tell(&system.event("offer", &event)).await;
    let told: Vec<String> = words(&system)
        .await
        .into_iter()
        .map(|words| words.0)
        .collect();
    assert_eq!(told, ["offer-cancelled"]);
    system.running.stop().await;
}
