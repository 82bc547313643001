//! What a step does: a call, an act in the sandbox, a look into the mailbox, a dropped feed.
//!
//! Every call carries an idempotency key made from (run, deal, step) and is repeated with the same key
//! when it got lost on the way, so a service may die and come back in the middle of anything.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tonic::metadata::{MetadataMap, MetadataValue};
use uuid::Uuid;

use super::event::{self, Forgery};
use super::file::{Action, Call, Content, Deal, Event};
use super::refusal::Refusal;
use super::variables::Variables;
use super::wire::{self, Wire};
use crate::environment::{Bearer, Endpoints, Issuer, RehearsalClock, shared_file};

/// How long a call is repeated while its service is away.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);
/// How long a token counts: a call and its repetitions.
const TOKEN_TIME: Duration = Duration::from_mins(10);
/// What one message of an upload holds.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a step's action gave: an answer, or a service's no.
pub(super) type Answer = Result<Value, Refusal>;

/// Does what steps say, against one running system.
#[derive(Debug)]
pub(super) struct Actor<'a> {
    endpoints: &'a Endpoints,
    clock: RehearsalClock,
    wire: Wire,
    issuer: Issuer,
    http: reqwest::Client,
    seller: &'a str,
    /// The beginning of every idempotency key: tells this play from every other.
    play: String,
    /// The trace that every call of this play belongs to.
    trace_id: String,
    downloads: PathBuf,
}

/// What an action may depend on.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) variables: &'a Variables,
    pub(super) now: DateTime<Utc>,
    /// Where the step's files are.
    pub(super) folder: &'a Path,
    /// Names the idempotency key within the play.
    pub(super) key: String,
}

impl<'a> Actor<'a> {
    pub(super) fn new(
        deal: &'a Deal,
        endpoints: &'a Endpoints,
        run: &str,
        downloads: &Path,
    ) -> Result<Self> {
        let play = format!("{run}/{}", deal.name);
        Ok(Self {
            trace_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, play.as_bytes())
                .simple()
                .to_string(),
            endpoints,
            clock: RehearsalClock::new(endpoints.clock_file.clone()),
            wire: Wire::new(endpoints)?,
            issuer: endpoints.issuer()?,
            http: reqwest::Client::new(),
            seller: &deal.seller,
            play,
            downloads: downloads.to_owned(),
        })
    }

    /// 32 hexadecimal digits.
    pub(super) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The W3C context that calls are made in: as if one caller made them all.
    fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, &self.trace_id[..16])
    }

    pub(super) fn now(&self) -> Result<DateTime<Utc>> {
        self.clock.now()
    }

    pub(super) fn advance(&self, by: TimeDelta) -> Result<DateTime<Utc>> {
        self.clock.advance(by)
    }

    pub(super) async fn act(&self, turn: &Turn<'_>, action: &Action) -> Result<Answer> {
        match action {
            Action::Call(call) => self.call(turn, call).await,
            Action::Sandbox { act, body } => self.sandbox(act, &turn.value(body)?).await.map(Ok),
            Action::Advance(by) => Ok(Ok(json!({ "now": self.advance(*by)?.to_rfc3339() }))),
            Action::Mail { to, subject } => {
                let mails = self.mail(turn, to.as_deref(), subject.as_deref());
                mails.await.map(Ok)
            }
            Action::Drop { to, content } => self.drop_feed(turn, to, content).map(Ok),
            Action::Event(event) => self.publish(turn, event).await.map(Ok),
        }
    }

    async fn call(&self, turn: &Turn<'_>, call: &Call) -> Result<Answer> {
        let request = match &call.webhook {
            Some(webhook) => webhook.request(turn.variables, turn.now)?,
            None => turn.value(&call.request)?,
        };
        let mut messages = vec![wire::message(call.method.input(), &request)?];
        if let Some(content) = &call.upload {
            messages.extend(chunks(call, &turn.content(content)?)?);
        }
        let metadata = self.metadata(turn, call)?;
        let start = Instant::now();
        loop {
            let sent = self
                .wire
                .call(&call.method, call.at, messages.clone(), metadata.clone())
                .await?;
            match sent {
                Ok(answers) => return self.answer(turn, call, &answers).map(Ok),
                // Got lost on the way: the same key makes it safe to ask again.
                Err(status) if wire::got_lost(&status) && start.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(status) => return Ok(Err(Refusal::of(&status))),
            }
        }
    }

    fn metadata(&self, turn: &Turn<'_>, call: &Call) -> Result<MetadataMap> {
        let name = match &call.key {
            Some(key) => turn.text(key)?,
            None => turn.key.clone(),
        };
        let key = self.id(&name);
        let bearer = Bearer {
            seller: call.seller.as_deref().unwrap_or(self.seller),
            subject: &call.caller.principal,
            roles: &call.caller.roles,
        };
        let token = self.issuer.token(&bearer, TOKEN_TIME)?;
        let pairs = [
            ("authorization", format!("Bearer {token}")),
            ("idempotency-key", key.to_string()),
            ("traceparent", self.traceparent()),
        ];
        let mut metadata = MetadataMap::new();
        for (name, value) in pairs {
            let value = MetadataValue::try_from(value).with_context(|| name.to_owned())?;
            metadata.insert(name, value);
        }
        Ok(metadata)
    }

    /// An id that is the same whenever this play says `name`.
    fn id(&self, name: &str) -> Uuid {
        let name = format!("{}/{name}", self.play);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    /// The answer as JSON; a download's is its length and digest, with the bytes in a file.
    fn answer(&self, turn: &Turn<'_>, call: &Call, answers: &[DynamicMessage]) -> Result<Value> {
        let Some(name) = &call.download else {
            let [answer] = answers else {
                bail!("{} answers instead of one", answers.len())
            };
            return wire::json(answer);
        };
        let mut content = Vec::new();
        for answer in answers {
            let chunk = answer
                .get_field_by_name("chunk")
                .context("`download` needs a field `chunk`")?;
            content.extend_from_slice(chunk.as_bytes().context("`chunk` holds no bytes")?);
        }
        let file = self.downloads.join(turn.text(name)?);
        std::fs::create_dir_all(&self.downloads).context("making the folder for downloads")?;
        std::fs::write(&file, &content).with_context(|| format!("writing {}", file.display()))?;
        let start: Vec<u8> = content.iter().copied().take(8).collect();
        Ok(json!({
            "file": file,
            "bytes": content.len(),
            "digest": digest(&content),
            "start": String::from_utf8_lossy(&start),
        }))
    }

    /// Asks the sandbox's control; without a body it is only a look.
    async fn sandbox(&self, act: &str, body: &Value) -> Result<Value> {
        let url = format!("http://{}/sandbox/{act}", self.endpoints.sandbox);
        let request = if body.is_null() {
            self.http.get(&url)
        } else {
            self.http.post(&url).json(body)
        };
        let answer = request.send().await.context("asking the sandbox")?;
        let status = answer.status();
        let said = answer
            .text()
            .await
            .context("reading the sandbox's answer")?;
        if !status.is_success() {
            bail!("the sandbox refused to {act}: {status} {said}");
        }
        serde_json::from_str(&said).context("the sandbox's answer is no JSON")
    }

    async fn mail(
        &self,
        turn: &Turn<'_>,
        to: Option<&str>,
        subject: Option<&str>,
    ) -> Result<Value> {
        let expand = |text: Option<&str>| text.map(|text| turn.text(text)).transpose();
        let (to, subject) = (expand(to)?, expand(subject)?);
        let mails = self
            .endpoints
            .mailbox
            .find(to.as_deref(), subject.as_deref())
            .await?;
        let listed: Vec<_> = mails
            .iter()
            .map(
                |mail| json!({ "subject": mail.subject, "to": mail.recipients, "text": mail.text }),
            )
            .collect();
        Ok(json!({ "count": mails.len(), "mails": listed }))
    }

    fn drop_feed(&self, turn: &Turn<'_>, to: &str, content: &Content) -> Result<Value> {
        let bytes = turn.content(content)?;
        let target = self.endpoints.feeds.join(turn.text(to)?);
        let folder = target.parent().context("a feed needs a folder")?;
        std::fs::create_dir_all(folder).context("making the feed's folder")?;
        // Renamed into place, as an object store would: nobody reads half a file.
        let aside = shared_file(folder).context("writing the feed")?;
        std::fs::write(aside.path(), &bytes).context("writing the feed")?;
        aside.persist(&target).context("writing the feed")?;
        Ok(json!({ "bytes": bytes.len() }))
    }
}

impl Actor<'_> {
    async fn publish(&self, turn: &Turn<'_>, event: &Event) -> Result<Value> {
        let aggregate_id = turn.text(&event.aggregate)?;
        let forgery = Forgery {
            from: event.from,
            seller: self.seller,
            type_name: event.type_name.as_deref(),
            aggregate_id: &aggregate_id,
            sequence: event.sequence,
            id: self.id(&turn.key).to_string(),
            time: turn.now.to_rfc3339_opts(SecondsFormat::Micros, true),
            payload: turn.content(&event.content)?,
        };
        event::publish(&self.endpoints.nats, forgery).await
    }
}

impl Turn<'_> {
    fn value(&self, value: &Value) -> Result<Value> {
        self.variables.expand(value, self.now)
    }

    fn text(&self, text: &str) -> Result<String> {
        self.variables.expand_str(text, self.now)
    }

    fn content(&self, content: &Content) -> Result<Vec<u8>> {
        let mut bytes = match (&content.file, &content.text) {
            (Some(file), None) => {
                let file = self.folder.join(self.text(file)?);
                std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?
            }
            (None, Some(text)) => self.text(text)?.into_bytes(),
            (None, None) if content.size.is_some() => Vec::new(),
            _ => bail!("content is a `file` or a `text`, and may have a `size`"),
        };
        if let Some(size) = content.size {
            bytes.resize(size, b' ');
        }
        Ok(bytes)
    }
}

/// The messages that carry `content` after the first one.
fn chunks(call: &Call, content: &[u8]) -> Result<Vec<DynamicMessage>> {
    let parts = content.chunks(CHUNK_BYTES).map(|part| {
        let mut message = DynamicMessage::new(call.method.input());
        let bytes = prost_reflect::Value::Bytes(bytes::Bytes::copy_from_slice(part));
        message
            .try_set_field_by_name("chunk", bytes)
            .context("`upload` needs a field `chunk`")?;
        Ok(message)
    });
    parts.collect()
}

fn digest(content: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(content)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
