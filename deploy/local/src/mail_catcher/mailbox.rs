//! Reading caught mail back: from its folder, or from a catcher elsewhere over HTTP.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mail_parser::{HeaderValue, MessageParser};
use serde::{Deserialize, Serialize};

/// Where a catcher answers with all its messages, as a JSON list of [`Mail`].
pub(crate) const MAILS_PATH: &str = "/mails";
const HTTP_LIMIT: Duration = Duration::from_secs(10);

/// Caught messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox(Place);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Folder(PathBuf),
    /// A catcher's base URL.
    Catcher(String),
}

/// A caught message, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The Message-ID: the same for every copy of one mail.
    pub message_id: String,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipients: whom it would have been delivered to.
    pub recipients: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part, decoded.
    pub text: String,
    /// The HTML part, when there is one.
    pub html: Option<String>,
    /// The message as it came, on the machine of its catcher.
    pub file: PathBuf,
}

impl Mailbox {
    /// The messages in `folder`, which a catcher fills.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(Place::Folder(folder))
    }

    /// The messages of a catcher that answers at `url`, such as `http://127.0.0.1:8025`.
    #[must_use]
    pub fn at(url: String) -> Self {
        Self(Place::Catcher(url))
    }

    /// All messages in the order in which they came. A copy with a Message-ID that a recipient has
    /// already is left out, as a mail server leaves it out: a sender that dies between the server's
    /// yes and its own note must send again, and the Message-ID is what makes that harmless.
    ///
    /// # Errors
    /// If the folder cannot be read or holds something that is no message, or if the catcher does not
    /// answer.
    pub async fn all(&self) -> Result<Vec<Mail>> {
        match &self.0 {
            Place::Folder(folder) => in_folder(folder),
            Place::Catcher(url) => at_catcher(url).await,
        }
    }

    /// The messages to `recipient` whose subject contains `subject`; `None` is anything.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn find(&self, recipient: Option<&str>, subject: Option<&str>) -> Result<Vec<Mail>> {
        let mut mails = self.all().await?;
        mails.retain(|mail| {
            recipient.is_none_or(|to| mail.recipients.iter().any(|known| known == to))
                && subject.is_none_or(|part| mail.subject.contains(part))
        });
        Ok(mails)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(folder) => write!(f, "{}", folder.display()),
            Place::Catcher(url) => write!(f, "{url}{MAILS_PATH}"),
        }
    }
}

fn in_folder(folder: &Path) -> Result<Vec<Mail>> {
    let entries = std::fs::read_dir(folder).context("reading the mail folder")?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    let mut seen = BTreeSet::new();
    let mut mails = Vec::new();
    for file in files {
        let mail = read(&file)?;
        let copy = (mail.message_id.clone(), mail.recipients.clone());
        if mail.message_id.is_empty() || seen.insert(copy) {
            mails.push(mail);
        }
    }
    Ok(mails)
}

async fn at_catcher(url: &str) -> Result<Vec<Mail>> {
    let client = reqwest::Client::builder().timeout(HTTP_LIMIT).build()?;
    let asked = client.get(format!("{url}{MAILS_PATH}")).send().await;
    let answer = asked.and_then(reqwest::Response::error_for_status);
    let answer = answer.context("asking the mail catcher")?;
    answer.json().await.context("reading the caught mail")
}

fn read(file: &Path) -> Result<Mail> {
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let message = MessageParser::default().parse(&bytes);
    let message = message.ok_or_else(|| anyhow!("{} is no message", file.display()))?;
    let envelope = |name: &str| -> Vec<String> {
        let values = message.header_values(name.to_owned());
        values
            .filter_map(HeaderValue::as_text)
            .map(|text| text.trim_matches(['<', '>']).to_owned())
            .collect()
    };
    Ok(Mail {
        message_id: message.message_id().unwrap_or_default().to_owned(),
        sender: message.return_address().unwrap_or_default().to_owned(),
        recipients: envelope("Delivered-To"),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        html: message
            .html_body_count()
            .gt(&0)
            .then(|| message.body_html(0))
            .flatten()
            .map(Into::into),
        file: file.to_owned(),
    })
}
