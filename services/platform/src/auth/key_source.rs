//! Where an issuer's keys are read: over HTTP, or from a file.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use url::{Host, Url};

use super::keys::{KeySet, KeysError};

/// The longest that reading the keys may take, connecting included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The largest document that is read.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// The place cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// It is no URL of a kind that is known.
    #[error("auth_jwks_url must be an https, http or file URL")]
    Kind,
    /// Whoever sits between could put its own keys in.
    #[error(
        "auth_jwks_url is plain http to another machine: take https, or set auth_jwks_insecure \
         where the network is trusted"
    )]
    Insecure,
    /// No client can be made.
    #[error("the HTTP client for auth_jwks_url")]
    Client(#[source] reqwest::Error),
}

/// The keys could not be read this time.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("reading the key file")]
    File(#[source] std::io::Error),
    #[error("asking for the keys")]
    Http(#[source] reqwest::Error),
    #[error("the key set is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("reading the key set")]
    Keys(#[from] KeysError),
}

/// A place that keys are read from. It does not print: a URL can hold a password.
pub(super) enum KeySource {
    Http { client: reqwest::Client, url: Url },
    File(PathBuf),
}

impl KeySource {
    /// Takes an `https:` or `file:` URL; `http:` on loopback, or anywhere if `insecure`.
    pub(super) fn new(url: &str, insecure: bool) -> Result<Self, SourceError> {
        let url = Url::parse(url).map_err(|_| SourceError::Kind)?;
        match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| SourceError::Kind)?;
                return Ok(Self::File(path));
            }
            "http" if !insecure && !is_loopback(&url) => return Err(SourceError::Insecure),
            "http" | "https" => {}
            _ => return Err(SourceError::Kind),
        }
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // Where the keys are is configured, not answered.
            .redirect(reqwest::redirect::Policy::none())
            // Nor does the environment say whom they come through: HTTP_PROXY, set for other traffic,
            // would put somebody between who could put in keys, and sees no issuer on loopback.
            .no_proxy()
            .build()
            .map_err(SourceError::Client)?;
        Ok(Self::Http { client, url })
    }

    /// Reads the keys, within a time and a size.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = match self {
            Self::File(path) => read(path).await?,
            Self::Http { client, url } => get(client, url).await?,
        };
        Ok(KeySet::parse(&document)?)
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, FetchError> {
    let file = tokio::fs::File::open(path)
        .await
        .map_err(FetchError::File)?;
    let mut document = Vec::new();
    let limit = MAX_DOCUMENT_BYTES as u64 + 1;
    file.take(limit)
        .read_to_end(&mut document)
        .await
        .map_err(FetchError::File)?;
    bounded(document)
}

async fn get(client: &reqwest::Client, url: &Url) -> Result<Vec<u8>, FetchError> {
    let answer = client.get(url.clone()).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(failed)?;
    let mut document = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        document.extend_from_slice(&chunk);
        if document.len() > MAX_DOCUMENT_BYTES {
            break;
        }
    }
    bounded(document)
}

/// Without the URL, which is logged with the error otherwise, and can hold a password.
fn failed(error: reqwest::Error) -> FetchError {
    FetchError::Http(error.without_url())
}

fn bounded(document: Vec<u8>) -> Result<Vec<u8>, FetchError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(FetchError::TooLarge);
    }
    Ok(document)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::issuer::{Answer, Issuer};

    /// P5: keys come from where nobody in between can put in others.
    #[tokio::test]
    async fn plain_http_is_for_this_machine() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let source = |url, insecure| KeySource::new(url, insecure).map(drop);
        for good in [
            "https://issuer.example/keys",
            "http://127.0.0.1:1/keys",
            "http://[::1]:1/keys",
            "http://localhost/keys",
            "file:///keys.json",
        ] {
            assert!(source(good, false).is_ok(), "{good}");
        }
        let plain = "http://issuer.example/keys";
        assert!(matches!(source(plain, false), Err(SourceError::Insecure)));
        assert!(source(plain, true).is_ok());
        for wrong in ["keys.json", "ftp://issuer.example/", "file://host/keys", ""] {
            assert!(
                matches!(source(wrong, true), Err(SourceError::Kind)),
                "{wrong}"
            );
        }
    }

    #[tokio::test]
    async fn a_document_has_a_size() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("countersign-jwks-{}", std::process::id()));
        std::fs::write(&file, vec![b' '; MAX_DOCUMENT_BYTES + 1]).unwrap();
        let source = KeySource::new(&format!("file://{}", file.display()), false).unwrap();
        let fetched = source.fetch().await.map(drop);
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(fetched, Err(FetchError::TooLarge)), "{fetched:?}");
        let fetched = source.fetch().await.map(drop);
        assert!(matches!(fetched, Err(FetchError::File(_))), "{fetched:?}");
    }

    /// P5: whatever an issuer answers, or does not, reading its keys ends, and says why.
    #[tokio::test]
    async fn an_issuer_may_answer_anything() {
        let says = |status: &str, body: &[u8]| Answer::says(status, body);
        let cut = Answer::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{".to_vec());
        let begun = Answer::Hangs(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{".to_vec());
        for (answer, expected) in [
            (
                says("500 Internal Server Error", b""),
                "asking for the keys",
            ),
            (
                says("404 Not Found", b"{\"keys\":[]}"),
                "asking for the keys",
            ),
            (says("200 OK", b"<html>"), "reading the key set"),
            (says("200 OK", b"{\"keys\":{}}"), "reading the key set"),
            (says("200 OK", b"{\"keys\":[]}"), "reading the key set"),
            (says("200 OK", b"\xff\xfe"), "reading the key set"),
            (says("200 OK", b""), "reading the key set"),
            (
                says("302 Found\r\nlocation: http://127.0.0.1:1/", b""),
                "reading the key set",
            ),
            (
                says("200 OK", &vec![b' '; MAX_DOCUMENT_BYTES + 1]),
                "the key set is larger than 262144 bytes",
            ),
            (
                Answer::Says(b"SSH-2.0-dropbear\r\n".to_vec()),
                "asking for the keys",
            ),
            (Answer::Says(Vec::new()), "asking for the keys"),
            (cut, "asking for the keys"),
            (Answer::Hangs(Vec::new()), "asking for the keys"),
            (begun, "asking for the keys"),
        ] {
            let hangs = matches!(answer, Answer::Hangs(_));
            let issuer = Issuer::answering(vec![answer]).await;
            let url = issuer.url.replace("http://", "http://us:hunter2@") + "?token=hunter2";
            let source = KeySource::new(&url, false).unwrap();
            if hangs {
                // Time goes on by itself when everybody waits.
                tokio::time::pause();
            }
            let error = source.fetch().await.map(drop).unwrap_err();
            if hangs {
                tokio::time::resume();
                assert!(matches!(&error, FetchError::Http(why) if why.is_timeout()));
            }
            assert_eq!(error.to_string(), expected);
            let said = format!("{error:?} {}", crate::failure::report(&error));
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
