//! A6, P5: signatures as an e-signature provider tells them, through a gateway.

use chrono::TimeDelta;
use countersign_kernel::Digest;
use countersign_kernel::webhook::WebhookSecret;
use countersign_platform::audit::{self, Verdict};
use countersign_proto::approval::v1::case::State;
use countersign_proto::approval::v1::receive_signature_callback_response::Outcome;
use countersign_proto::approval::v1::{
    Case, ReceiveSignatureCallbackRequest, ReceiveSignatureCallbackResponse, SowSigned,
};
use countersign_proto::common::v1::DocumentKind;
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::pdf::pdf;
use crate::world::{
    ACME_SECRET, EM, ENGAGEMENT, INITECH_SECRET, World, called, header, keyed, refused, upload_of,
};

const GATEWAY: &str = "signature-gateway@acme.example";

/// A webhook: what is in it, under which id, and how long after the beginning it was signed.
#[derive(Clone)]
struct Webhook {
    id: &'static str,
    body: Value,
    secret: &'static str,
    after: TimeDelta,
}

impl Webhook {
    fn of(id: &'static str, body: Value) -> Self {
        Self {
            id,
            body,
            secret: ACME_SECRET,
            after: TimeDelta::zero(),
        }
    }

    fn request(&self, world: &World) -> ReceiveSignatureCallbackRequest {
        let body = self.body.to_string().into_bytes();
        let at = (world.bed.clock().now() + self.after).timestamp();
        let secret = WebhookSecret::parse(self.secret).unwrap();
        ReceiveSignatureCallbackRequest {
            webhook_id: self.id.to_owned(),
            webhook_timestamp: at.to_string(),
            webhook_signature: secret.sign(self.id, at, &body),
            body,
        }
    }

    /// Handed on by the gateway, which has no idempotency key to give.
    async fn sent(&self, world: &World) -> Result<(Outcome, Option<Case>), Status> {
        handed_on(world, keyed(GATEWAY, "", self.request(world))).await
    }
}

async fn handed_on(
    world: &World,
    request: Request<ReceiveSignatureCallbackRequest>,
) -> Result<(Outcome, Option<Case>), Status> {
    let answer = world.client().receive_signature_callback(request).await?;
    let answer: ReceiveSignatureCallbackResponse = answer.into_inner();
    Ok((answer.outcome(), answer.case))
}

fn signed(case: &Case, party: &str, copy: Option<Digest>) -> Value {
    json!({ "type": "signature.completed", "timestamp": "2026-03-02T09:00:00Z", "data": {
        "case_id": case.case_id,
        "party": party,
        "signatory": "Carla Customer",
        "signed_at": "2026-03-02T08:59:59.25Z",
        "routed_sow_digest": case.routed_sow_digest,
        "signed_copy_digest": copy.map(|copy| copy.to_string()).unwrap_or_default(),
    } })
}

async fn routed() -> (World, Case) {
    let (world, case) = World::stamped().await;
    let case = world.route(&case).await.unwrap();
    (world, case)
}

async fn rows(world: &World) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM signature_callbacks")
        .fetch_one(world.bed.pool())
        .await
        .unwrap()
}

/// A6, P2: both signatures, in order, each once however often it is told; a copy that comes late is
/// no reason to lose one.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_s_signatures_are_recorded_once() {
    let (world, case) = routed().await;
    let copy = Digest::of(&pdf("signed"));
    let internal = Webhook::of("msg_1", signed(&case, "internal", None));
    let customer = Webhook::of("msg_2", signed(&case, "customer", Some(copy)));
    let early = customer.sent(&world).await;
    refused(early, Code::FailedPrecondition, "SIGNATURE_OUT_OF_ORDER");

    let (outcome, case) = internal.sent(&world).await.unwrap();
    assert_eq!(outcome, Outcome::Recorded);
    assert_eq!(case.unwrap().state(), State::AwaitingCustomerSignature);
    // The provider's next attempt, signed anew.
    world.bed.clock().advance(TimeDelta::minutes(1));
    let before_the_copy = customer.sent(&world).await;
    refused(
        before_the_copy,
        Code::FailedPrecondition,
        "SIGNED_SOW_MISSING",
    );
    assert_eq!(rows(&world).await, 1, "a refusal takes no id");

    // The gateway files what was signed, and nothing else.
    for (kind, reason) in [
        (DocumentKind::Annex, Some("SIGNED_COPIES_ONLY")),
        (DocumentKind::SignedSow, None),
    ] {
        let parts = upload_of(header(kind, "signed.pdf"), &pdf("signed"));
        let request = world.call(GATEWAY, parts).map(futures::stream::iter);
        let answer = world.client().upload_document(request).await;
        match reason {
            Some(reason) => refused(answer, Code::PermissionDenied, reason),
            None => assert_eq!(answer.unwrap().into_inner().digest, copy.to_string()),
        }
    }
    world.bed.clock().advance(TimeDelta::minutes(1));
    let lost = customer.request(&world);
    let (outcome, case) = customer.sent(&world).await.unwrap();
    assert_eq!(outcome, Outcome::Recorded);
    let case = world.kept(case.unwrap()).await;
    assert_eq!(case.state(), State::Signed);
    let told: SowSigned = world.last().await;
    assert_eq!(told.signed_sow.unwrap().digest, copy.to_string());
    let events = world.told().await;

    // The same call again, and the provider's next attempts.
    let (outcome, again) = handed_on(&world, keyed(GATEWAY, "", lost)).await.unwrap();
    assert_eq!((outcome, again.unwrap()), (Outcome::Recorded, case.clone()));
    world.bed.clock().advance(TimeDelta::minutes(1));
    for webhook in [&internal, &customer] {
        let (outcome, again) = webhook.sent(&world).await.unwrap();
        assert_eq!((outcome, again.unwrap()), (Outcome::Repeated, case.clone()));
    }
    assert_eq!(world.told().await, events, "nothing is told twice");
    assert_eq!(rows(&world).await, 2);

    let other = Webhook::of("msg_2", signed(&case, "internal", None));
    world.bed.clock().advance(TimeDelta::minutes(1));
    refused(
        other.sent(&world).await,
        Code::InvalidArgument,
        "WEBHOOK_ID_REUSED",
    );
    let (parts, chain) = (world.bed.parts(), format!("engagement/{ENGAGEMENT}"));
    let verdict = audit::verify(&parts.database, &"acme".parse().unwrap(), &chain).await;
    // 1 estimate, 3 documents, 1 case, 3 steps, 1 routing, 2 signatures: nothing that came to nothing.
    assert_eq!(verdict.unwrap(), Verdict::Intact(11));
    world.stop().await;
}

/// P2: the same webhook by two ways at once is one signature.
#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_by_two_ways_is_one_signature() {
    let (world, case) = routed().await;
    let webhook = Webhook::of("msg_1", signed(&case, "internal", None));
    let next_attempt = Webhook {
        after: TimeDelta::seconds(1),
        ..webhook.clone()
    };
    let (one, other) = tokio::join!(webhook.sent(&world), next_attempt.sent(&world));
    let mut outcomes = [one.unwrap().0, other.unwrap().0];
    outcomes.sort();
    assert_eq!(outcomes, [Outcome::Recorded, Outcome::Repeated]);
    assert_eq!(world.case().await.unwrap().signatures.len(), 1);
    world.stop().await;
}

/// P5: a case per row: who hands on what, and why it is refused. Nobody has signed after all of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_seller_s_provider_did_not_sign_just_now_is_refused() {
    const INVALID: Code = Code::InvalidArgument;
    let (world, case) = routed().await;
    let good = Webhook::of("msg_1", signed(&case, "internal", None));
    let forged = Webhook {
        secret: INITECH_SECRET,
        ..good.clone()
    };
    let after = |seconds| Webhook {
        after: TimeDelta::seconds(seconds),
        ..good.clone()
    };
    let junk = |body: &[u8]| {
        let at = world.bed.clock().now().timestamp();
        let secret = WebhookSecret::parse(ACME_SECRET).unwrap();
        ReceiveSignatureCallbackRequest {
            webhook_id: "msg_1".to_owned(),
            webhook_timestamp: at.to_string(),
            webhook_signature: secret.sign("msg_1", at, body),
            body: body.to_vec(),
        }
    };
    let other_case = Case {
        case_id: "018f0000-0000-7000-8000-000000000000".to_owned(),
        ..case.clone()
    };
    let unknown = Webhook::of("msg_1", signed(&other_case, "internal", None));
    let by = |who: &str, webhook: &Webhook| keyed(who, "", webhook.request(&world));
    let of = |seller: &str, webhook: &Webhook| called(seller, GATEWAY, "", webhook.request(&world));
    let forbidden = (Code::PermissionDenied, "METHOD_FORBIDDEN");
    let rows = [
        (by(EM, &good), forbidden),
        (by("operator@acme.example", &good), forbidden),
        (by(GATEWAY, &forged), (INVALID, "WEBHOOK_SIGNATURE_INVALID")),
        (by(GATEWAY, &after(-301)), (INVALID, "WEBHOOK_STALE")),
        (by(GATEWAY, &after(301)), (INVALID, "WEBHOOK_STALE")),
        (keyed(GATEWAY, "", junk(b"{}")), (INVALID, "BODY_INVALID")),
        (
            keyed(GATEWAY, "", junk(&vec![b' '; 64 * 1024 + 1])),
            (INVALID, "BODY_TOO_LARGE"),
        ),
        // Ours, and signed by another tenant's provider; signed by ours, and handed on for another.
        (of("initech", &forged), (Code::NotFound, "CASE_UNKNOWN")),
        (of("initech", &good), (INVALID, "WEBHOOK_SIGNATURE_INVALID")),
        (
            of("globex", &good),
            (Code::FailedPrecondition, "CALLBACKS_NOT_SET_UP"),
        ),
        (by(GATEWAY, &unknown), (Code::NotFound, "CASE_UNKNOWN")),
    ];
    for (request, (code, reason)) in rows {
        refused(handed_on(&world, request).await, code, reason);
    }
    assert_eq!(world.case().await.unwrap(), case);
    assert_eq!(self::rows(&world).await, 0);

    let sent = Webhook::of("msg_1", json!({ "type": "envelope.sent" }));
    assert_eq!(sent.sent(&world).await.unwrap(), (Outcome::Ignored, None));
    // A refusal of what was forged or stale has not used up the id.
    world.bed.clock().advance(TimeDelta::seconds(10));
    let (outcome, _) = good.sent(&world).await.unwrap();
    assert_eq!(outcome, Outcome::Recorded);
    world.stop().await;
}
