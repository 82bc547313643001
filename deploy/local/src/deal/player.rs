//! Plays a deal, one step after the other.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use uuid::Uuid;

use super::act::{Actor, Answer, Turn};
use super::expectation::{Expectations, mismatch};
use super::file::{Action, Call, Deal, Outcome, Step};
use super::path::find;
use super::sheet::Sheet;
use super::story::{MoneyLine, Story};
use super::variables::Variables;
use crate::console::{self, Console};
use crate::environment::Endpoints;

/// How long to wait before looking again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Lines of an answer that are shown at most.
const MAX_LINES: usize = 80;

/// Plays one deal against a running system.
#[derive(Debug)]
pub struct Player<'a> {
    deal: &'a Deal,
    actor: Actor<'a>,
    variables: Variables,
    story: Story,
}

impl<'a> Player<'a> {
    /// A player at the deal's beginning. `run` tells this play from every other: the same run played
    /// again sends the same idempotency keys. What the deal downloads goes to the folder `downloads`.
    ///
    /// # Errors
    /// If an address in `endpoints` is none, or what the deal has as `given` cannot be worked out.
    pub fn new(
        deal: &'a Deal,
        endpoints: &'a Endpoints,
        run: &str,
        downloads: &Path,
    ) -> Result<Self> {
        let actor = Actor::new(deal, endpoints, run, downloads)?;
        let mut variables = Variables::default();
        variables.set("run", json!(run));
        variables.set("seller", json!(deal.seller));
        variables.set("fresh_account", json!(fresh_account(run)));
        variables.set("second_account", json!(fresh_account(&format!("{run} 2"))));
        variables.set("webhooks", json!(endpoints.webhooks));
        let secret = endpoints.signature_secret.expose();
        variables.set("signature_secret", json!(secret));
        let now = actor.now()?;
        for (name, value) in &deal.given {
            let value = variables
                .expand(value, now)
                .with_context(|| format!("given: {name}"))?;
            variables.set(name, value);
        }
        let story = Story {
            deal: deal.name.clone(),
            title: deal.title.clone(),
            run: run.to_owned(),
            ..Story::default()
        };
        Ok(Self {
            deal,
            actor,
            variables,
            story,
        })
    }

    /// Plays every step, showing each.
    ///
    /// # Errors
    /// At the first step that does not hold, with file, line and what was found instead.
    pub async fn play(mut self, console: &Console) -> Result<Story> {
        let counter = console.counter(self.deal.len(), &self.deal.name);
        self.play_followed(console, &counter).await?;
        for number in self.deal.followed..self.deal.len() {
            self.play_step(number, console).await?;
            counter.inc(1);
        }
        counter.finish_and_clear();
        Ok(self.story)
    }

    /// The steps of the file that this one follows are told there, with what they show: here they are
    /// one line.
    async fn play_followed(&mut self, console: &Console, counter: &ProgressBar) -> Result<()> {
        let Some(last) = self.deal.followed.checked_sub(1) else {
            return Ok(());
        };
        let last = self.written(last)?;
        let file = last.file.file_name().unwrap_or_default().to_string_lossy();
        let live = console.step(format!("as in {file}, up to: {}", last.title));
        for number in 0..self.deal.followed {
            let step = self.written(number)?;
            live.note(&step.title);
            if let Err(error) = self.perform(number, step, &live).await {
                live.failed(&step.title);
                return Err(error);
            }
            counter.inc(1);
        }
        live.done(format_args!("{} steps", self.deal.followed));
        self.story.show_nothing();
        Ok(())
    }

    /// Plays the step at `number` (from 0); the steps before it must have been played.
    ///
    /// # Errors
    /// If it does not hold, or there is no such step.
    pub async fn play_step(&mut self, number: usize, console: &Console) -> Result<()> {
        let step = self.written(number)?;
        let live = console.step(step.title.clone());
        match self.perform(number, step, &live).await {
            Ok(outcome) => {
                live.done(outcome);
                Ok(())
            }
            Err(error) => {
                live.failed("");
                Err(error)
            }
        }
    }

    fn written(&self, number: usize) -> Result<&'a Step> {
        let step = self.deal.steps.get(number);
        step.with_context(|| format!("there is no step {number}"))
    }

    /// The trace that every call of this play belongs to, as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.actor.trace_id()
    }

    /// What the deal has to tell so far.
    #[must_use]
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Does a step and says in words what came of it; an error tells where the step is written.
    async fn perform(
        &mut self,
        number: usize,
        step: &Step,
        live: &console::Step,
    ) -> Result<String> {
        let done = self.act_and_check(number, step, live).await;
        let place = || format!("{}:{}: {:?}", step.file.display(), step.line, step.title);
        let outcome = done.with_context(place)?;
        self.story.steps += 1;
        Ok(outcome)
    }

    async fn act_and_check(
        &mut self,
        number: usize,
        step: &Step,
        live: &console::Step,
    ) -> Result<String> {
        let answer = match &step.outcome {
            Outcome::Holds(expectations) => {
                let answer = self.act(number, 0, step).await?;
                let answer = answer.map_err(|refusal| anyhow!("it was refused: {refusal}"))?;
                if let Some(difference) = mismatch(&answer, &self.expanded(expectations)?) {
                    bail!(difference);
                }
                answer
            }
            Outcome::Refused(expected) => {
                let Err(refusal) = self.act(number, 0, step).await? else {
                    bail!(
                        "it should be refused with {} but went through",
                        expected.code
                    );
                };
                if let Some(difference) = refusal.mismatch(expected) {
                    bail!(difference);
                }
                return Ok(format!("refused: {}", refusal.in_lines()));
            }
            Outcome::Until { .. } => self.wait(number, step, live).await?,
        };
        self.keep(step, &answer)
    }

    /// Repeats a step until it holds; each time is a new command, with a key of its own.
    async fn wait(&self, number: usize, step: &Step, live: &console::Step) -> Result<Value> {
        let Outcome::Until {
            holds,
            within,
            advancing,
        } = &step.outcome
        else {
            bail!("nothing to wait for");
        };
        let start = Instant::now();
        for attempt in 0.. {
            let (missing, answer) = match self.act(number, attempt, step).await? {
                Ok(answer) => match mismatch(&answer, &self.expanded(holds)?) {
                    None => return Ok(answer),
                    Some(difference) => (difference, Some(answer)),
                },
                Err(refusal) => (format!("it was refused: {refusal}"), None),
            };
            if start.elapsed() > *within {
                let answer = answer.as_ref().map(in_full).unwrap_or_default();
                bail!("not within {within:?}: {missing}{answer}");
            }
            live.note(missing);
            if let Some(by) = advancing {
                self.actor.advance(*by)?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("waited for ever")
    }

    async fn act(&self, number: usize, attempt: u32, step: &Step) -> Result<Answer> {
        let turn = Turn {
            variables: &self.variables,
            now: self.actor.now()?,
            folder: step.file.parent().unwrap_or(Path::new(".")),
            key: format!("step {number}, attempt {attempt}"),
        };
        self.actor.act(&turn, &step.action).await
    }

    /// Keeps what the step saves and shows; returns what was shown, in words.
    fn keep(&mut self, step: &Step, answer: &Value) -> Result<String> {
        let now = self.actor.now()?;
        for (name, path) in &step.save {
            let path = self.variables.expand_str(path, now)?;
            let found = find(answer, &path);
            let value = found.with_context(|| format!("nothing to save as {name} at {path:?}"))?;
            self.variables.set(name, value.clone());
        }
        let mut shown = Vec::new();
        for (label, path) in &step.show {
            let path = self.variables.expand_str(path, now)?;
            let found = find(answer, &path);
            let value = found.with_context(|| format!("nothing to show as {label} at {path:?}"))?;
            let line = MoneyLine::of(label, value);
            shown.push(line.to_string());
            self.story.money.push(line);
        }
        if let Some(table) = &step.table {
            let rows = find(answer, &self.variables.expand_str(&table.rows, now)?);
            let sheet = rows.with_context(|| format!("no rows at {:?}", table.rows))?;
            self.story.sheets.push(Sheet::of(table, sheet)?);
        }
        if let Some(file) = downloaded(step, answer) {
            shown.push(format!("{} bytes", answer["bytes"]));
            self.story.files.push(file);
        }
        Ok(shown.join("\n"))
    }

    fn expanded(&self, expectations: &Expectations) -> Result<Expectations> {
        let now = self.actor.now()?;
        let each = expectations.iter().map(|(path, expected)| {
            Ok((
                self.variables.expand_str(path, now)?,
                self.variables.expand(expected, now)?,
            ))
        });
        each.collect()
    }
}

/// The answer that was not the one waited for: why it is not, another of its fields may tell.
fn in_full(answer: &Value) -> String {
    let text = format!("{answer:#}");
    let mut lines: Vec<&str> = text.lines().take(MAX_LINES + 1).collect();
    if lines.len() > MAX_LINES {
        lines[MAX_LINES] = "…";
    }
    format!("\nThe last answer was:\n{}", lines.join("\n"))
}

/// Where a step that downloads left its file.
fn downloaded(step: &Step, answer: &Value) -> Option<PathBuf> {
    let Action::Call(Call {
        download: Some(_), ..
    }) = &step.action
    else {
        return None;
    };
    answer.get("file")?.as_str().map(PathBuf::from)
}

/// An AWS account number, 12 digits, that no other play uses.
fn fresh_account(run: &str) -> String {
    const TWELVE_DIGITS: u64 = 1_000_000_000_000;
    let (random, _) = Uuid::new_v5(&Uuid::NAMESPACE_OID, run.as_bytes()).as_u64_pair();
    format!("{:012}", random % TWELVE_DIGITS)
}
