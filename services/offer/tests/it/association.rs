//! Offers that were made elsewhere (O12): compared, adopted, and from then on like any other.

use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::compared_field::Verdict;
use countersign_proto::offer::v1::marketplace_offer::Ownership;
use countersign_proto::offer::v1::offer::State;
use serde_json::json;
use tonic::Code;

use crate::clocks::clocks;
use crate::deals;
use crate::elsewhere::{agreements, drafted, released};
use crate::world::{ENGAGEMENT, World, refusal};

const LOOKS: usize = 100;

/// All that an offer needs, and none.
async fn ready(world: &World) {
    let digest = countersign_kernel::Digest::of(b"what was approved");
    let deal = deals::deal(ENGAGEMENT, &deals::files(), digest);
    world.ready_to_draft(deal).await;
}

pub(crate) async fn compare(world: &World, aws_offer_id: &str) -> pb::OfferComparison {
    let request = World::query(pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: aws_offer_id.into(),
        resale: None,
    });
    let compared = world.client.clone().compare_offer(request).await;
    compared.unwrap().into_inner()
}

pub(crate) fn associate(aws_offer_id: &str, digest: &str) -> pb::AssociateOfferRequest {
    pb::AssociateOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: aws_offer_id.into(),
        comparison_digest: digest.into(),
        legal_document_read: true,
        resale: None,
    }
}

/// O12, O13, O18: the expiry's clock runs, the acceptance is found, the cash is expected.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_made_elsewhere_becomes_one_like_any_other() {
    let world = World::new().await;
    ready(&world).await;
    let id = released(&world, "102500.00", "P90D").await;
    let compared = compare(&world, &id).await;
    assert!(compared.adoptable, "{compared:#?}");
    let of = |verdict: Verdict| -> Vec<&str> {
        let fields = compared.fields.iter();
        let such = fields.filter(|field| field.verdict() == verdict);
        such.map(|field| field.field.as_str()).collect()
    };
    assert_eq!(of(Verdict::Adopted), ["name", "expires_on", "description"]);
    assert_eq!(of(Verdict::ToRead), ["legal_document"]);
    assert!(of(Verdict::Differs).is_empty());

    let mut client = world.client.clone();
    let asked = || World::command_with(associate(&id, &compared.digest), "adopt");
    let offer = client.associate_offer(asked()).await.unwrap().into_inner();
    assert_eq!(offer.state(), State::Published);
    assert!(offer.associated);
    assert_eq!(offer.name, "Made elsewhere");
    let summary = offer.summary.clone().unwrap();
    assert_eq!(summary.aws_offer_id, id);
    assert!(summary.url.ends_with(&id));
    assert_eq!(offer.charges[0].charge_date, "2026-03-10");
    // Once more is the same.
    let again = client.associate_offer(asked()).await.unwrap().into_inner();
    assert_eq!(again.offer_id, offer.offer_id);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    let clocks = World::query(pb::ListClocksRequest {
        offer_id: offer.offer_id.clone(),
        ..pb::ListClocksRequest::default()
    });
    let clocks = client.list_clocks(clocks).await.unwrap().into_inner();
    assert_eq!(clocks.clocks[0].kind(), pb::ClockKind::OfferExpiry);
    assert_eq!(clocks.clocks[0].due_at, "2026-03-31T23:59:59Z");
    world.assembled(&offer.offer_id).await;

    // AWS's offer is ours now.
    let now = compare(&world, &id).await;
    assert_eq!(
        (now.adoptable, now.offer_id),
        (false, offer.offer_id.clone())
    );
    let request = world.command(associate(&id, &compared.digest));
    let answer = client.associate_offer(request).await;
    assert_eq!(refusal(answer).1, "AWS_OFFER_TAKEN");

    // P4: what was answered is answered again while AWS is away; what was not is not.
    let away = json!({ "operation": "DescribeEntity", "failure": "unavailable", "times": 3 });
    world.act("inject", away).await;
    let again = client.associate_offer(asked()).await.unwrap().into_inner();
    assert_eq!(again.offer_id, offer.offer_id);
    let other = associate(&id, &"0".repeat(64));
    let reused = client.associate_offer(World::command_with(other, "adopt"));
    assert_eq!(refusal(reused.await).1, "IDEMPOTENCY_KEY_REUSED");
    let request = world.command(associate(&id, &compared.digest));
    let (code, ..) = refusal(client.associate_offer(request).await);
    assert_eq!(code, Code::Unavailable);

    let body = json!({ "offerId": id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    let accepted = world.until_state(&offer.offer_id, State::Accepted).await;
    let agreements = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(agreements.len(), 1);
    assert_eq!(agreements[0].agreement_id, accepted.agreement_id);
    let charge = agreements[0].charges[0].amount.clone();
    assert_eq!(charge, Some(deals::usd("102500.00")));
}

/// O13: what was accepted before it was ours is so at once, and nobody is invited to accept it any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_before_the_association_is_found() {
    let world = World::new().await;
    ready(&world).await;
    let id = released(&world, "102500.00", "P90D").await;
    let body = json!({ "offerId": id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    let seen = "SELECT count(*) FROM agreement WHERE aws_offer_id = $1 AND details IS NOT NULL";
    let seen = || sqlx::query_scalar::<_, i64>(seen).bind(&id);
    for _ in 0..LOOKS {
        if seen().fetch_one(world.bed.pool()).await.unwrap() > 0 {
            break;
        }
        world.pass().await;
    }
    let digest = compare(&world, &id).await.digest;
    let request = world.command(associate(&id, &digest));
    let offer = world.client.clone().associate_offer(request).await;
    let offer = offer.unwrap().into_inner();
    assert_eq!(offer.state(), State::Accepted);
    for _ in 0..5 {
        world.pass().await;
    }
    let accepted = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].agreement_id, offer.agreement_id);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 0);
    let orders = World::query(pb::ListOrdersRequest::default());
    let orders = world
        .client
        .clone()
        .list_orders(orders)
        .await
        .unwrap()
        .into_inner()
        .orders;
    let orders: Vec<_> = orders.iter().map(|order| &order.offer_id).collect();
    assert_eq!(orders, [&offer.offer_id], "placed once, for its offer");

    let ours = agreements(&world, Ownership::Associated).await;
    assert_eq!(ours[0].offer_id, offer.offer_id);
    // O16: the milestone that stood under the agreement's name is the offer's, and there is no second one.
    let milestone = |clock: &&pb::Clock| clock.kind() == pb::ClockKind::Renewal60;
    let running = clocks(&world, pb::clock::State::Running).await;
    let milestones: Vec<_> = running.iter().filter(milestone).collect();
    assert_eq!(milestones.len(), 1);
    assert_eq!(milestones[0].offer_id, offer.offer_id);
    assert_eq!(milestones[0].engagement_id, ENGAGEMENT);
    assert!(milestones[0].clock_id.starts_with(&offer.agreement_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_adopted_says_why() {
    let world = World::new().await;
    let digest = "0".repeat(64);
    let mut client = world.client.clone();
    let wrong = pb::AssociateOfferRequest::default();
    let answer = client.associate_offer(world.command(wrong)).await;
    let all = [
        "ENGAGEMENT_ID_INVALID",
        "AWS_OFFER_ID_INVALID",
        "DIGEST_INVALID",
    ];
    assert_eq!(refusal(answer).2, all);
    let request = world.command(associate("offer-nobodys", &digest));
    let (code, reason, _) = refusal(client.associate_offer(request).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::NotFound, "AWS_OFFER_UNKNOWN")
    );

    let dear = released(&world, "102500.01", "P90D").await;
    let request = World::query(pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: dear.clone(),
        resale: None,
    });
    let (code, reason, _) = refusal(client.compare_offer(request).await);
    let expected = (Code::NotFound, "ENGAGEMENT_UNKNOWN");
    assert_eq!((code, reason.as_str()), expected);
    ready(&world).await;

    // A cent too much; and it stays refused, whatever was looked at.
    let compared = compare(&world, &dear).await;
    assert!(!compared.adoptable);
    let field = compared.fields.iter().find(|it| it.field == "schedule");
    assert_eq!(field.unwrap().verdict(), Verdict::Differs);
    let request = world.command(associate(&dear, &compared.digest));
    let (code, reason, fields) = refusal(client.associate_offer(request).await);
    let expected = (Code::FailedPrecondition, "AWS_OFFER_DIFFERS");
    assert_eq!((code, reason.as_str()), expected);
    assert_eq!(fields, ["SCHEDULE_DIFFERS"]);

    let early = drafted(&world, "Made elsewhere", "102500.00", "P90D").await;
    let compared = compare(&world, &early).await;
    assert!(!compared.released && !compared.adoptable);
    let request = world.command(associate(&early, &compared.digest));
    let answer = client.associate_offer(request).await;
    assert_eq!(refusal(answer).1, "AWS_OFFER_NOT_RELEASED");

    let body = json!({ "offerId": early });
    world.act("portal/extend-offer", body).await;
    let request = world.command(associate(&early, &digest));
    let (code, reason, _) = refusal(client.associate_offer(request).await);
    let expected = (Code::Aborted, "COMPARISON_OUTDATED");
    assert_eq!((code, reason.as_str()), expected);
    let unread = pb::AssociateOfferRequest {
        legal_document_read: false,
        ..associate(&early, &compare(&world, &early).await.digest)
    };
    let answer = client.associate_offer(world.command(unread)).await;
    assert_eq!(refusal(answer).1, "LEGAL_DOCUMENT_NOT_READ");
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 0);
}
