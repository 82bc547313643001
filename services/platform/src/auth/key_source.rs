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

/// A place that keys are read from.
#[derive(Debug)]
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
    let mut answer = answer.map_err(FetchError::Http)?;
    let mut document = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(FetchError::Http)? {
        document.extend_from_slice(&chunk);
        if document.len() > MAX_DOCUMENT_BYTES {
            break;
        }
    }
    bounded(document)
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
}
