//! A service as its certificate names it: `spiffe://countersign/<name>`, verified in the handshake.

use http::Extensions;
use rustls::pki_types::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use webpki::EndEntityCert;

/// Before the name of a service of this trust domain.
const TRUST_DOMAIN: &str = "spiffe://countersign/";

/// The name of the service at the other end of the connection, if it showed a certificate that
/// names one, and only one.
pub(crate) fn service(extensions: &Extensions) -> Option<String> {
    let connection = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
    // The first is the caller's own; the others vouch for it.
    named(connection.peer_certs()?.first()?)
}

fn named(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut ids = certificate.valid_uri_names();
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

    fn certificate(uris: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let uris = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    /// P5: one id of our trust domain names a service; anything else names nobody.
    #[test]
    fn a_service_is_named_by_one_id_of_ours() {
        let of = |uris: &[&str]| named(&certificate(uris));
        assert_eq!(
            of(&["spiffe://countersign/two-words"]).as_deref(),
            Some("two-words")
        );
        for nobody in [
            vec![],
            vec!["spiffe://elsewhere/things"],
            vec!["spiffe://countersign/"],
            vec!["spiffe://countersign/a/b"],
            vec!["spiffe://countersign/Things"],
            vec!["https://countersign/things"],
            vec!["spiffe://countersign/things", "spiffe://countersign/others"],
        ] {
            assert_eq!(of(&nobody), None, "{nobody:?}");
        }
        assert_eq!(named(&CertificateDer::from(&b"no certificate"[..])), None);
        assert_eq!(service(&Extensions::new()), None);
    }
}
