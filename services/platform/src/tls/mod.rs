//! TLS between processes (P5): one identity per process, which it shows to those who call it and to
//! those it calls, and whom it trusts in either direction.
//!
//! | setting | what it does |
//! |---|---|
//! | `tls_certificate_file`, `tls_key_file` | gRPC is served over TLS only; the same certificate is shown to the services that this one calls, to NATS and to Postgres |
//! | `tls_client_ca_file` | a caller must show a certificate of these authorities, or its connection ends in the handshake; a certificate for `spiffe://countersign/<service>` names a service ([`crate::auth`]) |
//! | `tls_client_certificate_optional` | a caller may come without a certificate; a wrong one is still refused |
//! | `tls_ca_file` | who vouches for the services that this one calls |
//! | `nats_ca_file` | who vouches for NATS: it is then spoken to over TLS, or not at all |
//! | `database_ca_file` | who vouches for Postgres: as `sslmode=verify-full`. The authorities of the Web count too, for the host that the URL names: sqlx always adds them |
//!
//! All files are PEM. Certificates, keys and authorities may be **renewed without a restart**: the
//! gRPC port looks at its files at every new connection and reads them when they have changed, and a
//! connection to another service, to NATS or to Postgres is made with the files as they are then.
//! Connections that are open stay so, those of gRPC callers for half an hour at most. Files that do
//! not fit together, as half-way through a renewal, are logged and the last good ones kept; at the
//! start they are an error.
//!
//! The management port stays in plain text: it tells health and counts, and Kubernetes' probes speak
//! no TLS. Keys are held in types that do not print: rustls' own, and tonic's `Endpoint`. Tonic's
//! `Identity` and `ClientTlsConfig` do print theirs, and are not handed on.

mod incoming;
mod peer;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::config::Settings;

pub(crate) use incoming::incoming;
pub(crate) use peer::service as service_of;
pub(crate) use server::ServerTls;

/// The longest that a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS cannot be set up as configured. Nothing of what a file holds is told.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One half of an identity is no identity.
    #[error("tls_certificate_file and tls_key_file go together")]
    HalfIdentity,
    /// Callers' certificates are only shown over TLS.
    #[error("tls_client_ca_file needs tls_certificate_file and tls_key_file")]
    NoIdentity,
    /// Nobody vouches for the one who is to be called.
    #[error("an https:// address needs tls_ca_file")]
    NoAuthority,
    /// The address of another service is none.
    #[error("the address of another service")]
    Address(#[source] tonic::transport::Error),
    /// A file cannot be read.
    #[error("reading {0}")]
    File(PathBuf, #[source] std::io::Error),
    /// A file is no PEM, or not of what it should be.
    #[error("{0} holds no usable PEM")]
    Pem(PathBuf, #[source] pem::Error),
    /// A file has no certificate in it.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// Certificate and key are not of each other, or one of them is of no use.
    #[error("the certificate and its key cannot be used")]
    Identity(#[source] rustls::Error),
    /// An authority's certificate is of no use.
    #[error("the authorities in {0} cannot be used")]
    Authority(PathBuf, #[source] rustls::Error),
    /// Nobody could be let in.
    #[error("the authorities of callers cannot be used")]
    Callers(#[source] rustls::server::VerifierBuilderError),
}

/// Where another service answers, `http://host:port` or `https://host:port`. Over TLS it must be
/// vouched for by `tls_ca_file`, and is shown this process's certificate, if it has one: both as the
/// files are now, so that a connection made later takes another endpoint.
///
/// # Errors
/// An address that is none, files that cannot be used, or nobody to vouch for the other.
pub async fn endpoint(settings: &Settings, url: &str) -> Result<Endpoint, TlsError> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(TlsError::Address)?;
    if endpoint.uri().scheme_str() != Some("https") {
        return Ok(endpoint);
    }
    let Some(authority) = &settings.tls_ca_file else {
        return Err(TlsError::NoAuthority);
    };
    let mut tls = ClientTlsConfig::new()
        .timeout(HANDSHAKE_TIMEOUT)
        .ca_certificate(Certificate::from_pem(text(authority).await?));
    if let Some((certificate, key)) = identity_files(settings)? {
        tls = tls.identity(Identity::from_pem(
            text(certificate).await?,
            text(key).await?,
        ));
    }
    endpoint.tls_config(tls).map_err(TlsError::Address)
}

/// The files of this process's identity: certificate and key.
pub(crate) fn identity_files(settings: &Settings) -> Result<Option<(&Path, &Path)>, TlsError> {
    match (&settings.tls_certificate_file, &settings.tls_key_file) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        _ => Err(TlsError::HalfIdentity),
    }
}

async fn text(file: &Path) -> Result<Vec<u8>, TlsError> {
    let read = tokio::fs::read(file).await;
    read.map_err(|error| TlsError::File(file.to_owned(), error))
}

/// The certificates in a file, in its order; at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| TlsError::Pem(file.to_owned(), error))?;
    if found.is_empty() {
        return Err(TlsError::Empty(file.to_owned()));
    }
    Ok(found)
}

/// The key in a file.
fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(&read(file)?);
    key.map_err(|error| TlsError::Pem(file.to_owned(), error))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::File(file.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// What another service is called by shows no key, neither as text nor as bytes.
    #[tokio::test]
    async fn an_endpoint_does_not_print_the_key_that_it_shows() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let file = |name: &str, text: &str| {
            let name = format!("countersign-tls-{name}-{}", std::process::id());
            let file = std::env::temp_dir().join(name);
            std::fs::write(&file, text).unwrap();
            Some(file)
        };
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&pair).unwrap().pem();
        let key = pair.serialize_pem();
        let settings = Settings {
            tls_certificate_file: file("certificate.pem", &certificate),
            tls_key_file: file("key.pem", &key),
            tls_ca_file: file("ca.pem", &certificate),
            ..Settings::default()
        };
        let endpoint = endpoint(&settings, "https://127.0.0.1:1").await.unwrap();
        let printed = format!("{endpoint:?} {:?} {settings:?}", endpoint.connect_lazy());
        for line in key.lines().filter(|line| !line.starts_with('-')) {
            let bytes = format!("{:?}", line.as_bytes());
            let bytes = bytes.trim_matches(['[', ']']);
            assert!(
                !printed.contains(line) && !printed.contains(bytes),
                "{printed}"
            );
        }
        let files = [
            settings.tls_certificate_file,
            settings.tls_key_file,
            settings.tls_ca_file,
        ];
        for file in files.into_iter().flatten() {
            std::fs::remove_file(file).unwrap();
        }
    }

    /// Another service is called over TLS when its address says so, never without knowing it.
    #[tokio::test]
    async fn an_address_over_tls_needs_an_authority_and_a_whole_identity() {
        let plain = Settings::default();
        assert!(endpoint(&plain, "http://127.0.0.1:1").await.is_ok());
        let told = endpoint(&plain, "https://127.0.0.1:1").await;
        assert!(matches!(told, Err(TlsError::NoAuthority)), "{told:?}");
        for none in ["", "127.0.0.1 : 1"] {
            let told = endpoint(&plain, none).await;
            assert!(matches!(told, Err(TlsError::Address(_))), "{told:?}");
        }
        let absent = Settings {
            tls_ca_file: Some(PathBuf::from("/nowhere/at-all.pem")),
            ..plain
        };
        let told = endpoint(&absent, "https://127.0.0.1:1").await;
        assert!(matches!(told, Err(TlsError::File(..))), "{told:?}");
        let half = Settings {
            tls_ca_file: Some(std::env::current_exe().unwrap()),
            tls_key_file: Some(PathBuf::from("/nowhere/at-all.pem")),
            ..absent
        };
        let told = endpoint(&half, "https://127.0.0.1:1").await;
        assert!(matches!(told, Err(TlsError::HalfIdentity)), "{told:?}");
    }
}
