//! TLS of the gRPC port over real connections (P5): who gets in, as whom, and who does not.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::OnceLock;
use std::task::{Context, Poll};

use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{BoxError, Identity, NoSection, Parts, Permission, Service, Wiring};
use prost::Message;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use serde_json::json;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::NamedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity as Shows};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::certificates::{Authority, Files, Shown};
use crate::issuer::{Key, KeySet, but, claims};
use crate::support::{compose_sample, sample};

const WHO_AM_I: &str = "countersign.sample.v1.Mirror/WhoAmI";
const MIRROR: [Permission; 1] =
    [Permission::roles(WHO_AM_I, &["operator"]).and_services(&["things"])];
const THINGS: Option<&str> = Some("spiffe://countersign/things");
/// What the mirror answers with, besides who calls.
const MIRRORED: Code = Code::Aborted;

/// Tells a caller who it is.
#[derive(Debug, Clone, Copy)]
struct Mirror;

impl NamedService for Mirror {
    const NAME: &'static str = "countersign.sample.v1.Mirror";
}

impl tower::Service<http::Request<Body>> for Mirror {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Identity>().unwrap();
        let who = format!("{} of {}", caller.principal, caller.seller);
        ready(Ok(Status::new(MIRRORED, who).into_http()))
    }
}

/// The mirror's own description: a method without a rule does not start.
fn descriptors() -> &'static [u8] {
    static ENCODED: OnceLock<Vec<u8>> = OnceLock::new();
    ENCODED.get_or_init(|| {
        let method = MethodDescriptorProto {
            name: Some("WhoAmI".to_owned()),
            ..MethodDescriptorProto::default()
        };
        let service = ServiceDescriptorProto {
            name: Some("Mirror".to_owned()),
            method: vec![method],
            ..ServiceDescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("mirror.proto".to_owned()),
            package: Some("countersign.sample.v1".to_owned()),
            service: vec![service],
            ..FileDescriptorProto::default()
        };
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    })
}

fn mirror() -> Service {
    sample().descriptors(descriptors()).permissions(&MIRROR)
}

async fn compose(parts: Parts<NoSection>) -> Result<Wiring, BoxError> {
    Ok(compose_sample(parts).await?.grpc(Mirror))
}

/// A mirror behind TLS, and who vouches for it and for its callers.
struct Guarded {
    running: Running,
    authority: Authority,
    files: Files,
    key: Key,
    _keys: KeySet,
    _bed: TestBed,
}

impl Guarded {
    async fn new(name: &str, optional: bool) -> Self {
        let authority = Authority::new();
        let files = Files::named(name);
        let (keys, key) = (KeySet::named(&format!("tls-{name}")), Key::new("one"));
        keys.holds(&[&key]);
        let bed = TestBed::with_settings(&mirror(), NoSection {}, |settings| {
            keys.configure(settings);
            let shown = authority.issue(Some("spiffe://countersign/sample"));
            files.identify(settings, &shown);
            settings.tls_client_ca_file = Some(files.put("callers.pem", &authority.pem()));
            settings.tls_client_certificate_optional = optional;
        })
        .await;
        Self {
            running: bed.serve(&mirror(), compose).await,
            authority,
            files,
            key,
            _keys: keys,
            _bed: bed,
        }
    }

    /// What a caller that shows this is told.
    async fn told(&self, shown: Option<&Shown>, metadata: &[(&'static str, &str)]) -> String {
        self.told_by(&self.authority, shown, metadata).await
    }

    /// The same, where the caller trusts `trusted`.
    async fn told_by(
        &self,
        trusted: &Authority,
        shown: Option<&Shown>,
        metadata: &[(&'static str, &str)],
    ) -> String {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted.pem()));
        if let Some(shown) = shown {
            tls = tls.identity(Shows::from_pem(&shown.certificate, &shown.key));
        }
        let endpoint = Endpoint::new(format!("https://{}", self.running.address())).unwrap();
        told(&endpoint.tls_config(tls).unwrap(), metadata).await
    }

    fn bearer(&self, claims: &serde_json::Value) -> String {
        format!("Bearer {}", self.key.sign(claims))
    }
}

/// Who the caller is; or the reason for which it is turned away; or that it was not let in at all.
async fn told(endpoint: &Endpoint, metadata: &[(&'static str, &str)]) -> String {
    let mut request = Request::new(());
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let Ok(channel) = endpoint.connect().await else {
        return "not let in".to_owned();
    };
    let mut client = tonic::client::Grpc::new(channel);
    if client.ready().await.is_err() {
        return "not let in".to_owned();
    }
    let path = format!("/{WHO_AM_I}").parse().unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let status = client.unary(request, path, codec).await.unwrap_err();
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) => info.reason.clone(),
        None if status.code() == MIRRORED => status.message().to_owned(),
        // A caller learns after its own half of the handshake that it was refused (TLS 1.3).
        None if std::error::Error::source(&status).is_some() => "not let in".to_owned(),
        None => format!("{status:?}"),
    }
}

/// P5: a certificate of ours names a service, which then says for which tenant; a token names
/// everybody else, and no service without its certificate.
#[tokio::test]
async fn a_certificate_names_a_service_and_a_token_everybody_else() {
    let it = Guarded::new("names", true).await;
    let things = it.authority.issue(THINGS);
    let others = it.authority.issue(Some("spiffe://countersign/others"));
    let nobody = it.authority.issue(None);
    let person = it.bearer(&claims());
    let service = it.bearer(&but(
        &json!({ "sub": "service:things", "countersign_roles": null }),
    ));
    let (person, service) = (
        [("authorization", &*person)],
        [("authorization", &*service)],
    );
    let tenant = [("countersign-seller", "acme")];
    let posing = [
        ("countersign-seller", "acme"),
        ("countersign-principal", "ops@acme.example"),
        ("countersign-roles", "operator"),
    ];
    for (shown, metadata, expected) in [
        (Some(&things), &tenant[..], "service:things of acme"),
        (Some(&things), &posing[..], "service:things of acme"),
        (Some(&things), &service[..], "service:things of acme"),
        (Some(&things), &person[..], "ops@acme.example of acme"),
        (Some(&things), &[][..], "SELLER_REQUIRED"),
        (Some(&others), &tenant[..], "METHOD_FORBIDDEN"),
        (Some(&others), &service[..], "CERTIFICATE_REQUIRED"),
        (Some(&nobody), &tenant[..], "TOKEN_REQUIRED"),
        (Some(&nobody), &service[..], "CERTIFICATE_REQUIRED"),
        (Some(&nobody), &person[..], "ops@acme.example of acme"),
        (None, &tenant[..], "TOKEN_REQUIRED"),
        (None, &service[..], "CERTIFICATE_REQUIRED"),
        (None, &person[..], "ops@acme.example of acme"),
    ] {
        let told = it.told(shown, metadata).await;
        let place = [&things, &others, &nobody]
            .iter()
            .position(|known| shown.is_some_and(|shown| shown.key == known.key));
        assert_eq!(told, expected, "{place:?} with {:?}", metadata.first());
    }
    it.running.stop().await;
}

/// P5: each connection that must not come about does not, and the server goes on.
#[tokio::test]
async fn only_whom_the_authority_vouches_for_gets_in() {
    let it = Guarded::new("refused", false).await;
    let stranger = Authority::new();
    let good = it.authority.issue(THINGS);
    let person = it.bearer(&claims());
    let bearer = [("authorization", &*person)];
    for (what, shown) in [
        ("no certificate", None),
        ("another authority's", Some(stranger.issue(THINGS))),
        ("expired", Some(it.authority.issue_expired(THINGS))),
    ] {
        let told = it.told(shown.as_ref(), &bearer).await;
        assert_eq!(told, "not let in", "{what}");
        let told = it.told(Some(&good), &bearer).await;
        assert_eq!(told, "ops@acme.example of acme", "after {what}");
    }
    let plain = Endpoint::new(format!("http://{}", it.running.address())).unwrap();
    assert_eq!(told(&plain, &bearer).await, "not let in", "plain text");
    let told = it.told_by(&stranger, Some(&good), &bearer).await;
    assert_eq!(told, "not let in", "a caller that trusts others");
    let told = it.told(Some(&good), &bearer).await;
    assert_eq!(told, "ops@acme.example of acme", "after all of them");
    it.running.stop().await;
}

/// Where certificates are optional, a wrong one is refused none the less.
#[tokio::test]
async fn an_optional_certificate_must_be_good() {
    let it = Guarded::new("optional", true).await;
    let person = it.bearer(&claims());
    let bearer = [("authorization", &*person)];
    for shown in [
        Authority::new().issue(THINGS),
        it.authority.issue_expired(THINGS),
    ] {
        assert_eq!(it.told(Some(&shown), &bearer).await, "not let in");
    }
    it.running.stop().await;
}

/// A renewed certificate, and other authorities, count for the next connection: nothing is started
/// again.
#[tokio::test]
async fn certificates_are_renewed_while_it_serves() {
    let it = Guarded::new("renewed", false).await;
    let next = Authority::new();
    let (old_caller, new_caller) = (it.authority.issue(THINGS), next.issue(THINGS));
    let tenant = [("countersign-seller", "acme")];
    let told = it.told(Some(&old_caller), &tenant).await;
    assert_eq!(told, "service:things of acme");
    let shown = next.issue(Some("spiffe://countersign/sample"));
    it.files.put("key.pem", &shown.key);
    it.files.put("certificate.pem", &shown.certificate);
    it.files.put("callers.pem", &next.pem());
    let told = it.told_by(&next, Some(&new_caller), &tenant).await;
    assert_eq!(told, "service:things of acme");
    for (trusted, caller) in [(&it.authority, &new_caller), (&next, &old_caller)] {
        let told = it.told_by(trusted, Some(caller), &tenant).await;
        assert_eq!(told, "not let in");
    }
    it.running.stop().await;
}
