//! Installments, resale authorizations and resellers' offers, through the gRPC door (E2, O2, O5).

use countersign_kernel::Digest;
use countersign_proto::common::v1::ApprovedDeal;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;

use crate::deals;
use crate::world::{ENGAGEMENT, World, refusal};

pub(crate) fn deal(total: &str, charges: &[(&str, &str)]) -> ApprovedDeal {
    let digest = Digest::of(b"what was approved");
    let deal = deals::deal(ENGAGEMENT, &deals::files(), digest);
    let charges = charges
        .iter()
        .map(|(date, amount)| deals::installment(date, amount));
    deals::in_installments(deal, total, charges.collect())
}

/// E2: approved in installments, sent to AWS as a schedule over a zero-priced term, and charged so.
#[tokio::test(flavor = "multi_thread")]
async fn installments_from_the_approved_deal_to_the_agreement() {
    let world = World::new().await;
    let charges = [("2026-04-01", "52500.00"), ("2026-05-01", "50000.00")];
    world.ready_to_draft(deal("102500.00", &charges)).await;
    let mut client = world.client.clone();
    let drafted = client
        .draft_offer(world.command(World::draft_request()))
        .await
        .unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    assert_eq!(draft.kind(), pb::OfferKind::Direct);
    assert!(world.findings(&draft.offer_id).await.is_empty());
    let agreement = world.sold(&draft).await;
    let accepted: Vec<_> = agreement
        .charges
        .iter()
        .map(|charge| (charge.charge_date.as_str(), charge.amount.clone()))
        .collect();
    assert_eq!(
        accepted,
        charges.map(|(date, amount)| (date, Some(deals::usd(amount))))
    );
    assert!(agreement.offer.as_ref().unwrap().resale.is_none());
}

/// O4: two charges before the expiry are found before AWS is called, and moving the expiry mends it.
#[tokio::test(flavor = "multi_thread")]
async fn installments_before_the_expiry_stop_the_release_until_it_is_moved() {
    let world = World::new().await;
    let charges = [("2026-03-10", "52500.00"), ("2026-03-20", "50000.00")];
    world.ready_to_draft(deal("102500.00", &charges)).await;
    let mut client = world.client.clone();
    let drafted = client
        .draft_offer(world.command(World::draft_request()))
        .await
        .unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    assert_eq!(
        world.findings(&draft.offer_id).await,
        ["CHARGES_BEFORE_EXPIRY"]
    );
    let answer = client
        .release_offer(world.command(World::release_request(&draft)))
        .await;
    let (_, reason, violations) = refusal(answer);
    assert_eq!(reason, "PREFLIGHT_FAILED");
    assert_eq!(violations, ["CHARGES_BEFORE_EXPIRY"]);
    let revise = pb::ReviseOfferRequest {
        offer_id: draft.offer_id.clone(),
        expected_revision: draft.revision,
        expires_on: "2026-03-19".into(),
        ..pb::ReviseOfferRequest::default()
    };
    let revised = client.revise_offer(world.command(revise)).await.unwrap();
    world.release(&revised.into_inner()).await;
    world.until_state(&draft.offer_id, State::Published).await;
}

pub(crate) fn authorization_request() -> pb::DraftResaleAuthorizationRequest {
    pb::DraftResaleAuthorizationRequest {
        engagement_id: ENGAGEMENT.into(),
        name: "Landing zone for Example Corp".into(),
        description: "Opportunity 006".into(),
        expires_on: "2026-03-16".into(),
        reseller_account_id: "999988887777".into(),
        reseller_contact_name: "Rhea Reseller".into(),
        reseller_contact_email: "rhea@reseller.example".into(),
        buyer_account_ids: vec!["123456789012".into()],
        single_use: true,
        contract: Some(pb::ResellerContract {
            contract: Some(pb::reseller_contract::Contract::Standard(true)),
        }),
        net_terms_days: 0,
    }
}

/// O2: single use, until a date, open-ended; what AWS would refuse is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_resale_authorization_is_drafted_and_checked() {
    let world = World::new().await;
    let charges = [("2026-03-17", "0.50"), ("2026-03-18", "0.50")];
    world.ready_to_draft(deal("1.00", &charges)).await;
    let mut client = world.client.clone();
    let reusable = pb::DraftResaleAuthorizationRequest {
        single_use: false,
        expires_on: String::new(),
        ..authorization_request()
    };
    let drafted = client
        .draft_resale_authorization(world.command(reusable))
        .await
        .unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    assert_eq!(
        world.findings(&draft.offer_id).await,
        ["INSTALLMENTS_NEED_SINGLE_USE"]
    );
    assert_eq!(draft.summary.as_ref().unwrap().expires_on, "");
    let cancel = pb::CancelOfferRequest {
        offer_id: draft.offer_id,
        reason: "installments".into(),
    };
    client.cancel_offer(world.command(cancel)).await.unwrap();
    let drafted = client
        .draft_resale_authorization(world.command(authorization_request()))
        .await
        .unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    assert_eq!(draft.kind(), pb::OfferKind::ResaleAuthorization);
    assert!(world.findings(&draft.offer_id).await.is_empty());
    let authorization = draft.authorization.unwrap();
    assert_eq!(authorization.wholesale_price, Some(deals::usd("1.00")));
    assert_eq!(authorization.charges.len(), 2);
    assert!(authorization.single_use);
}

fn partner_request() -> pb::DraftPartnerOfferRequest {
    pb::DraftPartnerOfferRequest {
        change_order_id: String::new(),
        engagement_id: ENGAGEMENT.into(),
        name: "Landing zone".into(),
        description: "Opportunity 006".into(),
        expires_on: "2026-03-16".into(),
        authorization: Some(pb::ReceivedAuthorization {
            authorization_id: "resaleauthz-abc".into(),
            product_id: World::intake().product_id,
            scope_duration: "P90D".into(),
            wholesale_price: Some(deals::usd("1.00")),
            schedule: vec![
                deals::installment("2026-03-17", "0.50"),
                deals::installment("2026-03-18", "0.50"),
            ],
            buyer_account_ids: vec!["123456789012".into()],
            expires_on: "2026-03-16".into(),
            has_eula: true,
            has_contract: true,
            net_terms_days: 0,
        }),
        markup_percentage: String::new(),
        fixed_amounts: true,
        contract_accepted: true,
        net_terms_days: 0,
    }
}

/// S1: 0.50/0.50 wholesale, 0.55/0.55 from the buyer, 0.10 stays with the reseller; both ways to price.
#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_shows_who_gets_what() {
    let world = World::new().await;
    let charges = [("2026-03-17", "0.55"), ("2026-03-18", "0.55")];
    world.ready_to_draft(deal("1.10", &charges)).await;
    let mut client = world.client.clone();
    let mut by_amounts = partner_request();
    let by_markup = pb::DraftPartnerOfferRequest {
        fixed_amounts: false,
        markup_percentage: "10".into(),
        ..partner_request()
    };
    by_amounts.contract_accepted = false;
    for (request, findings) in [
        (by_amounts, vec!["RESELLER_CONTRACT_ACCEPTED"]),
        (by_markup, Vec::new()),
        (partner_request(), Vec::new()),
    ] {
        let drafted = client
            .draft_partner_offer(world.command(request))
            .await
            .unwrap();
        let draft = world.assembled(&drafted.into_inner().offer_id).await;
        assert_eq!(draft.kind(), pb::OfferKind::Partner);
        assert_eq!(world.findings(&draft.offer_id).await, findings);
        let resale = draft.summary.unwrap().resale.unwrap();
        let payments: Vec<_> = resale
            .payments
            .into_iter()
            .map(|payment| (payment.to_seller, payment.from_buyer))
            .collect();
        let payment = (Some(deals::usd("0.50")), Some(deals::usd("0.55")));
        assert_eq!(payments, [payment.clone(), payment]);
        assert_eq!(resale.total_to_reseller, Some(deals::usd("0.10")));
        let cancel = pb::CancelOfferRequest {
            offer_id: draft.offer_id,
            reason: "the next way".into(),
        };
        client.cancel_offer(world.command(cancel)).await.unwrap();
    }
}

/// O4: a checklist item is shown with who confirmed it, and can be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn the_sellers_account_is_a_checklist_beside_the_findings() {
    let world = World::new().await;
    let draft = world.draft().await;
    let mut client = world.client.clone();
    let confirm = |item: &str, confirmed| pb::ConfirmPrerequisiteRequest {
        item: item.into(),
        confirmed,
    };
    for (confirmed, by) in [(true, "ops@acme.example"), (false, "")] {
        let request = world.command(confirm("DAC7_TAX_FORM", confirmed));
        let item = client.confirm_prerequisite(request).await.unwrap();
        assert_eq!(item.into_inner().confirmed_by, by);
        let offer_id = draft.offer_id.clone();
        let request = World::query(pb::PreflightRequest { offer_id });
        let shown = client.preflight(request).await.unwrap().into_inner();
        assert!(shown.findings.is_empty());
        let item = shown
            .checklist
            .iter()
            .find(|item| item.item == "DAC7_TAX_FORM");
        let item = item.unwrap();
        assert_eq!(item.confirmed_by, by);
        assert_eq!(item.aws_error_code, "INVALID_TAX_INFORMATION");
    }
    let request = world.command(confirm("NOTHING", true));
    let answer = client.confirm_prerequisite(request).await;
    assert_eq!(refusal(answer).1, "PREREQUISITE_UNKNOWN");
}
