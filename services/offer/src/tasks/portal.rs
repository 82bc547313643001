//! The portal path (O10): what a person entered in AWS's portal is read back from AWS, and adopted if
//! it is what was approved.

use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use super::Outside;
use super::change_sets::{come_back, retry, under_way};
use super::clocks::conclude;
use crate::commands::follow_up::Subject;
use crate::domain::command::Command;
use crate::domain::offer::AwsError;
use crate::domain::plan::Plan;
use crate::domain::portal::{self, Reading};
use crate::marketplace::CallError;

#[derive(Debug)]
pub(super) struct Check(pub(super) Outside);

#[async_trait]
impl TaskHandler for Check {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let offer = under_way(run, &subject).await?;
        let Some((offer, released_at)) = offer.and_then(|offer| {
            let released_at = offer.released_at()?;
            Some((offer, released_at))
        }) else {
            return Ok(TaskOutcome::Done);
        };
        let Some(given) = offer.portal_offer() else {
            return Ok(TaskOutcome::Done);
        };
        let refusal = |code: &str, message: String| {
            let code = code.to_owned();
            vec![AwsError { code, message }]
        };
        let errors = match self.0.marketplace.entity(given).await {
            Err(CallError::Later(later)) => return Ok(come_back(run, later)),
            Err(CallError::Refused(error)) => vec![error],
            Ok(Err(unread)) => refusal("ENTITY_NOT_READ", unread),
            // It was entered, and is still to be extended, or AWS publishes it.
            Ok(Ok(shown)) if !shown.is_released() => {
                let state = shown.state;
                return Ok(retry(
                    run,
                    format!("AWS has it as {state:?}, and not released yet"),
                ));
            }
            Ok(Ok(shown)) => {
                let mut errors = match self.0.authorization_errors(&offer, Reading::Made).await {
                    Ok(errors) => errors,
                    Err(later) => return Ok(come_back(run, later)),
                };
                let plan = Plan::of(&offer, released_at.date_naive());
                errors.extend(portal::differences(&plan, &shown));
                errors
            }
        };
        let change = subject.change;
        let command = if errors.is_empty() {
            Command::RecordPublished {
                change,
                aws_offer_id: given.clone(),
                url: self.0.url_of(&offer, given),
            }
        } else {
            Command::RefusePortalOffer { change, errors }
        };
        conclude(run, &subject, command).await
    }
}
