//! Bad input, by name: every wrong field at once, a stable reason, nothing half-written.

use countersign_kernel::Digest;
use countersign_proto::offer::v1 as pb;
use tonic::Code;

use crate::deals;
use crate::world::{ENGAGEMENT, World, refusal};

type Change = fn(&mut pb::CompleteIntakeRequest);

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_names_all_that_is_wrong() {
    let world = World::new().await;
    let mut client = world.client.clone();
    world.signed_with(&deals::files()).await;
    world.register_listing().await;
    let cases: &[(Change, &[&str])] = &[
        (
            |form| form.buyer_account_id = "12345678901".into(),
            &["ACCOUNT_ID_INVALID"],
        ),
        (
            |form| form.buyer_account_id = "1234567890123".into(),
            &["ACCOUNT_ID_INVALID"],
        ),
        (
            |form| form.set_buyer_account_kind(pb::AccountKind::Govcloud),
            &["GOVCLOUD_ACCOUNT"],
        ),
        (
            |form| form.billing_terms_days = 60,
            &["BILLING_TERMS_NOT_SUPPORTED"],
        ),
        (
            |form| form.product_id = "prod-unknown".into(),
            &["PRODUCT_UNKNOWN"],
        ),
        (
            |form| form.total_price = Some(deals::usd("102500.005")),
            &["TOTAL_PRICE_INVALID"],
        ),
        (
            |form| {
                form.total_price = Some(deals::usd("100000.00"));
                form.scope_duration = "P1Y".into();
                form.contact_name = String::new();
                form.contact_email = "bea".into();
            },
            &[
                "TOTAL_PRICE_DIFFERS_FROM_APPROVED",
                "DURATION_DIFFERS_FROM_APPROVED",
                "CONTACT_NAME_REQUIRED",
                "CONTACT_EMAIL_INVALID",
            ],
        ),
    ];
    for (change, expected) in cases {
        let mut form = World::intake();
        change(&mut form);
        let answer = client.complete_intake(world.command(form)).await;
        let (code, reason, violations) = refusal(answer);
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "INVALID_FIELDS")
        );
        assert_eq!(violations, *expected);
    }
    assert!(world.bed.published().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_states_unknown_ids_and_reused_keys_are_refused() {
    let world = World::new().await;
    let mut client = world.client.clone();
    world.register_listing().await;
    let answer = client.complete_intake(world.command(World::intake())).await;
    let (code, reason, _) = refusal(answer);
    assert_eq!(
        (code, reason.as_str()),
        (Code::NotFound, "ENGAGEMENT_UNKNOWN")
    );

    let files = deals::files();
    let deal = Some(deals::deal(
        ENGAGEMENT,
        &files,
        Digest::of(b"what was approved"),
    ));
    world
        .hear(&countersign_proto::approval::v1::DealStamped { deal })
        .await;
    let answer = client.complete_intake(world.command(World::intake())).await;
    let (code, reason, _) = refusal(answer);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "SOW_NOT_SIGNED")
    );
    let answer = client
        .draft_offer(world.command(World::draft_request()))
        .await;
    assert_eq!(refusal(answer).1, "SOW_NOT_SIGNED");

    let by = pb::get_offer_request::By::OfferId("nothing".into());
    let answer = client
        .get_offer(World::query(pb::GetOfferRequest { by: Some(by) }))
        .await;
    assert_eq!(refusal(answer).0, Code::NotFound);
    let answer = client
        .get_offer(World::query(pb::GetOfferRequest { by: None }))
        .await;
    assert_eq!(refusal(answer).0, Code::InvalidArgument);

    let mut request = World::draft_request();
    let answer = client
        .draft_offer(World::command_with(request.clone(), "one"))
        .await;
    assert_eq!(refusal(answer).1, "SOW_NOT_SIGNED");
    request.name = "Another".into();
    let answer = client
        .draft_offer(World::command_with(request, "one"))
        .await;
    assert_eq!(refusal(answer).1, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_needs_a_future_date_and_there_is_one_at_a_time() {
    let world = World::new().await;
    let offer = world.draft().await;
    let mut client = world.client.clone();
    for (day, reason) in [
        ("2026-03-01", "EXPIRY_NOT_IN_FUTURE"),
        ("31.03.2026", "DATE_INVALID"),
    ] {
        let mut request = World::draft_request();
        request.expires_on = day.into();
        let (code, _, violations) = refusal(client.draft_offer(world.command(request)).await);
        assert_eq!(
            (code, violations),
            (Code::InvalidArgument, vec![reason.to_owned()])
        );
    }
    let answer = client
        .draft_offer(world.command(World::draft_request()))
        .await;
    assert_eq!(refusal(answer).1, "OFFER_OPEN");
    let stale = pb::ReviseOfferRequest {
        offer_id: offer.offer_id.clone(),
        expected_revision: 1,
        name: "Other".into(),
        ..pb::ReviseOfferRequest::default()
    };
    let (code, reason, _) = refusal(client.revise_offer(world.command(stale)).await);
    assert_eq!((code, reason.as_str()), (Code::Aborted, "STALE_REVISION"));
    let mut digest = World::release_request(&offer);
    digest.approved_digest = Digest::of(b"another").to_string();
    let answer = client.release_offer(world.command(digest)).await;
    assert_eq!(refusal(answer).1, "DIGEST_MISMATCH");
    let mut other = world.command(World::release_request(&offer));
    other
        .metadata_mut()
        .insert("countersign-seller", "other".parse().unwrap());
    assert_eq!(
        refusal(client.release_offer(other).await).1,
        "SELLER_NOT_CONNECTED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_for_the_checklist_and_the_same_key_releases_once() {
    let world = World::new().await;
    let mut client = world.client.clone();
    world.signed_with(&deals::files()).await;
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
    let ready = pb::legal_document::State::Ready;
    let offer = world.until(&id, |offer| {
        offer.legal_document.as_ref().unwrap().state() == ready
    });
    let offer = offer.await;
    let request = || World::release_request(&offer);
    let answer = client.release_offer(world.command(request())).await;
    assert_eq!(refusal(answer).1, "CHECKLIST_OPEN");
    world.close_checklist().await;
    let once = client
        .release_offer(World::command_with(request(), "release"))
        .await
        .unwrap();
    let twice = client
        .release_offer(World::command_with(request(), "release"))
        .await
        .unwrap();
    assert_eq!(once.into_inner(), twice.into_inner());
    let answer = client.release_offer(world.command(request())).await;
    assert_eq!(refusal(answer).1, "OFFER_NOT_DRAFT");
    let cancel = pb::CancelOfferRequest {
        offer_id: id,
        reason: "too late".into(),
    };
    assert_eq!(
        refusal(client.cancel_offer(world.command(cancel)).await).1,
        "RELEASE_IN_PROGRESS"
    );
}
