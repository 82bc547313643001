//! Reading legal documents as AWS does: a GET on the submitted URL, then a look at the bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::world::model::Verdict;

/// How often a host that does not answer is asked, and how long to wait in between. What AWS does is not
/// documented; that one lost name lookup or connection fails a change set is no use to anybody.
const TRIES: u32 = 8;
const AGAIN: Duration = Duration::from_millis(250);

/// Downloads and judges one document.
pub(crate) async fn fetch(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
    timeout: Duration,
) -> Verdict {
    match tokio::time::timeout(timeout, answered(client, url, limit)).await {
        Ok(Ok(Some(bytes))) => inspect(bytes),
        Ok(Ok(None)) => Verdict::TooLarge { limit },
        Ok(Err(error)) => Verdict::Bad {
            reason: format!("The document URL could not be read: {error}."),
        },
        Err(_) => Verdict::Bad {
            reason: "The document URL did not answer in time.".to_owned(),
        },
    }
}

/// Like [`download`], again while there is no answer. An answer is an answer, good or bad.
async fn answered(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Option<Bytes>, reqwest::Error> {
    for _ in 1..TRIES {
        match download(client, url, limit).await {
            Err(error) if !error.is_status() && !error.is_builder() => {
                tracing::warn!(%error, "cannot read the document; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            done => return done,
        }
    }
    download(client, url, limit).await
}

/// None: larger than the limit.
async fn download(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Option<Bytes>, reqwest::Error> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// A PDF has its header within the first 1024 bytes and its end mark within the last 1024; an encrypted
/// one names /Encrypt in a trailer, which is never compressed itself.
fn inspect(bytes: Bytes) -> Verdict {
    const EDGE: usize = 1024;
    let head = &bytes[..bytes.len().min(EDGE)];
    let tail = &bytes[bytes.len().saturating_sub(EDGE)..];
    let bad = |reason: &str| Verdict::Bad {
        reason: reason.to_owned(),
    };
    if !contains(head, b"%PDF-") {
        return bad("The document is not in a supported format; provide a PDF.");
    }
    if !contains(tail, b"%%EOF") {
        return bad("The document is not a valid PDF; it ends too early.");
    }
    if contains(&bytes, b"/Encrypt") {
        return bad("The document is password protected.");
    }
    Verdict::Good {
        digest: hex::encode(Sha256::digest(&bytes)),
        bytes,
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_host_that_comes_back_in_time_is_read_and_one_that_refuses_is_not_asked_again() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let url = format!("http://{address}/a.pdf");
        let client = reqwest::Client::new();
        let long = Duration::from_secs(30);
        let away = fetch(&client, &url, 100, long).await;
        assert!(matches!(away, Verdict::Bad { .. }));

        let host = async {
            tokio::time::sleep(AGAIN / 2).await;
            let back = TcpListener::bind(address).await.unwrap();
            let (mut asked, _) = back.accept().await.unwrap();
            assert!(asked.read(&mut [0; 1024]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            asked.write_all(answer).await.unwrap();
        };
        let (verdict, ()) = tokio::join!(fetch(&client, &url, 100, long), host);
        let Verdict::Bad { reason } = verdict else {
            panic!("a document that is not there is no good one");
        };
        assert!(reason.contains("404"), "{reason}");
    }

    #[test]
    fn what_is_a_readable_pdf() {
        let judge = |text: &'static str| {
            matches!(
                inspect(Bytes::from_static(text.as_bytes())),
                Verdict::Good { .. }
            )
        };
        assert!(judge(
            "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
        ));
        assert!(!judge("Dear customer,"));
        assert!(!judge("%PDF-1.7\n1 0 obj"));
        assert!(!judge("%PDF-1.7\ntrailer <</Encrypt 5 0 R>>\n%%EOF\n"));
        assert!(!judge(""));
    }
}
