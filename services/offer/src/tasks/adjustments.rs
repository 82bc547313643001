//! What AWS invoiced under an agreement that is over, and what it is asked to give back of it (O15). AWS
//! remembers a line's token for eight hours only (facts §3.1), so that every line is looked for before it is
//! sent.

use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, fault};

use super::Outside;
use super::cancellations::{conclude, find, record};
use super::change_sets::{come_back, retry};
use crate::commands::change_order::Subject;
use crate::domain::change_order::{Adjustment, AdjustmentState, ChangeOrder, Command};
use crate::marketplace::{ADJUSTMENT_BATCH, CallError};

#[derive(Debug)]
pub(super) struct ReadInvoices(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Adjust(pub(super) Outside);

#[async_trait]
impl TaskHandler for ReadInvoices {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(order) = find(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        match self.0.marketplace.invoices(&order).await {
            Ok(invoices) => conclude(run, &subject, Command::RecordInvoices(invoices)).await,
            Err(error) => Ok(come_back(run, error.into_later())),
        }
    }
}

#[async_trait]
impl TaskHandler for Adjust {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(order) = find(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let unsent: Vec<&Adjustment> = order.unsent().take(ADJUSTMENT_BATCH).collect();
        let seen = if unsent.is_empty() {
            self.look(&order).await
        } else {
            self.send(&order, &unsent).await
        };
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => return Ok(come_back(run, error.into_later())),
        };
        let sent = !unsent.is_empty();
        if sent && seen.is_empty() {
            return Ok(retry(run, "AWS did not answer for any line".to_owned()));
        }
        let after = record(run, &subject, Command::RecordAdjustments(seen)).await?;
        let open = after.adjustments.iter().any(|line| line.state.is_open());
        Ok(match (sent, open) {
            (_, false) => TaskOutcome::Done,
            (true, true) => TaskOutcome::Again(run.now()),
            (false, true) => TaskOutcome::Again(run.now() + self.0.shortest_pause()),
        })
    }
}

impl Adjust {
    /// Sends the lines, each once. What AWS refuses as a whole, it refuses of every line.
    async fn send(
        &self,
        order: &ChangeOrder,
        lines: &[&Adjustment],
    ) -> Result<Vec<(u32, AdjustmentState)>, CallError> {
        let marketplace = &self.0.marketplace;
        let mut states = marketplace.find_adjustments(order, lines).await?;
        let unknown = |line: &&Adjustment| !states.contains_key(&line.number);
        let rest: Vec<&Adjustment> = lines.iter().copied().filter(unknown).collect();
        if !rest.is_empty() {
            let sent = marketplace.send_adjustments(order, &rest).await;
            fault::point("offer.after_adjustments_sent");
            match sent {
                Ok(answered) => states.extend(answered),
                Err(CallError::Refused(error)) => {
                    let failed = rest.iter().map(|line| {
                        let error = error.clone();
                        (line.number, AdjustmentState::Failed { id: None, error })
                    });
                    states.extend(failed);
                    states.extend(marketplace.find_adjustments(order, &rest).await?);
                }
                Err(later @ CallError::Later(_)) => return Err(later),
            }
        }
        Ok(states.into_iter().collect())
    }

    /// How the lines stand that AWS works on.
    async fn look(&self, order: &ChangeOrder) -> Result<Vec<(u32, AdjustmentState)>, CallError> {
        let mut seen = Vec::new();
        for (number, id) in order.waiting() {
            seen.push((number, self.0.marketplace.adjustment(order, id).await?));
        }
        Ok(seen)
    }
}
