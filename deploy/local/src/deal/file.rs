//! Reading a deal file. What is wrong with it is told with file and line, before anything is played.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use prost_reflect::MethodDescriptor;
use serde::Deserialize;
use serde_json::Value;

use super::expectation::Expectations;
use super::refusal::Refused;
use super::sheet::SheetText;
use super::webhook::Webhook;
use super::wire::Methods;
use super::written::FileText;
use crate::environment::Service;

/// How long a chain of files that follow one another may be.
const MAX_FOLLOWED: u32 = 5;

/// A deal, read and checked.
#[derive(Debug, Clone)]
pub struct Deal {
    /// Short name; part of every idempotency key.
    pub name: String,
    /// What it is about, in a line.
    pub title: String,
    pub(super) seller: String,
    pub(super) given: BTreeMap<String, Value>,
    people: BTreeMap<String, Person>,
    pub(super) steps: Vec<Step>,
    /// How many of the steps are those of the file that this one follows.
    pub(super) followed: usize,
}

/// A caller: whom the services see, and in which roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) principal: String,
    pub(super) roles: Vec<String>,
}

/// A step, checked.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Where it is written.
    pub(super) file: PathBuf,
    pub(super) line: u64,
    pub(super) title: String,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
    /// Variables to set, and the paths in the answer to take them from.
    pub(super) save: BTreeMap<String, String>,
    /// Amounts for the table, by label, and the paths in the answer to take them from.
    pub(super) show: Vec<(String, String)>,
    /// A list in the answer to show as a table.
    pub(super) table: Option<SheetText>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Call(Call),
    /// An act of the buyer or of AWS, by the sandbox's control.
    Sandbox {
        act: String,
        body: Value,
    },
    Advance(TimeDelta),
    Mail {
        to: Option<String>,
        subject: Option<String>,
    },
    Drop {
        to: String,
        content: Content,
    },
    Event(Event),
}

/// An event that no service said.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Whose stream it goes to.
    pub(super) from: Service,
    /// The full protobuf name; none for a message that does not even look like an event.
    pub(super) type_name: Option<String>,
    pub(super) aggregate: String,
    /// Its place among the aggregate's events, from 1.
    pub(super) sequence: u32,
    pub(super) content: Content,
}

/// A gRPC call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: MethodDescriptor,
    pub(super) caller: Person,
    /// As another tenant than the deal's.
    pub(super) seller: Option<String>,
    /// The service to ask, for what several answer.
    pub(super) at: Option<Service>,
    pub(super) request: Value,
    /// What is handed on, in the place of a `request`.
    pub(super) webhook: Option<Box<Webhook>>,
    /// Bytes that follow the request in messages of their own, in the field `chunk`.
    pub(super) upload: Option<Content>,
    /// Where the `chunk`s of the answers go: a file's name.
    pub(super) download: Option<String>,
    /// Names the idempotency key, so that two steps can share one.
    pub(super) key: Option<String>,
}

/// What must come of a step.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// At once.
    Holds(Expectations),
    /// Sooner or later: asked again until it holds, with the clock moved by `advancing` in between.
    Until {
        holds: Expectations,
        within: Duration,
        advancing: Option<TimeDelta>,
    },
    Refused(Refused),
}

/// Bytes of a file, or made up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// A file, relative to the deal file.
    pub(super) file: Option<String>,
    /// This text.
    pub(super) text: Option<String>,
    /// Filled up with blanks to this many bytes.
    pub(super) size: Option<usize>,
}

impl Deal {
    /// The place of the middle one of the steps that call `service`; of all steps, when no service is
    /// named or none of them calls it.
    #[must_use]
    pub fn middle(&self, service: Option<Service>) -> usize {
        let calls = |step: &Step| match &step.action {
            Action::Call(call) => Service::answering(call.method.parent_service().full_name()),
            _ => None,
        };
        let steps = self.steps.iter().enumerate();
        let called = steps.filter(|(_, step)| service.is_some() && calls(step) == service);
        let called: Vec<usize> = called.map(|(number, _)| number).collect();
        called
            .get(called.len() / 2)
            .copied()
            .unwrap_or(self.steps.len() / 2)
    }

    /// Reads and checks a file, and the file that it follows.
    ///
    /// # Errors
    /// If it cannot be read, is no YAML, or says something that cannot be played; with the line.
    pub fn read(file: &Path) -> Result<Self> {
        Self::read_following(file, MAX_FOLLOWED)
    }

    fn read_following(file: &Path, followed_left: u32) -> Result<Self> {
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| format!("reading the deal {}", file.display()))?;
        let written = FileText::parse(&text, file)?;
        let Some(follows) = &written.follows else {
            return Self::of(written, file, None);
        };
        let Some(left) = followed_left.checked_sub(1) else {
            bail!("{}: files follow one another in a circle", file.display());
        };
        let other = file.parent().unwrap_or(Path::new(".")).join(&follows.file);
        let mut before = Self::read_following(&other, left)?;
        let last = before
            .step_titles()
            .position(|title| title == follows.through);
        let Some(last) = last else {
            bail!(
                "{}: {} has no step {:?}",
                file.display(),
                other.display(),
                follows.through
            );
        };
        before.steps.truncate(last + 1);
        Self::of(written, file, Some(before))
    }

    /// How many steps it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The titles of its steps, in order.
    pub fn step_titles(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.title.as_str())
    }

    fn of(written: FileText, file: &Path, before: Option<Self>) -> Result<Self> {
        let methods = Methods::known()?;
        let followed = before.as_ref().map_or(0, Self::len);
        let (mut people, mut given, mut steps) = match before {
            Some(before) => (before.people, before.given, before.steps),
            None => Default::default(),
        };
        given.extend(written.given);
        for (name, person) in &written.people {
            let person = Person::parse(person).with_context(|| format!("the person {name}"))?;
            people.insert(name.clone(), person);
        }
        for step in written.steps {
            let line = step.referenced.line();
            let checked = step.value.check(file, line, &people, &methods);
            steps.push(checked.with_context(|| format!("{}:{line}", file.display()))?);
        }
        let (name, title, seller) = (written.deal, written.title, written.seller);
        Ok(Self {
            name,
            title,
            seller,
            given,
            people,
            steps,
            followed,
        })
    }
}

impl Person {
    /// Reads `em@acme.example [engagement-manager, sales]`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (principal, roles) = text.split_once('[').unwrap_or((text, "]"));
        let Some(roles) = roles.trim_end().strip_suffix(']') else {
            bail!("{text:?} should read: name@example [role, role]");
        };
        let roles = roles.split(',').map(str::trim);
        let roles = roles.filter(|role| !role.is_empty());
        Ok(Self {
            principal: principal.trim().to_owned(),
            roles: roles.map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "deal: d\ntitle: t\nseller: acme\npeople:\n  em: em@acme.example [em]\nsteps:\n";

    fn parse(steps: &str) -> Result<Deal> {
        let file = Path::new("a.yaml");
        Deal::of(
            FileText::parse(&format!("{HEAD}{steps}"), file)?,
            file,
            None,
        )
    }

    #[test]
    fn a_step_of_each_kind_is_read() {
        let deal = parse(
            "  - step: submit\n    as: em\n    call: countersign.estimate.v1.EstimateService/SubmitEstimate\n    \
             request: { estimate_id: \"${id}\", expected_version: 1 }\n    expect: { state: STATE_SUBMITTED }\n  \
             - step: accept\n    sandbox: { accept: { offer_id: x } }\n  \
             - step: two days later\n    clock: { advance: P2D }\n  \
             - step: mail\n    mail: { to: a@b.example }\n    until: { count: 1 }\n    within: PT5S\n  \
             - step: feed\n    drop: { to: a/b.csv, content: { text: \"x\" } }\n  \
             - step: noise\n    event: { from: estimate, aggregate: a, content: { text: x } }\n  \
             - step: status\n    as: em\n    seller: other\n    at: offer\n    \
             call: countersign.platform.v1.OperationsService/GetStatus\n",
        )
        .unwrap();
        assert_eq!(deal.len(), 7);
        assert_eq!(deal.steps[0].line, 7);
        assert!(matches!(&deal.steps[2].action, Action::Advance(by) if by.num_days() == 2));
        let Outcome::Until { within, .. } = &deal.steps[3].outcome else {
            panic!("no until")
        };
        assert_eq!(*within, Duration::from_secs(5));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let call = "call: countersign.estimate.v1.EstimateService";
        let cases = [
            ("  - step: a\n".to_owned(), "a.yaml:7", "exactly one of"),
            (format!("  - step: a\n    as: em\n    {call}/Nothing\n"), "a.yaml:7", "CreateEstimate"),
            (format!("  - step: a\n    as: who\n    {call}/GetEstimate\n"), "a.yaml:7", "people"),
            (
                "  - step: a\n    clock: { advance: P1D }\n  - step: b\n    clock: { advance: soon }\n".to_owned(),
                "a.yaml:9",
                "soon",
            ),
            ("  - step: a\n    clock: { advance: P1D }\n    within: PT1S\n".to_owned(), "a.yaml:7", "until"),
            (
                format!(
                    "  - step: a\n    as: em\n    {call}/GetEstimate\n    \
                     webhook: {{ id: a, secret: b, body: c }}\n"
                ),
                "a.yaml:7",
                "hands one on",
            ),
            ("  - step: a\n    clok: { advance: P1D }\n".to_owned(), "line 8", "clok"),
            (
                "  - step: a\n    as: em\n    call: countersign.platform.v1.OperationsService/GetStatus\n"
                    .to_owned(),
                "a.yaml:7",
                "`at`",
            ),
        ];
        for (steps, place, about) in cases {
            let error = format!("{:#}", parse(&steps).unwrap_err());
            assert!(error.contains(place) && error.contains(about), "{error}");
        }
    }

    #[test]
    fn a_file_may_follow_another_through_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let day = |title: &str| format!("  - step: {title}\n    clock: {{ advance: P1D }}\n");
        let first = ["one", "two", "three"].map(day).concat();
        write(
            "first.yaml",
            format!("{HEAD}{first}").replace("steps", "given: { x: 1, y: 1 }\nsteps"),
        );
        let follows = "follows: { file: first.yaml, through: two }\ngiven: { y: 2 }\nsteps";
        let second = write(
            "second.yaml",
            format!("{HEAD}{}", day("four")).replace("steps", follows),
        );
        let deal = Deal::read(&second).unwrap();
        assert_eq!(
            deal.step_titles().collect::<Vec<_>>(),
            ["one", "two", "four"]
        );
        assert_eq!(deal.followed, 2);
        assert_eq!(
            deal.given,
            BTreeMap::from([("x".into(), 1.into()), ("y".into(), 2.into())])
        );
        let circle = "follows: { file: circle.yaml, through: a }\nsteps";
        let circle = write(
            "circle.yaml",
            format!("{HEAD}{}", day("a")).replace("steps", circle),
        );
        assert!(
            Deal::read(&circle)
                .unwrap_err()
                .to_string()
                .contains("circle")
        );
    }

    /// Every file that ships can be read: its YAML, its calls, its people.
    /// That is where something befalls a service in the middle of its work.
    #[test]
    fn the_middle_of_a_service_s_steps_is_a_call_of_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deals");
        let deal = Deal::read(&folder.join("handbook.yaml")).unwrap();
        let mut before = 0;
        for service in [Service::Estimate, Service::Approval, Service::Offer] {
            let middle = deal.middle(Some(service));
            let Action::Call(call) = &deal.steps[middle].action else {
                panic!("{service} is not called by step {middle}");
            };
            let called = call.method.parent_service().full_name().to_owned();
            assert_eq!(Service::answering(&called), Some(service));
            assert!(before < middle, "{service} is called at {middle}");
            before = middle;
        }
        assert_eq!(deal.middle(None), deal.len() / 2);
    }

    #[test]
    fn the_deals_that_ship_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deals");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            if file
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                assert!(!Deal::read(&file).unwrap().is_empty(), "{}", file.display());
                read += 1;
            }
        }
        assert!(read >= 4, "{read}");
    }

    #[test]
    fn people_are_a_principal_and_roles() {
        let person = Person::parse("em@acme.example [engagement-manager, sales]").unwrap();
        assert_eq!(
            (person.principal.as_str(), person.roles.join(",").as_str()),
            ("em@acme.example", "engagement-manager,sales")
        );
        assert!(Person::parse("x@acme.example").unwrap().roles.is_empty());
        assert!(Person::parse("x@acme.example [a").is_err());
    }
}
