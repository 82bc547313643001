//! An offer's life, from what approval tells to what the buyer accepted.

use countersign_kernel::Digest;
use countersign_offer::Approvals;
use countersign_platform::{Failure, NewEvent};
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::common::v1::DocumentKind;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use prost::Message as _;
use serde_json::json;

use crate::deals;
use crate::world::{ENGAGEMENT, World, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn the_handbook_deal_from_intake_to_agreement() {
    let world = World::new().await;
    let offer = world.published().await;
    let summary = offer.summary.clone().unwrap();
    assert!(summary.aws_offer_id.starts_with("offer-"), "{summary:?}");
    assert!(summary.url.ends_with(&summary.aws_offer_id));
    assert_eq!(offer.charges.len(), 1);
    let accept = json!({
        "offerId": summary.aws_offer_id,
        "buyerAccountId": "210987654321",
        "payerAccountId": "123456789012",
    });
    world.act("accept", accept).await;
    let accepted = world.until_state(&offer.offer_id, State::Accepted).await;
    assert!(accepted.agreement_id.starts_with("agmt-"));

    let intakes = world.events::<pb::IntakeCompleted>().await;
    let elements = intakes[0].elements.as_ref().unwrap();
    assert_eq!(elements.customer_name, "Example Corp");
    assert_eq!(elements.product_title, "Handbook Professional Services");
    let published = world.events::<pb::OfferPublished>().await;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].offer.as_ref().unwrap(), &summary);
    let agreements = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(agreements.len(), 1);
    let agreement = &agreements[0];
    assert_eq!(agreement.agreement_id, accepted.agreement_id);
    assert_eq!(agreement.acceptor_account_id, "210987654321");
    assert_eq!(agreement.charges, accepted.charges);
    assert_eq!(agreement.charges[0].amount, Some(deals::usd("102500.00")));
    assert_eq!(agreement.charges[0].charge_date, "2026-03-02");
    let economics = agreement.economics.as_ref().unwrap();
    assert_eq!(economics.expected_net, Some(deals::usd("99937.50")));
    assert_eq!(
        agreement.approved_digest,
        Digest::of(b"what was approved").to_string()
    );

    let actions: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit WHERE aggregate_id = $1 ORDER BY audit_seq")
            .bind(&offer.offer_id)
            .fetch_all(world.bed.pool())
            .await
            .unwrap();
    let expected = [
        "draft",
        "record_document",
        "release",
        "record_change_set",
        "record_published",
        "record_agreement",
    ];
    assert_eq!(actions, expected);

    // Seen again and again, it stays one acceptance.
    for _ in 0..10 {
        world.pass().await;
    }
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
    assert_eq!(world.bed.published().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_got_is_what_was_approved() {
    let world = World::new().await;
    let offer = world.published().await;
    let shown = world.look("offers").await.to_string();
    for part in ["102500.00", "123456789012", "Landing zone for Example Corp"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let document = offer.legal_document.unwrap();
    assert_eq!(document.page_count, 3);
    let kinds: Vec<_> = document
        .sources
        .iter()
        .map(countersign_proto::common::v1::Document::kind)
        .collect();
    assert_eq!(
        kinds,
        [DocumentKind::Eula, DocumentKind::Sow, DocumentKind::Annex]
    );
    let path = world
        .files
        .path()
        .join("bucket")
        .join(format!("{}.pdf", document.digest));
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), document.digest);
    let request = World::query(pb::DownloadLegalDocumentRequest {
        reseller_contract: false,
        offer_id: offer.offer_id.clone(),
    });
    let answer = world
        .client
        .clone()
        .download_legal_document(request)
        .await
        .unwrap();
    let mut chunks = answer.into_inner();
    let mut downloaded = Vec::new();
    while let Some(part) = chunks.message().await.unwrap() {
        downloaded.extend(part.chunk);
    }
    assert_eq!(downloaded, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_can_be_revised_and_its_preflight_told_at_once() {
    let world = World::new().await;
    let offer = world.draft().await;
    let findings = async || {
        let request = World::query(pb::PreflightRequest {
            offer_id: offer.offer_id.clone(),
        });
        let answer = world.client.clone().preflight(request).await.unwrap();
        let findings = answer.into_inner().findings.into_iter();
        findings.map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert!(findings().await.is_empty());
    let revised = pb::ReviseOfferRequest {
        offer_id: offer.offer_id.clone(),
        expected_revision: offer.revision,
        name: "<b>bold</b>".into(),
        description: "d".repeat(300),
        expires_on: "2026-06-30".into(),
    };
    let answer = world
        .client
        .clone()
        .revise_offer(world.command(revised))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().revision, offer.revision + 1);
    let expected = [
        "OFFER_NAME_CHARACTERS",
        "OFFER_DESCRIPTION_LENGTH",
        "OFFER_EXPIRY_BEFORE_AGREEMENT_END",
    ];
    assert_eq!(findings().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_stamp_after_the_draft_stops_the_release() {
    let world = World::new().await;
    let offer = world.draft().await;
    let digest = Digest::of(b"what was approved").to_string();
    let case_id = format!("case-{ENGAGEMENT}");
    let voided = approval_pb::StampVoided {
        case_id,
        digest,
        reason: "SOW replaced".into(),
    };
    assert_eq!(world.hear(&voided).await, "applied");
    assert_eq!(world.hear(&voided).await, "ignored");
    let request = World::query(pb::GetEngagementRequest {
        engagement_id: ENGAGEMENT.into(),
    });
    let known = world
        .client
        .clone()
        .get_engagement(request)
        .await
        .unwrap()
        .into_inner();
    assert!(known.sow_signed && !known.stamp_valid && known.checklist_completed);
    let request = world.command(World::release_request(&offer));
    let (_, reason, _) = refusal(world.client.clone().release_offer(request).await);
    assert_eq!(reason, "STAMP_INVALID");
    let deal = deals::deal(ENGAGEMENT, &deals::files(), Digest::of(b"second"));
    world
        .hear(&approval_pb::DealStamped { deal: Some(deal) })
        .await;
    let request = world.command(World::release_request(&offer));
    let (_, reason, _) = refusal(world.client.clone().release_offer(request).await);
    assert_eq!(reason, "DIGEST_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_changes_nothing() {
    let world = World::new().await;
    let mut deal = deals::deal(ENGAGEMENT, &deals::files(), Digest::of(b"x"));
    deal.estimate.as_mut().unwrap().economics = None;
    let stamped = approval_pb::DealStamped { deal: Some(deal) };
    let event = NewEvent {
        type_name: "countersign.approval.v1.DealStamped".into(),
        seller: "acme".parse().unwrap(),
        engagement: None,
        aggregate_id: "case-1".into(),
        payload: stamped.encode_to_vec(),
    };
    let event = world.bed.incoming("approval", 1, event);
    let answer = world.bed.deliver(&Approvals, &event).await;
    assert!(
        matches!(answer, Err(Failure::Undecodable { .. })),
        "{answer:?}"
    );
    let request = World::query(pb::GetEngagementRequest {
        engagement_id: ENGAGEMENT.into(),
    });
    let answer = world.client.clone().get_engagement(request).await;
    assert_eq!(refusal(answer).1, "ENGAGEMENT_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_cannot_be_merged_say_why_and_the_offer_waits() {
    let world = World::new().await;
    let mut files = deals::files();
    files[2] = deals::text("annex.txt", DocumentKind::Annex, "snowman ☃");
    let offer = world.draft_with(&files).await;
    let document = offer.legal_document.clone().unwrap();
    assert_eq!(document.state(), pb::legal_document::State::Failed);
    assert!(
        document.failure.starts_with("annex.txt: line 1 has"),
        "{}",
        document.failure
    );
    let request = world.command(World::release_request(&offer));
    let answer = world.client.clone().release_offer(request).await;
    let (_, reason, violations) = refusal(answer);
    assert_eq!(
        (reason.as_str(), violations),
        ("PREFLIGHT_FAILED", vec!["LEGAL_DOCUMENT_READY".into()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_other_content_than_was_approved_is_not_merged() {
    let world = World::new().await;
    let files = deals::files();
    let mut client = world.client.clone();
    world.signed_with(&files).await;
    world
        .approval
        .keep_as(Digest::of(&files[0].bytes), b"another statement of work");
    world.register_listing().await;
    client
        .complete_intake(world.command(World::intake()))
        .await
        .unwrap();
    let drafted = client
        .draft_offer(world.command(World::draft_request()))
        .await
        .unwrap();
    let id = drafted.into_inner().offer_id;
    let offer = world.until(&id, |offer| {
        offer.legal_document.as_ref().unwrap().state() == pb::legal_document::State::Failed
    });
    let failure = offer.await.legal_document.unwrap().failure;
    assert!(
        failure.contains("other content than was approved"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_are_listed_newest_first_in_pages() {
    let world = World::new().await;
    let first = world.draft().await;
    let mut client = world.client.clone();
    let cancel = pb::CancelOfferRequest {
        offer_id: first.offer_id.clone(),
        reason: "another name".into(),
    };
    let cancelled = client
        .cancel_offer(world.command(cancel))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(cancelled.state(), State::Cancelled);
    world.pass().await;
    let second = client
        .draft_offer(world.command(World::draft_request()))
        .await
        .unwrap();
    let second = second.into_inner().offer_id;
    let by = pb::get_offer_request::By::EngagementId(ENGAGEMENT.into());
    let request = World::query(pb::GetOfferRequest { by: Some(by) });
    assert_eq!(
        client
            .get_offer(request)
            .await
            .unwrap()
            .into_inner()
            .offer_id,
        second
    );
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = World::query(pb::ListOffersRequest {
            page_size: 1,
            page_token,
        });
        let page = client.list_offers(request).await.unwrap().into_inner();
        seen.extend(page.offers.into_iter().map(|offer| offer.offer_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [second, first.offer_id]);
    assert!(world.events::<pb::OfferCancelled>().await.is_empty());
}
