//! Authorities of a test's own, and what they vouch for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_platform::Settings;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// Who vouches.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each by its own name: of two with one name, the wrong one is only told by its signature.
        let name = format!("authority {}", NEXT.fetch_add(1, Ordering::SeqCst));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Of a process on this machine, with an id if it has one.
    pub(crate) fn issue(&self, id: Option<&str>) -> Shown {
        self.issue_with(id, |_| {})
    }

    /// The same, that ended long ago.
    pub(crate) fn issue_expired(&self, id: Option<&str>) -> Shown {
        self.issue_with(id, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    fn issue_with(&self, id: Option<&str>, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let id = id.map(|id| SanType::URI(id.try_into().unwrap()));
        params.subject_alt_names.extend(id);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Shown {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A channel to what this authority vouches for.
    pub(crate) fn channel(&self, address: SocketAddr) -> Channel {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.pem()));
        let endpoint = Endpoint::new(format!("https://{address}")).unwrap();
        endpoint.tls_config(tls).unwrap().connect_lazy()
    }

    /// A server that shows `shown`, and that only whom this authority vouches for may enter.
    pub(crate) fn acceptor(&self, shown: &Shown) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let callers = WebPkiClientVerifier::builder(Arc::new(roots));
        let chain = CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_client_cert_verifier(callers.build().unwrap())
            .with_single_cert(vec![chain], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Files for the time of a test.
pub(crate) struct Files(PathBuf);

impl Files {
    /// An empty folder.
    pub(crate) fn named(name: &str) -> Self {
        let name = format!("countersign-it-tls-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a file in one step, as a renewal does.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.0.join("new"), text).unwrap();
        std::fs::rename(self.0.join("new"), self.0.join(name)).unwrap();
        self.0.join(name)
    }

    /// Gives a process this certificate.
    pub(crate) fn identify(&self, settings: &mut Settings, shown: &Shown) {
        settings.tls_certificate_file = Some(self.put("certificate.pem", &shown.certificate));
        settings.tls_key_file = Some(self.put("key.pem", &shown.key));
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
