//! Where webhooks end up: every POST is kept, and it can be told to fail first (N5, N6).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Path and query.
    pub path: String,
    /// Headers by lower-case name; a value that is no text is left out.
    pub headers: BTreeMap<String, String>,
    /// The body's bytes: what a signature is over.
    pub body: Vec<u8>,
    /// What was answered.
    pub answered: u16,
}

#[derive(Debug, Default)]
struct Book {
    caught: Vec<Caught>,
    failures_left: u32,
}

type Shared = Arc<Mutex<Book>>;

/// A running sink. Dropping it stops it.
#[derive(Debug)]
pub struct WebhookCatcher {
    address: SocketAddr,
    book: Shared,
    _server: JoinSet<()>,
}

impl WebhookCatcher {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), Router::new()).await
    }

    /// Starts on `address`. What `pages` does not answer is a webhook.
    ///
    /// # Errors
    /// If the address is taken.
    pub(crate) async fn listen(address: SocketAddr, pages: Router) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .context("the webhook catcher")?;
        let address = listener.local_addr()?;
        let book = Shared::default();
        let webhooks = Router::new().fallback(keep).with_state(Arc::clone(&book));
        let router = pages.merge(webhooks);
        let mut server = JoinSet::new();
        server.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self {
            address,
            book,
            _server: server,
        })
    }

    /// Where it listens; any path is taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that came, in order, with what was answered.
    #[must_use]
    pub fn caught(&self) -> Vec<Caught> {
        open(&self.book).caught.clone()
    }

    /// Answers 500 to the next `count` requests.
    pub fn fail_next(&self, count: u32) {
        open(&self.book).failures_left = count;
    }
}

async fn keep(State(book): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut book = open(&book);
    let answer = if book.failures_left > 0 {
        book.failures_left -= 1;
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::NO_CONTENT
    };
    let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
    book.caught.push(Caught {
        path: uri.to_string(),
        headers: headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), text(value)?)))
            .collect(),
        body: body.to_vec(),
        answered: answer.as_u16(),
    });
    answer
}

fn open(book: &Shared) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_kept_and_failures_are_over_after_their_count() {
        let catcher = WebhookCatcher::start().await.unwrap();
        catcher.fail_next(1);
        let url = format!("http://{}/hooks?seller=acme", catcher.address());
        let client = reqwest::Client::new();
        for _ in 0..2 {
            client
                .post(&url)
                .header("Webhook-Id", "msg_1")
                .body("{}")
                .send()
                .await
                .unwrap();
        }
        let caught = catcher.caught();
        assert_eq!(
            caught.iter().map(|c| c.answered).collect::<Vec<_>>(),
            [500, 204]
        );
        assert_eq!(caught[0].path, "/hooks?seller=acme");
        assert_eq!(caught[0].headers["webhook-id"], "msg_1");
        assert_eq!(caught[0].body, b"{}");
    }
}
