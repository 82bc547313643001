//! Who signed a request: AWS Signature Version 4 in the Authorization header.
//!
//! Scope and key are always checked; a key that has a secret also has its signature recomputed.

use std::fmt::Write as _;

use axum::http::{HeaderMap, Method, Uri};
use sha2::{Digest, Sha256};

use crate::config::AccessKey;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Why a request is not let in; always answered with 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

fn rejected(code: &'static str, message: impl Into<String>) -> Rejected {
    Rejected {
        code,
        message: message.into(),
    }
}

/// What a signature covers.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The account whose key signed the request.
pub(crate) fn authenticate<'a>(
    keys: &'a [AccessKey],
    expected_service: &str,
    request: &Signed<'_>,
) -> Result<&'a str, Rejected> {
    let header = request
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| {
            rejected(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )
        })?;
    let parts = Parts::parse(header).ok_or_else(|| {
        rejected(
            "IncompleteSignatureException",
            "Authorization is not an AWS4-HMAC-SHA256 header.",
        )
    })?;
    let [key_id, date, region, service, "aws4_request"] =
        parts.credential.split('/').collect::<Vec<_>>()[..]
    else {
        return Err(rejected(
            "IncompleteSignatureException",
            "Credential is not KEY/DATE/REGION/SERVICE/aws4_request.",
        ));
    };
    let key = keys.iter().find(|key| key.id == key_id).ok_or_else(|| {
        rejected(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    })?;
    if service != expected_service {
        return Err(rejected(
            "InvalidSignatureException",
            format!("Credential should be scoped to correct service: '{expected_service}'."),
        ));
    }
    let stamp = text(request.headers, "x-amz-date");
    if date.len() != 8 || !stamp.starts_with(date) || region.is_empty() {
        return Err(rejected(
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from X-Amz-Date.",
        ));
    }
    if let Some(secret) = &key.secret {
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let signing_key = [date, region, service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                hmac(&key, part.as_bytes()).to_vec()
            });
        let canonical = hex::encode(Sha256::digest(canonical_request(
            request,
            parts.signed_headers,
        )));
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{canonical}");
        if hex::encode(hmac(&signing_key, to_sign.as_bytes())) != parts.signature {
            return Err(rejected(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            ));
        }
    }
    Ok(&key.account)
}

struct Parts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields: Vec<&str> = header
            .strip_prefix(ALGORITHM)?
            .split(',')
            .map(str::trim)
            .collect();
        let field = |name: &str| {
            fields
                .iter()
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders").filter(|headers| !headers.is_empty())?,
            signature: field("Signature").filter(|signature| signature.len() == 64)?,
        })
    }
}

fn canonical_request(request: &Signed<'_>, signed_headers: &str) -> String {
    let mut canonical = format!(
        "{}\n{}\n",
        request.method,
        canonical_path(request.uri.path())
    );
    let mut pairs: Vec<(&str, &str)> = request
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let _ = writeln!(canonical, "{}", query.join("&"));
    for name in signed_headers.split(';') {
        let value = text(request.headers, name)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(
        canonical,
        "\n{signed_headers}\n{}",
        hex::encode(Sha256::digest(request.body))
    );
    canonical
}

/// The path as sent, encoded once more, as every service but S3 wants it.
fn canonical_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut padded = [0_u8; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(padded.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_of_rfc_4231() {
        assert_eq!(
            hex::encode(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(hmac(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn what_is_not_let_in() {
        let keys: Vec<AccessKey> = vec!["AKIA1=111122223333".parse().unwrap()];
        let signature = "a".repeat(64);
        let header = |credential: &str| {
            format!(
                "{ALGORITHM} Credential={credential}, SignedHeaders=host;x-amz-date, Signature={signature}"
            )
        };
        let (method, uri) = (Method::POST, Uri::from_static("/StartChangeSet"));
        let judge = |authorization: Option<String>| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-date", "20270101T000000Z".parse().unwrap());
            if let Some(value) = authorization {
                headers.insert("authorization", value.parse().unwrap());
            }
            let request = Signed {
                method: &method,
                uri: &uri,
                headers: &headers,
                body: b"",
            };
            authenticate(&keys, "aws-marketplace", &request)
                .map(str::to_owned)
                .map_err(|rejected| rejected.code)
        };
        let scope = "20270101/us-east-1/aws-marketplace/aws4_request";
        assert_eq!(
            judge(Some(header(&format!("AKIA1/{scope}")))),
            Ok("111122223333".to_owned())
        );
        for (authorization, code) in [
            (None, "MissingAuthenticationTokenException"),
            (Some("Bearer x".to_owned()), "IncompleteSignatureException"),
            (
                Some(header("AKIA1/20270101")),
                "IncompleteSignatureException",
            ),
            (
                Some(header(&format!("AKIA2/{scope}"))),
                "UnrecognizedClientException",
            ),
            (
                Some(header("AKIA1/20270101/us-east-1/s3/aws4_request")),
                "InvalidSignatureException",
            ),
            (
                Some(header(
                    "AKIA1/20270102/us-east-1/aws-marketplace/aws4_request",
                )),
                "InvalidSignatureException",
            ),
        ] {
            assert_eq!(judge(authorization), Err(code));
        }
    }
}
