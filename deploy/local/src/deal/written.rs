//! A deal file's own words, and the check that makes steps of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::duration;
use super::expectation::Expectations;
use super::file::{Action, Call, Content, Event, Outcome, Person, Step};
use super::refusal::Refused;
use super::sheet::SheetText;
use super::webhook::{SIGNATURE_FIELD, Webhook};
use super::wire::{Methods, unknown_field};
use crate::environment::Service;

/// How long a step waits for what must come, unless it says otherwise.
const WITHIN: Duration = Duration::from_secs(30);

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileText {
    pub(super) deal: String,
    pub(super) title: String,
    pub(super) seller: String,
    pub(super) follows: Option<Follows>,
    #[serde(default)]
    pub(super) people: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) given: BTreeMap<String, Value>,
    pub(super) steps: Vec<Spanned<StepText>>,
}

impl FileText {
    pub(super) fn parse(text: &str, file: &Path) -> Result<Self> {
        serde_saphyr::from_str(text).map_err(|error| anyhow!("{}: {error}", file.display()))
    }
}

/// Another file whose steps come first, through the step of that title. What is `given` here and
/// there is taken from here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Follows {
    pub(super) file: PathBuf,
    pub(super) through: String,
}

/// A step as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepText {
    step: String,
    r#as: Option<String>,
    seller: Option<String>,
    at: Option<Service>,
    call: Option<String>,
    request: Option<Value>,
    webhook: Option<Webhook>,
    key: Option<String>,
    upload: Option<Content>,
    download: Option<String>,
    sandbox: Option<BTreeMap<String, Value>>,
    clock: Option<ClockText>,
    mail: Option<MailText>,
    drop: Option<DropText>,
    event: Option<EventText>,
    #[serde(default)]
    expect: Expectations,
    until: Option<Expectations>,
    within: Option<String>,
    advancing: Option<String>,
    refused: Option<Refused>,
    #[serde(default)]
    save: BTreeMap<String, String>,
    #[serde(default)]
    show: Vec<BTreeMap<String, String>>,
    table: Option<SheetText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockText {
    advance: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailText {
    to: Option<String>,
    subject: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DropText {
    to: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventText {
    from: Service,
    r#type: Option<String>,
    aggregate: String,
    #[serde(default = "first")]
    sequence: u32,
    content: Content,
}

fn first() -> u32 {
    1
}

impl From<EventText> for Event {
    fn from(text: EventText) -> Self {
        Self {
            from: text.from,
            type_name: text.r#type,
            aggregate: text.aggregate,
            sequence: text.sequence,
            content: text.content,
        }
    }
}

impl StepText {
    pub(super) fn check(
        self,
        file: &Path,
        line: u64,
        people: &BTreeMap<String, Person>,
        methods: &Methods,
    ) -> Result<Step> {
        let context = format!("step {:?}", self.step);
        let (title, save, table) = (self.step.clone(), self.save.clone(), self.table.clone());
        let show = self
            .show
            .iter()
            .flatten()
            .map(|(label, path)| (label.clone(), path.clone()))
            .collect();
        let outcome = self.outcome().context(context.clone())?;
        let action = self.action(people, methods).context(context)?;
        Ok(Step {
            file: file.to_owned(),
            line,
            title,
            action,
            outcome,
            save,
            show,
            table,
        })
    }

    fn outcome(&self) -> Result<Outcome> {
        let within = self.within.as_deref().map(duration::parse).transpose()?;
        let within = within.map_or(Ok(WITHIN), |within| within.to_std())?;
        let advancing = self.advancing.as_deref().map(duration::parse).transpose()?;
        if self.until.is_none() && (self.within.is_some() || advancing.is_some()) {
            bail!("`within` and `advancing` say how to wait, so they need an `until`");
        }
        match (&self.until, &self.refused) {
            (None, None) => Ok(Outcome::Holds(self.expect.clone())),
            (None, Some(refused)) if self.expect.is_empty() => {
                Ok(Outcome::Refused(refused.clone()))
            }
            (Some(until), None) if self.expect.is_empty() => Ok(Outcome::Until {
                holds: until.clone(),
                within,
                advancing,
            }),
            _ => bail!("only one of `expect`, `until` and `refused` can hold"),
        }
    }

    fn action(mut self, people: &BTreeMap<String, Person>, methods: &Methods) -> Result<Action> {
        let ways = (
            self.call.take(),
            self.sandbox.take(),
            self.clock.take(),
            self.mail.take(),
            self.drop.take(),
            self.event.take(),
        );
        if ways.0.is_none() && self.belongs_to_a_call() {
            bail!(
                "`as`, `seller`, `at`, `request`, `webhook`, `key`, `upload` and `download` belong to a \
                 `call`"
            );
        }
        match ways {
            (Some(call), None, None, None, None, None) => {
                self.called(&call, people, methods).map(Action::Call)
            }
            (None, Some(acts), None, None, None, None) => {
                let mut acts = acts.into_iter();
                match (acts.next(), acts.next()) {
                    (Some((act, body)), None) => Ok(Action::Sandbox { act, body }),
                    _ => bail!("`sandbox` takes one act, such as {{accept: {{…}}}}"),
                }
            }
            (None, None, Some(clock), None, None, None) => {
                Ok(Action::Advance(duration::parse(&clock.advance)?))
            }
            (None, None, None, Some(MailText { to, subject }), None, None) => {
                Ok(Action::Mail { to, subject })
            }
            (None, None, None, None, Some(DropText { to, content }), None) => {
                Ok(Action::Drop { to, content })
            }
            (None, None, None, None, None, Some(event)) => Ok(Action::Event(event.into())),
            _ => bail!(
                "a step does exactly one of: `call`, `sandbox`, `clock`, `mail`, `drop`, `event`"
            ),
        }
    }

    fn belongs_to_a_call(&self) -> bool {
        self.r#as.is_some()
            || self.seller.is_some()
            || self.at.is_some()
            || self.request.is_some()
            || self.webhook.is_some()
            || self.key.is_some()
            || self.upload.is_some()
            || self.download.is_some()
    }

    fn called(
        self,
        call: &str,
        people: &BTreeMap<String, Person>,
        methods: &Methods,
    ) -> Result<Call> {
        let caller = self.r#as.context("`as` must say who calls")?;
        let caller = match people.get(&caller) {
            Some(person) => person.clone(),
            None if caller.contains('@') => Person::parse(&caller)?,
            None => bail!("{caller:?} is not among the `people`"),
        };
        let method = methods.find(call)?;
        let takes_one = method.input().get_field_by_name(SIGNATURE_FIELD).is_some();
        if self.webhook.is_some() && (self.request.is_some() || !takes_one) {
            bail!("`webhook` takes the place of the `request` of a call that hands one on");
        }
        let request = self
            .request
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        if let Some(problem) = unknown_field(&method.input(), &request) {
            bail!(problem);
        }
        let one_answers = Service::answering(method.parent_service().full_name()).is_some();
        if one_answers == self.at.is_some() {
            bail!("`at` names the service to ask where several answer, and only there");
        }
        Ok(Call {
            method,
            caller,
            seller: self.seller,
            at: self.at,
            request,
            webhook: self.webhook.map(Box::new),
            upload: self.upload,
            download: self.download,
            key: self.key,
        })
    }
}
