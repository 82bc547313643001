//! Cloning (O12): another offer's terms on what is approved now.

use countersign_kernel::Digest;
use countersign_offer::Approvals;
use countersign_platform::NewEvent;
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use prost::{Message, Name};
use serde_json::json;
use tonic::Code;

use crate::deals;
use crate::world::{ENGAGEMENT, SELLER, World, refusal};

const NEXT: &str = "007-phase-two";

async fn hear_of_next<M: Message + Name>(world: &World, sequence: i64, message: &M) {
    let event = NewEvent {
        type_name: M::full_name(),
        seller: SELLER.parse().unwrap(),
        engagement: Some(NEXT.parse().unwrap()),
        aggregate_id: format!("case-{NEXT}"),
        payload: message.encode_to_vec(),
    };
    let event = world.bed.incoming("approval", sequence, event);
    let heard = world.bed.deliver(&Approvals, &event).await.unwrap();
    assert_eq!(heard, "applied");
}

/// Another engagement, approved for two installments; signed when `sign`ed.
async fn next_deal(world: &World, sign: bool) -> Digest {
    let digest = Digest::of(b"the next deal");
    let installments = vec![
        deals::installment("2026-03-20", "40000.00"),
        deals::installment("2026-04-20", "50000.00"),
    ];
    let deal = deals::deal(NEXT, &deals::files(), digest);
    let deal = Some(deals::in_installments(deal, "90000.00", installments));
    let stamped = approval_pb::DealStamped { deal: deal.clone() };
    hear_of_next(world, 1, &stamped).await;
    if sign {
        let signed = approval_pb::SowSigned {
            deal,
            ..approval_pb::SowSigned::default()
        };
        hear_of_next(world, 2, &signed).await;
    }
    digest
}

fn clone_of(offer_id: &str, engagement_id: &str) -> pb::CloneOfferRequest {
    pb::CloneOfferRequest {
        offer_id: offer_id.into(),
        engagement_id: engagement_id.into(),
        name: "Phase two for Example Corp".into(),
        description: String::new(),
        expires_on: "2026-03-31".into(),
    }
}

/// An accepted offer is cloned for what follows: its buyer and listing, at the price, by the plan and under
/// the digest of the next deal; and it goes the whole way.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_offer_is_cloned_for_the_next_engagement() {
    let world = World::new().await;
    let source = world.published().await;
    let accept = json!({
        "offerId": source.summary.as_ref().unwrap().aws_offer_id,
        "buyerAccountId": "123456789012",
    });
    world.act("accept", accept).await;
    let accepted = world.until_state(&source.offer_id, State::Accepted).await;
    let digest = next_deal(&world, true).await;

    let mut client = world.client.clone();
    let request = clone_of(&source.offer_id, NEXT);
    let asked = || World::command_with(request.clone(), "clone");
    let made = client.clone_offer(asked()).await.unwrap().into_inner();
    assert_eq!(made.state(), State::Draft);
    assert_eq!(made.cloned_from_offer_id, source.offer_id);
    assert_eq!(made.approved_digest, digest.to_string());
    assert_eq!(made.name, "Phase two for Example Corp");
    assert_eq!(made.description, source.description);
    let amounts: Vec<_> = made.charges.iter().map(|one| &one.charge_date).collect();
    assert_eq!(amounts, ["2026-03-20", "2026-04-20"]);
    // Once more is the same clone.
    let again = client.clone_offer(asked()).await.unwrap().into_inner();
    assert_eq!(again.offer_id, made.offer_id);

    // Who must know what was collected hears it once for each engagement (N2).
    let intakes = world.events::<pb::IntakeCompleted>().await;
    let elements = intakes.iter().map(|one| one.elements.as_ref().unwrap());
    let told: Vec<_> = elements
        .map(|one| {
            let price = one.total_price.as_ref().unwrap();
            (one.engagement_id.as_str(), price.amount.as_str())
        })
        .collect();
    assert_eq!(told, [(ENGAGEMENT, "102500.00"), (NEXT, "90000.00")]);

    // Pre-flight tells what does not hold of the copy.
    let ready = world.assembled(&made.offer_id).await;
    let obstacles = ["CHECKLIST_OPEN", "AGREEMENT_ENDS_AFTER_EXPIRY"];
    assert_eq!(world.findings(&made.offer_id).await, obstacles);
    let completed = approval_pb::ChecklistCompleted {
        case_id: format!("case-{NEXT}"),
        items: Vec::new(),
    };
    hear_of_next(&world, 3, &completed).await;
    crate::clocks::end_agreement(&world, &accepted.agreement_id).await;
    for _ in 0..100 {
        if world.findings(&made.offer_id).await.is_empty() {
            break;
        }
        world.pass().await;
    }
    world.release(&ready).await;
    world.until_state(&made.offer_id, State::Published).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cloned_says_why() {
    let world = World::new().await;
    let source = world.draft().await;
    let mut client = world.client.clone();
    let mut ask = async |request: pb::CloneOfferRequest| {
        let answer = client.clone_offer(world.command(request)).await;
        refusal(answer)
    };
    let wrong = pb::CloneOfferRequest {
        engagement_id: " ".into(),
        expires_on: "soon".into(),
        ..clone_of(" ", "")
    };
    let reasons = ask(wrong).await.2;
    let all = ["OFFER_ID_INVALID", "ENGAGEMENT_ID_INVALID", "DATE_INVALID"];
    assert_eq!(reasons, all);
    let (code, reason, _) = ask(clone_of("offer-nobodys", "")).await;
    assert_eq!((code, reason.as_str()), (Code::NotFound, "OFFER_UNKNOWN"));
    let (code, reason, _) = ask(clone_of(&source.offer_id, NEXT)).await;
    assert_eq!(
        (code, reason.as_str()),
        (Code::NotFound, "ENGAGEMENT_UNKNOWN")
    );
    let endless = pb::CloneOfferRequest {
        expires_on: String::new(),
        ..clone_of(&source.offer_id, "")
    };
    assert_eq!(ask(endless).await.2, ["EXPIRY_REQUIRED"]);
    let past = pb::CloneOfferRequest {
        expires_on: "2026-03-02".into(),
        ..clone_of(&source.offer_id, "")
    };
    assert_eq!(ask(past).await.2, ["EXPIRY_NOT_IN_FUTURE"]);
    // O3: the approval serves one offer at a time.
    let same = clone_of(&source.offer_id, "");
    assert_eq!(ask(same.clone()).await.1, "OFFER_OPEN");
    next_deal(&world, false).await;
    let unsigned = clone_of(&source.offer_id, NEXT);
    assert_eq!(ask(unsigned).await.1, "SOW_NOT_SIGNED");
    // What was refused left nothing behind.
    let intakes = world.events::<pb::IntakeCompleted>().await;
    assert_eq!(intakes.len(), 1);

    // A cancelled draft frees the approval, and can be cloned itself.
    let cancel = pb::CancelOfferRequest {
        offer_id: source.offer_id.clone(),
        reason: "another name".into(),
    };
    let mut client = world.client.clone();
    client.cancel_offer(world.command(cancel)).await.unwrap();
    let made = client.clone_offer(world.command(same)).await.unwrap();
    assert_eq!(made.into_inner().approved_digest, source.approved_digest);
}
