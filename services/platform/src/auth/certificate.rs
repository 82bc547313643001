//! A service as its certificate names it: `spiffe://countersign/<name>`, verified by TLS before.

use http::Extensions;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Before the name of a service of this trust domain.
const TRUST_DOMAIN: &str = "spiffe://countersign/";

/// The name of the service at the other end of the connection, if it showed a certificate that
/// names one, and only one.
pub(super) fn service(extensions: &Extensions) -> Option<String> {
    let connection = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
    // The first is the caller's own; the others vouch for it.
    service_of(connection.peer_certs()?.first()?)
}

fn service_of(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut ids = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
    let (Some(id), None) = (ids.next(), ids.next()) else {
        return None;
    };
    let name = id.strip_prefix(TRUST_DOMAIN)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let uris = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    /// P5: one id of our trust domain names a service; anything else names nobody.
    #[test]
    fn a_service_is_named_by_one_id_of_ours() {
        let named = |uris: &[&str]| service_of(&certificate(uris));
        assert_eq!(
            named(&["spiffe://countersign/things"]).as_deref(),
            Some("things")
        );
        for nobody in [
            vec![],
            vec!["spiffe://elsewhere/things"],
            vec!["spiffe://countersign/"],
            vec!["spiffe://countersign/a/b"],
            vec!["spiffe://countersign/Things"],
            vec!["spiffe://countersign/things", "spiffe://countersign/others"],
        ] {
            assert_eq!(named(&nobody), None, "{nobody:?}");
        }
        assert_eq!(service_of(b"no certificate"), None);
    }
}
