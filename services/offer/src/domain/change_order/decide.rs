//! What follows from what is said of a change order, and the change order after it.

use countersign_kernel::Principal;
use countersign_kernel::chrono::{DateTime, Utc};

use super::adjust;
use super::{AtAws, ChangeOrder, Command, Event, Refusal, Replacement, Seen, Stage, Withdrawal};
use crate::domain::offer::AwsError;
use crate::domain::rejection::{Rejection, Violation};

/// What follows from `command`. No events means that it was done before, or comes too late.
pub(crate) fn decide(
    order: &ChangeOrder,
    command: &Command,
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::RequestCancellation => request(order, now),
        Command::Withdraw { reason } => withdraw(order, reason, by, now),
        Command::RecordSeen(seen) => Ok(seen_at_aws(order, seen, now)),
        Command::RecordRefused { errors } => {
            let sending = matches!(order.stage, Stage::Sending { .. });
            let errors = errors.clone();
            Ok(sending
                .then_some(Event::Failed { errors, at: now })
                .into_iter()
                .collect())
        }
        Command::RecordWithdrawalRefused { errors } => {
            let asked = order.withdrawal().is_some();
            let errors = errors.clone();
            Ok(asked
                .then_some(Event::WithdrawalRefused { errors })
                .into_iter()
                .collect())
        }
        Command::RecordAgreementOver { at } => Ok(over(order, *at)),
        Command::RecordInvoices(invoices) => {
            let news = order.stage.over_at().is_some() && order.invoices != *invoices;
            let read = Event::InvoicesRead(invoices.clone());
            Ok(news.then_some(read).into_iter().collect())
        }
        Command::Adjust(asked) => adjust::ask(order, asked, by, now),
        Command::RecordAdjustments(seen) => Ok(adjust::seen(order, seen)),
        Command::RecordReplacement(replacement) => replace(order, replacement),
    }
}

fn request(order: &ChangeOrder, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
    match order.stage {
        Stage::Started => Ok(vec![Event::CancellationAsked { at: now }]),
        Stage::Sending { .. }
        | Stage::Pending { .. }
        | Stage::Over { .. }
        | Stage::Replaced { .. } => Ok(Vec::new()),
        Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Failed { .. } => {
            let state = order.stage.name();
            Err(Refusal::Ended { state }.into())
        }
    }
}

fn withdraw(
    order: &ChangeOrder,
    reason: &str,
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        let violation = Violation::new("reason", "REASON_REQUIRED", "say why it is given up");
        return Err(Rejection::Invalid(vec![violation]));
    }
    match &order.stage {
        // AWS knows nothing of it.
        Stage::Started => Ok(vec![Event::Withdrawn { reason, at: now }]),
        // AWS may have it or not: given up here, it could still be approved there.
        Stage::Sending { .. } => Err(Refusal::Sending.into()),
        Stage::Pending { withdrawal: None } => Ok(vec![Event::WithdrawalAsked(Withdrawal {
            reason,
            by: by.clone(),
        })]),
        Stage::Pending {
            withdrawal: Some(_),
        }
        | Stage::Withdrawn { .. } => Ok(Vec::new()),
        Stage::Over { .. }
        | Stage::Replaced { .. }
        | Stage::Rejected { .. }
        | Stage::Failed { .. } => {
            let state = order.stage.name();
            Err(Refusal::Ended { state }.into())
        }
    }
}

fn seen_at_aws(order: &ChangeOrder, seen: &Seen, now: DateTime<Utc>) -> Vec<Event> {
    let news = |at_aws: &AtAws| at_aws.status != seen.status;
    let mut events = match &order.stage {
        Stage::Sending { .. } => vec![Event::Sent(AtAws {
            id: seen.id.clone(),
            status: seen.status.clone(),
            sent_at: seen.created_at.unwrap_or(now),
        })],
        // A request that AWS was not known to have when the agreement ended says nothing any more.
        Stage::Pending { .. } | Stage::Over { .. } | Stage::Replaced { .. }
            if order.cancellation.as_ref().is_some_and(news) =>
        {
            let status = seen.status.clone();
            vec![Event::StatusSeen { status }]
        }
        Stage::Pending { .. } => Vec::new(),
        Stage::Started
        | Stage::Over { .. }
        | Stage::Replaced { .. }
        | Stage::Rejected { .. }
        | Stage::Withdrawn { .. }
        | Stage::Failed { .. } => return Vec::new(),
    };
    // The agreement's end may have been seen before its request's.
    if order.stage.over_at().is_none() {
        events.extend(end(order, seen, now));
    }
    events
}

/// How the request ended, if AWS's status is one of an end. Approved, by word or by silence, means that
/// the agreement is over (facts §3.1); so may closed without an answer, unless it was taken back here: when the
/// agreement ended after that is not known from its request.
fn end(order: &ChangeOrder, seen: &Seen, now: DateTime<Utc>) -> Option<Event> {
    let at = seen.updated_at.unwrap_or(now);
    let message = seen.message.clone().unwrap_or_default();
    match seen.status.as_str() {
        "APPROVED" => Some(Event::AgreementOver { at }),
        "CANCELLED" if seen.agreement_over && order.withdrawal().is_none() => {
            Some(Event::AgreementOver { at })
        }
        "REJECTED" => Some(Event::Rejected {
            reason: message,
            at,
        }),
        "CANCELLED" => {
            let withdrawal = order.withdrawal();
            let reason = withdrawal.map_or(message, |asked| asked.reason.clone());
            Some(Event::Withdrawn { reason, at })
        }
        "VALIDATION_FAILED" => {
            let code = seen.status.clone();
            let errors = vec![AwsError { code, message }];
            Some(Event::Failed { errors, at })
        }
        _ => None,
    }
}

/// However it came to be over: by the cancellation, or by its time, or by AWS, while the request was not
/// asked for, on its way or not answered. What ended before stays ended.
fn over(order: &ChangeOrder, at: DateTime<Utc>) -> Vec<Event> {
    match order.stage {
        Stage::Started | Stage::Sending { .. } | Stage::Pending { .. } => {
            vec![Event::AgreementOver { at }]
        }
        Stage::Over { .. }
        | Stage::Replaced { .. }
        | Stage::Rejected { .. }
        | Stage::Withdrawn { .. }
        | Stage::Failed { .. } => Vec::new(),
    }
}

/// An offer of the same engagement takes the place of one that came to nothing: an engagement has one open
/// offer at a time.
fn replace(order: &ChangeOrder, by: &Replacement) -> Result<Vec<Event>, Rejection> {
    match &order.stage {
        Stage::Over { .. } => Ok(vec![Event::Replaced(by.clone())]),
        Stage::Replaced { by: known, .. } if known == by => Ok(Vec::new()),
        Stage::Replaced { by: known, .. } if known.engagement_id == by.engagement_id => {
            Ok(vec![Event::Replaced(by.clone())])
        }
        Stage::Replaced { by: known, .. } => {
            let by = known.offer_id.clone();
            Err(Refusal::Replaced { by }.into())
        }
        Stage::Started
        | Stage::Sending { .. }
        | Stage::Pending { .. }
        | Stage::Rejected { .. }
        | Stage::Withdrawn { .. }
        | Stage::Failed { .. } => {
            let state = order.stage.name();
            Err(Refusal::AgreementNotOver { state }.into())
        }
    }
}

/// The change order after `event`; one that cannot happen in a state leaves it as it is: `decide` gives
/// none such.
pub(crate) fn evolve(mut order: ChangeOrder, event: &Event) -> ChangeOrder {
    order.revision += 1;
    match event {
        Event::CancellationAsked { at } => order.stage = Stage::Sending { asked_at: *at },
        Event::Sent(at_aws) => {
            order.cancellation = Some(at_aws.clone());
            order.stage = Stage::Pending { withdrawal: None };
        }
        Event::StatusSeen { status } => {
            if let Some(at_aws) = &mut order.cancellation {
                at_aws.status.clone_from(status);
            }
        }
        Event::WithdrawalAsked(asked) => {
            order.last_errors.clear();
            let withdrawal = Some(asked.clone());
            order.stage = Stage::Pending { withdrawal };
        }
        Event::WithdrawalRefused { errors } => {
            order.last_errors.clone_from(errors);
            order.stage = Stage::Pending { withdrawal: None };
        }
        Event::AgreementOver { at } => order.stage = Stage::Over { at: *at },
        Event::Rejected { reason, at } => {
            let (reason, at) = (reason.clone(), *at);
            order.stage = Stage::Rejected { reason, at };
        }
        Event::Withdrawn { reason, at } => {
            let (reason, at) = (reason.clone(), *at);
            order.stage = Stage::Withdrawn { reason, at };
        }
        Event::Failed { errors, at } => {
            order.last_errors.clone_from(errors);
            order.stage = Stage::Failed { at: *at };
        }
        Event::InvoicesRead(invoices) => order.invoices.clone_from(invoices),
        Event::AdjustmentsAsked(asked) => order.adjustments.extend_from_slice(asked),
        Event::AdjustmentSeen { number, state } => {
            let mut lines = order.adjustments.iter_mut();
            if let Some(line) = lines.find(|line| line.number == *number) {
                line.state = state.clone();
            }
        }
        Event::Replaced(by) => {
            if let Some(at) = order.stage.over_at() {
                order.stage = Stage::Replaced { at, by: by.clone() };
            }
        }
    }
    order
}
