//! A local mail server that delivers to nobody: what it takes lies as `.eml` files in a folder.
//!
//! It speaks enough SMTP for any client (EHLO, MAIL, RCPT, DATA, RSET, NOOP, VRFY, QUIT), and can be
//! told to refuse, so that retries and failures of delivery can be tested (N6). The files carry the
//! envelope as `Return-Path` and `Delivered-To`, as a real mail server writes it.

mod mailbox;
mod session;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use mailbox::MAILS_PATH;
pub use mailbox::{Mail, Mailbox};

/// The largest message that is taken, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 20 * 1024 * 1024;

/// How the next recipients are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 451: try again later.
    Later,
    /// 550: never.
    Never,
}

/// A running mail server. Dropping it stops it; the folder is the caller's.
#[derive(Debug)]
pub struct MailCatcher {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    received: AtomicU64,
    refusals: Mutex<Option<(u32, Refusal)>>,
}

impl MailCatcher {
    /// Starts on a free loopback port, keeping messages in `folder`.
    ///
    /// # Errors
    /// If the folder cannot be made or no port is free.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), folder).await
    }

    /// Starts on `address`, keeping messages in `folder`.
    ///
    /// # Errors
    /// If the folder cannot be made or the address is taken.
    pub async fn listen(address: SocketAddr, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).context("making the mail folder")?;
        let listener = TcpListener::bind(address)
            .await
            .context("the mail catcher")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            received: AtomicU64::new(0),
            refusals: Mutex::new(None),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            _server: server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has taken so far.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(self.shared.folder.clone())
    }

    /// Answers with the mail over HTTP, for a [`Mailbox::at`] elsewhere.
    pub(crate) fn pages(&self) -> Router {
        Router::new()
            .route(MAILS_PATH, get(mails))
            .with_state(self.mailbox())
    }

    /// Refuses the next `count` recipients.
    pub fn refuse_next(&self, count: u32, how: Refusal) {
        *self
            .shared
            .refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((count, how));
    }
}

impl Shared {
    /// The refusal that is due now, if any; each is used up once.
    fn refusal(&self) -> Option<Refusal> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, how) = (*refusals)?;
        *refusals = (count > 1).then_some((count - 1, how));
        (count > 0).then_some(how)
    }

    /// Writes a message aside and renames it: readers see whole messages only.
    fn keep(&self, sender: &str, recipients: &[String], data: &[u8]) -> Result<()> {
        let number = self.received.fetch_add(1, Ordering::SeqCst);
        let mut file = format!("Return-Path: <{sender}>\r\n").into_bytes();
        for recipient in recipients {
            file.extend_from_slice(format!("Delivered-To: {recipient}\r\n").as_bytes());
        }
        file.extend_from_slice(data);
        let aside = self.folder.join(format!("{number:06}.part"));
        std::fs::write(&aside, file).context("keeping a message")?;
        std::fs::rename(&aside, self.folder.join(format!("{number:06}.eml")))
            .context("keeping a message")
    }
}

async fn mails(State(mailbox): State<Mailbox>) -> Result<Json<Vec<Mail>>, (StatusCode, String)> {
    let failed = |error: anyhow::Error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    mailbox.all().await.map(Json).map_err(failed)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A session that breaks off is the client's affair: SMTP clients try again.
        sessions.spawn(async move { drop(session::run(stream, &shared).await) });
        while sessions.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lettre::message::MultiPart;
    use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

    async fn send(
        catcher: &MailCatcher,
        to: &str,
        subject: &str,
    ) -> Result<(), lettre::transport::smtp::Error> {
        let message = Message::builder()
            .from("Acme <deals@acme.example>".parse().unwrap())
            .to(to.parse().unwrap())
            .subject(subject)
            .multipart(MultiPart::alternative_plain_html(
                "Grüße\n.\n".to_owned(),
                "<p>Grüße</p>".to_owned(),
            ))
            .unwrap();
        let address = catcher.address();
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
                .port(address.port())
                .build();
        transport.send(message).await.map(drop)
    }

    #[tokio::test]
    async fn what_is_sent_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let catcher = MailCatcher::start(folder.path()).await.unwrap();
        send(&catcher, "Buyer <buyer@b.example>", "Ihr Angebot für März")
            .await
            .unwrap();
        send(&catcher, "desk@acme.example", "Other").await.unwrap();
        let all = catcher.mailbox().all().await.unwrap();
        assert_eq!(all.len(), 2);
        let found = catcher
            .mailbox()
            .find(Some("buyer@b.example"), Some("Angebot"))
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, "Ihr Angebot für März");
        assert_eq!(found[0].sender, "deals@acme.example");
        // The lone dot came through: dots are stuffed on the wire.
        assert_eq!(
            found[0].text.trim_end(),
            "Grüße\n.".replace('\n', "\r\n").trim_end()
        );
        assert!(found[0].html.as_deref().unwrap().contains("<p>Grüße</p>"));
    }

    #[tokio::test]
    async fn refusals_are_counted_and_then_over() {
        let folder = tempfile::tempdir().unwrap();
        let catcher = MailCatcher::start(folder.path()).await.unwrap();
        catcher.refuse_next(1, Refusal::Later);
        assert!(
            send(&catcher, "a@b.example", "one")
                .await
                .unwrap_err()
                .is_transient()
        );
        catcher.refuse_next(1, Refusal::Never);
        assert!(
            send(&catcher, "a@b.example", "two")
                .await
                .unwrap_err()
                .is_permanent()
        );
        send(&catcher, "a@b.example", "three").await.unwrap();
        assert_eq!(catcher.mailbox().all().await.unwrap().len(), 1);
    }
}
