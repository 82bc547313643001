//! TLS over real connections (P5): who shows what certificate, and what a plain-text client hears.

use std::path::PathBuf;

use countersign_platform::operations_proto::GetStatusRequest;
use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{NoSection, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::issuer::{Key, KeySet, claims};
use crate::support::{compose_sample, sample};

/// A certificate authority of a test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Certificate and key of a process on this machine, with an id if it has one.
    fn issue(&self, id: Option<&str>) -> (String, String) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        let id = id.map(|id| SanType::URI(id.try_into().unwrap()));
        params.subject_alt_names.extend(id);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A file for the time of a test.
struct Pem(PathBuf);

impl Pem {
    fn of(name: &str, text: &str) -> Self {
        let name = format!("countersign-it-{}-{name}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, text).unwrap();
        Self(file)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a caller at `scheme` that shows `identity` and this metadata is told.
async fn told(
    running: &Running,
    scheme: &str,
    tls: Option<ClientTlsConfig>,
    metadata: &[(&'static str, &str)],
) -> (Code, String) {
    let address = running.address();
    let mut endpoint = Endpoint::new(format!("{scheme}://{address}")).unwrap();
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls).unwrap();
    }
    let answer = ask(endpoint.connect_lazy(), metadata).await;
    let Err(status) = answer else {
        return (Code::Ok, String::new());
    };
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

async fn ask(channel: Channel, metadata: &[(&'static str, &str)]) -> Result<(), Status> {
    let mut request = Request::new(GetStatusRequest {});
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let mut client = OperationsServiceClient::new(channel);
    client.get_status(request).await.map(drop)
}

/// P5: a certificate of ours names a service, which then says for which tenant; others name nobody,
/// and plain text is turned away.
#[tokio::test]
async fn a_certificate_names_a_service() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.issue(Some("spiffe://countersign/sample"));
    let (certificate, key) = (Pem::of("certificate", &certificate), Pem::of("key", &key));
    let authority = Pem::of("authority", &ours.pem());
    let (keys, signer) = (KeySet::named("tls"), Key::new("one"));
    keys.holds(&[&signer]);
    let configure = |settings: &mut Settings| {
        keys.configure(settings);
        settings.tls_certificate_file = Some(certificate.0.clone());
        settings.tls_key_file = Some(key.0.clone());
        settings.tls_client_ca_file = Some(authority.0.clone());
    };
    let bed = TestBed::with_settings(&sample(), NoSection {}, configure).await;
    let running = bed.serve(&sample(), compose_sample).await;

    let trusting = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ours.pem()));
    let showing = |by: &Authority, id: Option<&str>| {
        let (certificate, key) = by.issue(id);
        Some(trusting().identity(Identity::from_pem(certificate, key)))
    };
    let things = || Some("spiffe://countersign/things");
    let authorization = format!("Bearer {}", signer.sign(&claims()));
    let bearer = [("authorization", authorization.as_str())];
    let tenant = [("countersign-seller", "acme")];
    let spoof = [
        ("countersign-seller", "acme"),
        ("countersign-principal", "ops@acme.example"),
        ("countersign-roles", "operator"),
    ];
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    let forbidden = (Code::PermissionDenied, "METHOD_FORBIDDEN".to_owned());
    let lost = (Code::Unavailable, String::new());
    for (what, tls, metadata, expected) in [
        (
            "a token",
            Some(trusting()),
            &bearer[..],
            (Code::Ok, String::new()),
        ),
        (
            "nothing",
            Some(trusting()),
            &tenant[..],
            unauthenticated("TOKEN_REQUIRED"),
        ),
        // A service is known by its certificate, and may not do what operators may.
        (
            "a service",
            showing(&ours, things()),
            &tenant[..],
            forbidden.clone(),
        ),
        (
            "what it says of itself",
            showing(&ours, things()),
            &spoof[..],
            forbidden,
        ),
        (
            "no tenant",
            showing(&ours, things()),
            &[][..],
            unauthenticated("SELLER_REQUIRED"),
        ),
        (
            "a token counts first",
            showing(&ours, things()),
            &bearer[..],
            (Code::Ok, String::new()),
        ),
        (
            "no id",
            showing(&ours, None),
            &tenant[..],
            unauthenticated("TOKEN_REQUIRED"),
        ),
        (
            "another's",
            showing(&theirs, things()),
            &bearer[..],
            lost.clone(),
        ),
    ] {
        let told = told(&running, "https", tls, metadata).await;
        assert_eq!(told, expected, "{what}");
    }
    assert_eq!(
        told(&running, "http", None, &bearer).await,
        lost,
        "plain text"
    );
    let stranger = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(theirs.pem()));
    assert_eq!(
        told(&running, "https", Some(stranger), &bearer).await,
        lost,
        "trusts others"
    );
    running.stop().await;
}
