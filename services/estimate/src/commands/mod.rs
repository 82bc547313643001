//! The shell around the domain: load, decide, evolve, write, and leave a record. Each function is
//! given an open transaction and never commits it.
//!
//! | file | what |
//! |---|---|
//! | here | commands on estimates |
//! | [`pricing`] | commands on the seller's pricing rules |
//! | `record` | audit entry, event and timer of each change |
//! | [`renewal`] | estimates that follow an agreement |
//! | [`validity`] | the timer of a version's last day |
//! | [`refusal`] | the domain's rejections in the words of the harness |

pub(crate) mod pricing;
mod record;
pub(crate) mod refusal;
pub(crate) mod renewal;
pub(crate) mod validity;

use countersign_kernel::{EngagementId, Principal, SellerId};
use countersign_platform::{Failure, UnitOfWork};
use uuid::Uuid;

use crate::domain::form::ContentForm;
use crate::domain::{Command, Event, Facts, Rejection, State, decide, evolve};
use crate::store::estimates::{self, InsertError};
use crate::store::{self, views};
use refusal::{refused, version_not_found};

/// Which version of which estimate a clone is made from, and what differs in it.
#[derive(Debug, Clone)]
pub(crate) struct CloneForm {
    /// The estimate that is cloned.
    pub(crate) estimate_id: Uuid,
    /// Its version; 0 for the newest.
    pub(crate) version: u32,
    /// The engagement that the clone is for.
    pub(crate) engagement_id: String,
    /// Its customer; empty for the same one.
    pub(crate) customer_name: String,
    /// Its own last day of validity.
    pub(crate) valid_until: String,
}

/// Starts an estimate with version 1 (E8).
pub(crate) async fn create(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement_id: &str,
    customer_name: &str,
    content: ContentForm,
) -> Result<State, Failure> {
    let form = Start {
        engagement_id,
        customer_name,
        content,
        follows: None,
    };
    start(uow, seller, form).await
}

/// What an estimate starts with.
struct Start<'a> {
    engagement_id: &'a str,
    customer_name: &'a str,
    content: ContentForm,
    /// The agreement that it is started from.
    follows: Option<String>,
}

/// Lets the log's lines name the engagement. What is no engagement id, the domain refuses.
fn concerns(uow: &mut UnitOfWork, engagement_id: &str) {
    if let Ok(engagement) = engagement_id.parse::<EngagementId>() {
        uow.concerns(&engagement);
    }
}

async fn start(uow: &mut UnitOfWork, seller: &SellerId, form: Start<'_>) -> Result<State, Failure> {
    let engagement_id = form.engagement_id;
    concerns(uow, engagement_id);
    let command = Command::Draft {
        estimate_id: uow.new_id(),
        engagement_id: engagement_id.to_owned(),
        customer_name: form.customer_name.to_owned(),
        content: form.content,
        follows: form.follows,
    };
    let events = decided(uow, seller, &State::Absent, &command).await?;
    let after = events.iter().cloned().fold(State::Absent, evolve);
    if let Some(head) = after.head() {
        let now = uow.now();
        match estimates::insert(uow.connection(), seller, head, now).await {
            Ok(()) => {}
            Err(InsertError::EngagementTaken) => {
                let engagement_id = engagement_id.to_owned();
                return Err(refused(Rejection::EngagementHasOpenEstimate {
                    engagement_id,
                }));
            }
            Err(InsertError::Failed(failure)) => return Err(failure),
        }
    }
    record::changes(uow, seller, &State::Absent, &events).await?;
    Ok(after)
}

/// Starts an estimate in another engagement from a version of this one (E8), under the seller's
/// rules of today.
pub(crate) async fn clone_version(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &CloneForm,
) -> Result<State, Failure> {
    let state = views::estimate(uow.connection(), seller, form.estimate_id).await?;
    let head = state.head().ok_or_else(|| refused(Rejection::NotFound))?;
    let mut content = match form.version {
        0 => ContentForm::from(&head.latest.content),
        number => {
            let version =
                views::version(uow.connection(), seller, form.estimate_id, number).await?;
            let version = version.ok_or_else(|| version_not_found(form.estimate_id, number))?;
            ContentForm::from(&version.content)
        }
    };
    content.valid_until.clone_from(&form.valid_until);
    let customer_name = match form.customer_name.as_str() {
        "" => &head.customer_name,
        other => other,
    };
    create(uow, seller, &form.engagement_id, customer_name, content).await
}

/// What became of a command on an estimate.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Where the estimate stands now.
    pub(crate) state: State,
    /// Whether this command did anything: not if it had been applied before.
    pub(crate) applied: bool,
}

/// Applies a command to an estimate that is there.
pub(crate) async fn change(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    estimate_id: Uuid,
    command: &Command,
) -> Result<Changed, Failure> {
    let before = estimates::load_for_update(uow.connection(), seller, estimate_id).await?;
    if let Some(head) = before.state.head() {
        uow.concerns(&head.engagement_id);
    }
    let events = decided(uow, seller, &before.state, command).await?;
    if events.is_empty() {
        return Ok(Changed {
            state: before.state,
            applied: false,
        });
    }
    let after = events.iter().cloned().fold(before.state.clone(), evolve);
    let now = uow.now();
    estimates::update(uow.connection(), seller, &before, &after, now).await?;
    record::changes(uow, seller, &before.state, &events).await?;
    Ok(Changed {
        state: after,
        applied: true,
    })
}

async fn decided(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    state: &State,
    command: &Command,
) -> Result<Vec<Event>, Failure> {
    let rules = store::pricing::rules(uow.connection(), seller).await?;
    let actor: Principal = uow
        .cause()
        .principal()
        .parse()
        .map_err(|error| Failure::internal("naming who acts", error))?;
    let facts = Facts {
        now: uow.now(),
        actor: &actor,
        rules: &rules,
    };
    decide(state, command, facts).map_err(refused)
}
