//! TLS between processes (P5): one identity per process, shown to those who call it and to those it
//! calls, and whom it trusts in either direction.
//!
//! Files are read once, at start: a renewed certificate counts after a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use crate::config::Settings;

/// The longest that a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One half of an identity is no identity.
    #[error("tls_certificate_file and tls_key_file go together")]
    HalfIdentity,
    /// Callers' certificates are only shown over TLS.
    #[error("tls_client_ca_file needs tls_certificate_file and tls_key_file")]
    NoIdentity,
    /// A file cannot be read.
    #[error("reading {0}")]
    File(PathBuf, #[source] std::io::Error),
}

/// How this process serves: with its certificate, if it has one. Callers may show one of theirs.
pub(crate) fn server(settings: &Settings) -> Result<Option<ServerTlsConfig>, TlsError> {
    let Some(identity) = identity(settings)? else {
        return match settings.tls_client_ca_file {
            Some(_) => Err(TlsError::NoIdentity),
            None => Ok(None),
        };
    };
    let mut tls = ServerTlsConfig::new()
        .identity(identity)
        .timeout(HANDSHAKE_TIMEOUT);
    if let Some(file) = &settings.tls_client_ca_file {
        let authority = Certificate::from_pem(read(file)?);
        tls = tls.client_ca_root(authority).client_auth_optional(true);
    }
    Ok(Some(tls))
}

/// How this process calls others over gRPC: whom it trusts, and the identity that it shows.
///
/// # Errors
/// Files that cannot be read, or half an identity.
pub fn client(settings: &Settings) -> Result<ClientTlsConfig, TlsError> {
    let mut tls = ClientTlsConfig::new().timeout(HANDSHAKE_TIMEOUT);
    if let Some(file) = &settings.tls_ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read(file)?));
    }
    Ok(match identity(settings)? {
        Some(identity) => tls.identity(identity),
        None => tls,
    })
}

/// The files of this process's identity: certificate and key.
pub(crate) fn identity_files(settings: &Settings) -> Result<Option<(&Path, &Path)>, TlsError> {
    match (&settings.tls_certificate_file, &settings.tls_key_file) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        _ => Err(TlsError::HalfIdentity),
    }
}

fn identity(settings: &Settings) -> Result<Option<Identity>, TlsError> {
    let Some((certificate, key)) = identity_files(settings)? else {
        return Ok(None);
    };
    Ok(Some(Identity::from_pem(read(certificate)?, read(key)?)))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::File(file.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_whole_or_none() {
        let file = || Some(PathBuf::from("/nowhere/at-all.pem"));
        let none = Settings::default();
        assert!(matches!(server(&none), Ok(None)));
        let half = Settings {
            tls_key_file: file(),
            ..Settings::default()
        };
        assert!(matches!(server(&half), Err(TlsError::HalfIdentity)));
        let unread = Settings {
            tls_certificate_file: file(),
            ..half
        };
        assert!(matches!(server(&unread), Err(TlsError::File(..))));
        let authority = Settings {
            tls_client_ca_file: file(),
            ..Settings::default()
        };
        assert!(matches!(server(&authority), Err(TlsError::NoIdentity)));
    }
}
