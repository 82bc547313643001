//! Who gets in, over real gRPC (P5): every token that must not count, roles, tenants, limits.

use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use countersign_platform::operations_proto::{
    GetStatusRequest, GetStatusResponse, ListTasksRequest, ListTasksResponse, ReplayEventsRequest,
};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{NoSection, Settings};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::issuer::{Key, KeySet, but, claims};
use crate::support::{compose_sample, eventually, sample};

struct Guarded {
    /// Dropping it drops the database.
    _bed: TestBed,
    running: Running,
    keys: KeySet,
    key: Key,
}

impl Guarded {
    async fn new(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let (keys, key) = (KeySet::named(name), Key::new("one"));
        keys.holds(&[&key]);
        Self::with(keys, key, change).await
    }

    async fn with(keys: KeySet, key: Key, change: impl FnOnce(&mut Settings)) -> Self {
        let bed = TestBed::with_settings(&sample(), NoSection {}, |settings| {
            keys.configure(settings);
            change(settings);
        })
        .await;
        let running = bed.serve(&sample(), compose_sample).await;
        Self {
            _bed: bed,
            running,
            keys,
            key,
        }
    }

    fn client(&self) -> OperationsServiceClient<tonic::transport::Channel> {
        OperationsServiceClient::new(self.running.channel())
    }

    async fn status(&self, metadata: &[(&'static str, &str)]) -> Result<GetStatusResponse, Status> {
        let request = with(GetStatusRequest {}, metadata);
        let answer = self.client().get_status(request).await;
        answer.map(Response::into_inner)
    }

    /// What a bearer of this token is told.
    async fn told(&self, token: &str) -> (Code, String) {
        let authorization = format!("Bearer {token}");
        said(self.status(&[("authorization", &authorization)]).await)
    }

    /// Asks for tasks with a good token.
    async fn tasks(&self, kind: String) -> Result<Response<ListTasksResponse>, Status> {
        let message = ListTasksRequest {
            kind,
            ..ListTasksRequest::default()
        };
        let authorization = self.good();
        let request = with(message, &[("authorization", &authorization)]);
        self.client().list_tasks(request).await
    }

    fn good(&self) -> String {
        format!("Bearer {}", self.key.sign(&claims()))
    }
}

fn with<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn said<T>(answer: Result<T, Status>) -> (Code, String) {
    let Err(status) = answer else {
        return (Code::Ok, String::new());
    };
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

/// P5: each token that must not count is refused, and says why.
#[tokio::test]
async fn only_tokens_of_the_issuer_for_us_and_for_now_count() {
    let it = Guarded::new("tokens", |_| {}).await;
    let now = jsonwebtoken::get_current_timestamp();
    let stranger = Key::new("one");
    let by_stranger = stranger.sign(&claims());
    let public_as_secret = EncodingKey::from_secret(it.key.public());
    let shared = it
        .key
        .sign_with(Algorithm::HS256, &public_as_secret, &claims());
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let other_kind = EncodingKey::from_ec_der(pair.serialized_der());
    let other_kind = it.key.sign_with(Algorithm::ES256, &other_kind, &claims());
    let signed = |changes| it.key.sign(&but(&changes));
    let cut = it.key.sign(&claims());
    let cut = cut.rsplit_once('.').unwrap().0.to_owned() + ".";
    for (token, expected) in [
        (it.key.sign(&claims()), ""),
        (signed(json!({ "aud": "countersign" })), ""),
        (signed(json!({ "exp": now - 30 })), ""), // within the skew
        (signed(json!({ "nbf": now + 30 })), ""),
        (signed(json!({ "exp": now - 61 })), "TOKEN_EXPIRED"),
        (signed(json!({ "nbf": now + 90 })), "TOKEN_NOT_YET_VALID"),
        (signed(json!({ "iat": now + 90 })), "TOKEN_NOT_YET_VALID"),
        (
            signed(json!({ "aud": "elsewhere" })),
            "TOKEN_AUDIENCE_WRONG",
        ),
        (signed(json!({ "aud": null })), "TOKEN_CLAIMS_INVALID"),
        (
            signed(json!({ "iss": "https://evil.example" })),
            "TOKEN_ISSUER_WRONG",
        ),
        (signed(json!({ "iss": null })), "TOKEN_CLAIMS_INVALID"),
        (signed(json!({ "exp": null })), "TOKEN_CLAIMS_INVALID"),
        (signed(json!({ "exp": "tomorrow" })), "TOKEN_CLAIMS_INVALID"),
        (signed(json!({ "sub": null })), "TOKEN_CLAIMS_INVALID"),
        (
            signed(json!({ "sub": "two words" })),
            "TOKEN_CLAIMS_INVALID",
        ),
        (
            signed(json!({ "countersign_seller": null })),
            "TOKEN_CLAIMS_INVALID",
        ),
        (
            signed(json!({ "countersign_seller": "a b" })),
            "TOKEN_CLAIMS_INVALID",
        ),
        (it.key.unsigned(&claims()), "TOKEN_MALFORMED"),
        (shared, "TOKEN_ALGORITHM_REFUSED"),
        (other_kind, "TOKEN_KEY_UNKNOWN"),
        (by_stranger, "TOKEN_SIGNATURE_INVALID"),
        (cut, "TOKEN_SIGNATURE_INVALID"),
        (Key::new("two").sign(&claims()), "TOKEN_KEY_UNKNOWN"),
        ("not.a.token".to_owned(), "TOKEN_MALFORMED"),
        ("x".repeat(9_000), "TOKEN_MALFORMED"),
    ] {
        let code = if expected.is_empty() {
            Code::Ok
        } else {
            Code::Unauthenticated
        };
        assert_eq!(
            it.told(&token).await,
            (code, expected.to_owned()),
            "{token}"
        );
    }
    let twice = it.good();
    for metadata in [
        vec![],
        vec![("authorization", "Basic b3BlbjpzZXNhbWU=")],
        vec![("authorization", "Bearer ")],
        vec![
            ("authorization", twice.as_str()),
            ("authorization", twice.as_str()),
        ],
        // What counted without an issuer counts no more.
        vec![
            ("countersign-seller", "acme"),
            ("countersign-principal", "ops@acme.example"),
            ("countersign-roles", "operator"),
        ],
    ] {
        let expected = (Code::Unauthenticated, "TOKEN_REQUIRED".to_owned());
        assert_eq!(said(it.status(&metadata).await), expected, "{metadata:?}");
    }
    it.running.stop().await;
}

/// P5: the token's roles decide, before the request is looked at; the token's tenant is the tenant.
#[tokio::test]
async fn roles_and_tenant_are_the_token_s() {
    let it = Guarded::new("roles", |_| {}).await;
    let good = it.good();
    let said_as = |metadata: Vec<(&'static str, String)>| {
        let it = &it;
        async move {
            let metadata: Vec<_> = metadata.iter().map(|(k, v)| (*k, v.as_str())).collect();
            said(it.status(&metadata).await)
        }
    };
    let seller = |name: &str| ("countersign-seller", name.to_owned());
    let bearer = ("authorization", good.clone());
    assert_eq!(
        said_as(vec![bearer.clone(), seller("acme")]).await.0,
        Code::Ok
    );
    let foreign = (Code::PermissionDenied, "OTHER_SELLER".to_owned());
    assert_eq!(said_as(vec![bearer, seller("other")]).await, foreign);

    let forbidden = (Code::PermissionDenied, "METHOD_FORBIDDEN".to_owned());
    let legal = it
        .key
        .sign(&but(&json!({ "countersign_roles": ["legal"] })));
    let legal = ("authorization", format!("Bearer {legal}"));
    let claimed = ("countersign-roles", "operator".to_owned());
    assert_eq!(said_as(vec![legal, claimed]).await, forbidden);
    let nobody = it.key.sign(&but(&json!({ "countersign_roles": null })));
    assert_eq!(it.told(&nobody).await, forbidden);

    // An auditor may look, and learns nothing of what it may not do: neither whether the request
    // is one, nor whether the thing exists.
    let auditor = it
        .key
        .sign(&but(&json!({ "countersign_roles": ["Auditor"] })));
    assert_eq!(it.told(&auditor).await.0, Code::Ok);
    let authorization = format!("Bearer {auditor}");
    let replay = with(
        ReplayEventsRequest::default(),
        &[("authorization", &authorization)],
    );
    assert_eq!(said(it.client().replay_events(replay).await), forbidden);
    it.running.stop().await;
}

/// P5: what is not served is not told apart from what is, before it is known who asks.
#[tokio::test]
async fn an_unknown_method_is_for_those_who_are_known() {
    let it = Guarded::new("unknown", |_| {}).await;
    let it = &it;
    let ask = |authorization: Option<String>| async move {
        let mut client = tonic::client::Grpc::new(it.running.channel());
        client.ready().await.unwrap();
        let metadata: Vec<_> = authorization
            .iter()
            .map(|v| ("authorization", v.as_str()))
            .collect();
        let request = with(GetStatusRequest {}, &metadata);
        let path = "/countersign.platform.v1.OperationsService/Destroy"
            .parse()
            .unwrap();
        let codec = tonic_prost::ProstCodec::<GetStatusRequest, GetStatusResponse>::default();
        said(client.unary(request, path, codec).await)
    };
    assert_eq!(ask(None).await.0, Code::Unauthenticated);
    let expected = (Code::Unimplemented, "METHOD_UNKNOWN".to_owned());
    assert_eq!(ask(Some(it.good())).await, expected);
    // Health is anybody's.
    let mut health = HealthClient::new(it.running.channel());
    health.check(HealthCheckRequest::default()).await.unwrap();
}

/// P5: an issuer that is away at start is waited for; its keys rotate while it is there.
#[tokio::test]
async fn keys_come_late_and_rotate() {
    let (keys, key) = (KeySet::named("late"), Key::new("old"));
    let it = Guarded::with(keys, key, |_| {}).await;
    let (old, successor) = (it.key.sign(&claims()), Key::new("new"));
    let new = successor.sign(&claims());
    let away = (Code::Unavailable, "JWKS_UNAVAILABLE".to_owned());
    assert_eq!(it.told(&old).await, away);
    it.keys.holds(&[&it.key]);
    let counts = |token: String| {
        let it = &it;
        async move { it.told(&token).await.0 == Code::Ok }
    };
    eventually("the key", || counts(old.clone())).await;
    it.keys.holds(&[&successor]);
    eventually("its successor", || counts(new.clone())).await;
    let unknown = (Code::Unauthenticated, "TOKEN_KEY_UNKNOWN".to_owned());
    assert_eq!(it.told(&old).await, unknown);
    it.running.stop().await;
}

/// P5: a caller that calls too often is told when to come back; another is not touched by it.
#[tokio::test]
async fn callers_are_limited_one_by_one() {
    let it = Guarded::new("rates", |settings| {
        settings.rate_limit_per_second = 1;
        settings.rate_limit_burst = 2;
    })
    .await;
    let mut limited = None;
    // More than can be refilled while they run.
    for _ in 0..20 {
        let good = it.good();
        limited = limited.or(it.status(&[("authorization", &good)]).await.err());
    }
    let status = limited.unwrap();
    let details = status.get_error_details();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(details.error_info().unwrap().reason, "RATE_LIMITED");
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    let other = it.key.sign(&but(&json!({ "sub": "else@acme.example" })));
    assert_eq!(it.told(&other).await.0, Code::Ok);
    it.running.stop().await;
}

/// P4, P5: a message has a size; who may not call is not asked for a smaller one.
#[tokio::test]
async fn a_message_has_a_size() {
    let it = Guarded::new("size", |_| {}).await;
    let large = "x".repeat(countersign_platform::MAX_MESSAGE_BYTES);
    let refused = it.tasks(large.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    let message = ListTasksRequest {
        kind: large,
        ..ListTasksRequest::default()
    };
    let refused = it.client().list_tasks(message).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    it.tasks("x".repeat(1_000)).await.unwrap();
    it.running.stop().await;
}
