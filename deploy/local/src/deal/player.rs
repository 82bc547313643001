//! Plays a deal, one step after the other.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use uuid::Uuid;

use super::act::{Actor, Answer, Turn};
use super::expectation::{Expectations, mismatch};
use super::file::{Deal, Outcome, Step};
use super::path::{find, text};
use super::story::{MoneyLine, Story};
use super::variables::Variables;
use crate::console::{self, Console};
use crate::environment::Endpoints;

/// How long to wait before looking again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

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
        variables.set("webhooks", json!(format!("http://{}", endpoints.webhooks)));
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
        for number in 0..self.deal.len() {
            self.play_step(number, console).await?;
            counter.inc(1);
        }
        counter.finish_and_clear();
        Ok(self.story)
    }

    /// Plays the step at `number` (from 0); the steps before it must have been played.
    ///
    /// # Errors
    /// If it does not hold, or there is no such step.
    pub async fn play_step(&mut self, number: usize, console: &Console) -> Result<()> {
        let step = self
            .deal
            .steps
            .get(number)
            .with_context(|| format!("there is no step {number}"))?;
        let live = console.step(step.title.clone());
        match self.perform(number, step, &live).await {
            Ok(outcome) => {
                live.done(outcome);
                self.story.steps += 1;
                Ok(())
            }
            Err(error) => {
                live.failed("");
                let place = format!("{}:{}: {:?}", step.file.display(), step.line, step.title);
                Err(error.context(place))
            }
        }
    }

    /// What the deal has to tell so far.
    #[must_use]
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Plays a step and says in words what came of it.
    async fn perform(
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
                return Ok(format!("refused: {}", refusal.in_short()));
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
            let missing = match self.act(number, attempt, step).await? {
                Ok(answer) => match mismatch(&answer, &self.expanded(holds)?) {
                    None => return Ok(answer),
                    Some(difference) => difference,
                },
                Err(refusal) => format!("it was refused: {refusal}"),
            };
            if start.elapsed() > *within {
                bail!("not within {within:?}: {missing}");
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
            let part = |name: &str| value.get(name).map(text);
            let amount = part("amount").unwrap_or_else(|| text(value));
            let currency = part("currency_code").unwrap_or_default();
            shown.push(format!("{label} {amount} {currency}").trim_end().to_owned());
            self.story.money.push(MoneyLine {
                label: label.clone(),
                amount,
                currency,
            });
        }
        Ok(shown.join(", "))
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

/// An AWS account number, 12 digits, that no other play uses.
fn fresh_account(run: &str) -> String {
    const TWELVE_DIGITS: u64 = 1_000_000_000_000;
    let (random, _) = Uuid::new_v5(&Uuid::NAMESPACE_OID, run.as_bytes()).as_u64_pair();
    format!("{:012}", random % TWELVE_DIGITS)
}
