//! What happens when a command meets a state, or why nothing does (E8).

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Digest, Principal};
use uuid::Uuid;

use super::check;
use super::content::{Content, MAX_TEXT};
use super::estimate::{Command, Event, Head, State, Withdrawal};
use super::field;
use super::form::ContentForm;
use super::policy::PricingRules;
use super::pricing::{Version, price};
use super::rejection::{Reason, Rejection, Violations};

/// What a decision depends on beside state and command.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The time of the decision, UTC.
    pub now: DateTime<Utc>,
    /// Who acts: the author of a version that the command writes (A3).
    pub actor: &'a Principal,
    /// The seller's pricing rules.
    pub rules: &'a PricingRules,
}

impl Facts<'_> {
    fn today(self) -> NaiveDate {
        self.now.date_naive()
    }
}

/// What happens when `command` meets `state`. No event means that it has been applied already.
///
/// # Errors
/// [`Rejection`].
pub fn decide(state: &State, command: &Command, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Draft {
            estimate_id,
            engagement_id,
            customer_name,
            content,
            follows,
        } => {
            let head = draft(*estimate_id, engagement_id, customer_name, content, facts)?;
            Ok(vec![Event::Drafted(Box::new(Head {
                follows: follows.clone(),
                ..head
            }))])
        }
        Command::Revise {
            expected_version,
            content,
        } => {
            let head = revisable(state)?;
            at_version(head, *expected_version)?;
            let version = version(head.latest.number + 1, content, facts)?;
            Ok(vec![Event::Revised(Box::new(version))])
        }
        Command::Submit { expected_version } => submit(state, *expected_version, facts),
        Command::Withdraw { reason } => withdraw(state, reason, facts),
        Command::Approve { version, digest } => approve(state, *version, *digest),
        Command::RequestChanges { version, request } => {
            reviewed(state, *version)?;
            Ok(vec![Event::ChangesRequested(request.clone())])
        }
        Command::Refuse { version, refusal } => {
            reviewed(state, *version)?;
            Ok(vec![Event::Withdrawn(refusal.clone())])
        }
        Command::Expire { version } => Ok(expire(state, *version, facts.now)),
    }
}

fn draft(
    estimate_id: Uuid,
    engagement_id: &str,
    customer_name: &str,
    content: &ContentForm,
    facts: Facts<'_>,
) -> Result<Head, Rejection> {
    let mut wrong = Violations::default();
    let engagement_id = wrong.take(
        "engagement_id",
        Reason::EngagementIdInvalid,
        engagement_id.parse(),
    );
    let customer_name = field::name(&mut wrong, "customer_name", customer_name);
    let content = wrong.within("content", |wrong| {
        check::content(wrong, content, facts.rules, facts.today())
    });
    let parts = engagement_id.zip(customer_name).zip(content);
    let ((engagement_id, customer_name), content) = wrong.finish(parts)?;
    let latest = priced(1, content, facts)?;
    Ok(Head {
        estimate_id,
        engagement_id,
        customer_name,
        follows: None,
        latest,
    })
}

fn version(number: u32, form: &ContentForm, facts: Facts<'_>) -> Result<Version, Rejection> {
    let mut wrong = Violations::default();
    let content = wrong.within("content", |wrong| {
        check::content(wrong, form, facts.rules, facts.today())
    });
    priced(number, wrong.finish(content)?, facts)
}

fn priced(number: u32, content: Content, facts: Facts<'_>) -> Result<Version, Rejection> {
    let (prices, economics) = price(&content, facts.rules, facts.today())?;
    let (author, created_at) = (facts.actor.clone(), facts.now);
    Ok(Version {
        number,
        content,
        prices,
        economics,
        author,
        created_at,
    })
}

fn submit(state: &State, expected: u32, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    let head = revisable(state)?;
    at_version(head, expected)?;
    if let State::ChangesRequested(..) = state {
        return Err(Rejection::NotDraft {
            state: state.name(),
        });
    }
    if head.latest.content.expires_at() <= facts.now {
        let valid_until = head.latest.content.valid_until;
        return Err(Rejection::ValidUntilPast { valid_until });
    }
    Ok(vec![Event::Submitted {
        by: facts.actor.clone(),
    }])
}

fn withdraw(state: &State, reason: &str, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    match state {
        State::Absent => return Err(Rejection::NotFound),
        State::Approved(..) | State::Withdrawn(..) | State::Expired(_) => {
            return Err(Rejection::Closed {
                state: state.name(),
            });
        }
        State::Draft(_) | State::Submitted(_) | State::ChangesRequested(..) => {}
    }
    let mut wrong = Violations::default();
    let reason = field::required_text(&mut wrong, "reason", reason, MAX_TEXT);
    let withdrawal = Withdrawal {
        by: facts.actor.clone(),
        reason: wrong.finish(reason)?,
    };
    Ok(vec![Event::Withdrawn(withdrawal)])
}

/// A stamp on the same version with another digest replaces the approval: documents changed after
/// the first stamp, which voided it (A4).
fn approve(state: &State, version: u32, digest: Digest) -> Result<Vec<Event>, Rejection> {
    reviewed(state, version)?;
    if let State::Approved(_, stamped) = state
        && *stamped == digest
    {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Approved { digest }])
}

fn expire(state: &State, version: u32, now: DateTime<Utc>) -> Vec<Event> {
    let over =
        |head: &Head| head.latest.number == version && head.latest.content.expires_at() <= now;
    match state {
        State::Draft(head) | State::Submitted(head) | State::ChangesRequested(head, _)
            if over(head) =>
        {
            vec![Event::Expired]
        }
        State::Absent
        | State::Draft(_)
        | State::Submitted(_)
        | State::ChangesRequested(..)
        | State::Approved(..)
        | State::Withdrawn(..)
        | State::Expired(_) => Vec::new(),
    }
}

/// The author may write: nothing is under review and nothing has ended.
fn revisable(state: &State) -> Result<&Head, Rejection> {
    match state {
        State::Absent => Err(Rejection::NotFound),
        State::Draft(head) | State::ChangesRequested(head, _) => Ok(head),
        State::Submitted(_) => Err(Rejection::UnderReview),
        State::Approved(..) | State::Withdrawn(..) | State::Expired(_) => Err(Rejection::Closed {
            state: state.name(),
        }),
    }
}

/// An approver's answer concerns the newest version, which was handed in. An approved one can
/// still be answered: its stamp is voided by a changed document, and the round begins again (A4).
fn reviewed(state: &State, version: u32) -> Result<(), Rejection> {
    match state {
        State::Absent => Err(Rejection::NotFound),
        State::Submitted(head) | State::Approved(head, _) => at_version(head, version),
        State::Draft(head) | State::ChangesRequested(head, _) => {
            at_version(head, version)?;
            Err(Rejection::NotUnderReview {
                state: state.name(),
            })
        }
        State::Withdrawn(..) | State::Expired(_) => Err(Rejection::Closed {
            state: state.name(),
        }),
    }
}

fn at_version(head: &Head, given: u32) -> Result<(), Rejection> {
    let latest = head.latest.number;
    if given == latest {
        return Ok(());
    }
    Err(Rejection::VersionStale { given, latest })
}
