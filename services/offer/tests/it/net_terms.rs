//! Net terms of what is resold (O2, O4; facts §1.2, §1.4): the manufacturer's authorization has the most that its
//! reseller may grant, and the reseller's offer has them if and only if the authorization does, and none longer.

use countersign_kernel::Digest;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::deals;
use crate::entities::{described, part};
use crate::kinds::authorization_request;
use crate::resale;
use crate::world::{ENGAGEMENT, World, refusal};

const RULE: &str = "NET_TERMS_WITHIN_AUTHORIZATION";
const WHOLESALE: &str = "100000.00";

async fn cancelled(world: &World, offer_id: &str) {
    let cancel = pb::CancelOfferRequest {
        offer_id: offer_id.into(),
        reason: "the next row".into(),
    };
    let mut client = world.client.clone();
    client.cancel_offer(world.command(cancel)).await.unwrap();
    world.until_state(offer_id, State::Cancelled).await;
}

/// What AWS shows of the term, for so many days; nothing for none.
fn term(kind: &str, days: u32) -> Value {
    if days == 0 {
        return Value::Null;
    }
    json!({ "Type": kind, "PaymentDuePeriod": format!("P{days}D") })
}

/// The manufacturer's side: what was chosen is what AWS has.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_is_released_with_the_net_terms_that_were_chosen() {
    let world = World::new().await;
    let files = deals::files();
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    world.ready_to_draft(deal).await;
    let asked = |days| pb::DraftResaleAuthorizationRequest {
        reseller_account_id: "222233334444".into(),
        single_use: false,
        net_terms_days: days,
        ..authorization_request()
    };
    let mut client = world.client.clone();
    for days in [0, 15, 30, 45, 60, 90, 120] {
        let drafted = client
            .draft_resale_authorization(world.command(asked(days)))
            .await;
        let draft = world
            .assembled(&drafted.unwrap().into_inner().offer_id)
            .await;
        assert_eq!(draft.net_terms_days, days);
        assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
        world.release(&draft).await;
        let offer = world.until_state(&draft.offer_id, State::Published).await;
        let id = offer.authorization.unwrap().authorization_id;
        let shown = described(&world, &id).await;
        let kind = "ResaleNetPaymentTerm";
        assert_eq!(part(&shown, kind), term(kind, days), "{days}");
        cancelled(&world, &offer.offer_id).await;
    }
    for days in [1, 31, 180] {
        let answer = client
            .draft_resale_authorization(world.command(asked(days)))
            .await;
        assert_eq!(refusal(answer).2, ["NET_TERMS_INVALID"], "{days}");
    }
}

/// The reseller's offer of the handbook's deal, from an authorization that was typed with these net terms.
fn offered(id: &str, typed: u32, own: u32) -> pb::DraftPartnerOfferRequest {
    let mut asked = resale::request(id, "0.50", WHOLESALE);
    let authorization = asked.authorization.as_mut().unwrap();
    authorization.schedule.clear();
    authorization.net_terms_days = typed;
    pb::DraftPartnerOfferRequest {
        fixed_amounts: false,
        markup_percentage: "2.5".into(),
        net_terms_days: own,
        ..asked
    }
}

async fn drafted(world: &World, request: pb::DraftPartnerOfferRequest) -> pb::Offer {
    let mut client = world.client.clone();
    let draft = client.draft_partner_offer(world.command(request)).await;
    world.assembled(&draft.unwrap().into_inner().offer_id).await
}

/// An authorization of another seller's with these net terms, for any number of offers.
async fn authorized(world: &World, days: u32) -> String {
    let mut entered = resale::authorization(&json!([]), Some(WHOLESALE));
    entered["reusable"] = json!(true);
    if days > 0 {
        entered["paymentDuePeriod"] = json!(format!("P{days}D"));
    }
    resale::given(world, entered).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_net_terms_stay_within_the_authorizations() {
    let world = World::new().await;
    let (with, without) = (authorized(&world, 45).await, authorized(&world, 0).await);
    resale::approved(&world, |deal| deal).await;
    // The authorization's, the offer's, and whether that is to be sent.
    let rows = [
        (45, 60, false),
        (45, 120, false),
        (45, 0, false),
        (0, 15, false),
        (0, 0, true),
        (45, 15, true),
        (45, 30, true),
        (45, 45, true),
    ];
    for (most, own, fits) in rows {
        let row = format!("{own} of at most {most}");
        let id = if most == 0 { &without } else { &with };
        let draft = drafted(&world, offered(id, most, own)).await;
        assert_eq!(draft.net_terms_days, own, "{row}");
        let found = world.findings(&draft.offer_id).await;
        if !fits {
            assert_eq!(found, [RULE], "{row}");
            let mut client = world.client.clone();
            let asked = world.command(World::release_request(&draft));
            let (_, reason, violations) = refusal(client.release_offer(asked).await);
            assert_eq!(
                (reason.as_str(), violations),
                ("PREFLIGHT_FAILED", vec![RULE.into()])
            );
            cancelled(&world, &draft.offer_id).await;
            continue;
        }
        assert_eq!(found, [""; 0], "{row}");
        world.release(&draft).await;
        let offer = world.until_state(&draft.offer_id, State::Published).await;
        let shown = described(&world, &offer.summary.unwrap().aws_offer_id).await;
        let kind = "NetPaymentTerm";
        assert_eq!(part(&shown, kind), term(kind, own), "{row}");
        cancelled(&world, &offer.offer_id).await;
    }
    let sent = world.look("offers").await;
    let fitting = rows.iter().filter(|row| row.2).count();
    assert_eq!(
        sent.as_array().unwrap().len(),
        fitting,
        "only what fits is sent"
    );
}

/// O5: net terms that were typed wrong are found before anything is sent, whichever way they are wrong.
#[tokio::test(flavor = "multi_thread")]
async fn net_terms_that_were_typed_wrong_are_not_released() {
    let world = World::new().await;
    let (with, without) = (authorized(&world, 45).await, authorized(&world, 0).await);
    resale::approved(&world, |deal| deal).await;
    for (id, typed, own) in [
        (&with, 60, 60),
        (&with, 30, 30),
        (&with, 0, 0),
        (&without, 45, 30),
    ] {
        let draft = drafted(&world, offered(id, typed, own)).await;
        assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
        world.release(&draft).await;
        let refused = |offer: &pb::Offer| !offer.errors.is_empty();
        let back = world.until(&draft.offer_id, refused).await;
        let codes: Vec<_> = back
            .errors
            .iter()
            .map(|error| error.code.as_str())
            .collect();
        assert_eq!(codes, ["AUTHORIZATION_NET_TERMS_DIFFER"], "{typed} typed");
        assert_eq!(back.state(), State::Draft);
        cancelled(&world, &draft.offer_id).await;
    }
    assert_eq!(world.look("offers").await, json!([]));
}
