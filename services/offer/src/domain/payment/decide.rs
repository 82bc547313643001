//! What follows from what is said of a payment request, and the request after it.

use countersign_kernel::Principal;
use countersign_kernel::chrono::{DateTime, Utc};

use super::{AtAws, Command, Event, PaymentRequest, Seen, Stage, Withdrawal};
use crate::domain::offer::AwsError;
use crate::domain::rejection::{Rejection, Violation};

/// What follows from `command`. No events means that it was done before, or comes too late.
pub(crate) fn decide(
    request: &PaymentRequest,
    command: &Command,
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::RecordSeen(seen) => Ok(seen_at_aws(request, seen, now)),
        Command::RecordRefused { errors } => Ok(match request.stage {
            Stage::Sending => vec![Event::Failed {
                errors: errors.clone(),
                at: now,
            }],
            Stage::Pending { .. }
            | Stage::Approved { .. }
            | Stage::Rejected { .. }
            | Stage::Cancelled { .. }
            | Stage::Failed { .. } => Vec::new(),
        }),
        Command::Withdraw { reason } => withdraw(request, reason, by),
        Command::RecordWithdrawalRefused { errors } => Ok(match &request.stage {
            Stage::Pending {
                withdrawal: Some(_),
                ..
            } => vec![Event::WithdrawalRefused {
                errors: errors.clone(),
            }],
            Stage::Sending
            | Stage::Pending {
                withdrawal: None, ..
            }
            | Stage::Approved { .. }
            | Stage::Rejected { .. }
            | Stage::Cancelled { .. }
            | Stage::Failed { .. } => Vec::new(),
        }),
    }
}

fn withdraw(
    request: &PaymentRequest,
    reason: &str,
    by: &Principal,
) -> Result<Vec<Event>, Rejection> {
    let reason = reason.trim();
    if reason.is_empty() {
        let violation = Violation::new("reason", "REASON_REQUIRED", "say why it is taken back");
        return Err(Rejection::Invalid(vec![violation]));
    }
    match &request.stage {
        // AWS may have it or not: taken back here, it could still be approved there.
        Stage::Sending => Err(Rejection::PaymentRequestSending),
        Stage::Pending {
            withdrawal: None, ..
        } => Ok(vec![Event::WithdrawalAsked(Withdrawal {
            reason: reason.to_owned(),
            by: by.clone(),
        })]),
        Stage::Pending {
            withdrawal: Some(_),
            ..
        }
        | Stage::Cancelled { .. } => Ok(Vec::new()),
        Stage::Approved { .. } | Stage::Rejected { .. } | Stage::Failed { .. } => {
            Err(Rejection::PaymentRequestEnded {
                state: request.stage.name(),
            })
        }
    }
}

fn seen_at_aws(request: &PaymentRequest, seen: &Seen, now: DateTime<Utc>) -> Vec<Event> {
    let mut events = match &request.stage {
        Stage::Sending => vec![Event::Sent(AtAws {
            id: seen.id.clone(),
            status: seen.status.clone(),
            sent_at: seen.created_at.unwrap_or(now),
        })],
        Stage::Pending { at_aws, .. } if at_aws.status != seen.status => {
            let status = seen.status.clone();
            vec![Event::StatusSeen { status }]
        }
        Stage::Pending { .. } => Vec::new(),
        Stage::Approved { .. }
        | Stage::Rejected { .. }
        | Stage::Cancelled { .. }
        | Stage::Failed { .. } => return Vec::new(),
    };
    events.extend(end(request, seen, now));
    events
}

/// How it ended, if AWS's status is one of an end.
fn end(request: &PaymentRequest, seen: &Seen, now: DateTime<Utc>) -> Option<Event> {
    let at = seen.updated_at.unwrap_or(now);
    let message = seen.message.clone().unwrap_or_default();
    match seen.status.as_str() {
        "APPROVED" => Some(Event::Approved {
            charge_id: seen.charge_id.clone(),
            at,
        }),
        "REJECTED" => Some(Event::Rejected {
            reason: message,
            at,
        }),
        "CANCELLED" => {
            let withdrawal = request.withdrawal();
            let reason = withdrawal.map_or(message, |asked| asked.reason.clone());
            Some(Event::Cancelled { reason, at })
        }
        "VALIDATION_FAILED" => {
            let code = seen.status.clone();
            let errors = vec![AwsError { code, message }];
            Some(Event::Failed { errors, at })
        }
        _ => None,
    }
}

/// The state after `event`; one that cannot happen in a state leaves it as it is: `decide` gives none
/// such.
pub(crate) fn evolve(mut request: PaymentRequest, event: &Event) -> PaymentRequest {
    request.revision += 1;
    match event {
        Event::Sent(at_aws) => {
            request.stage = Stage::Pending {
                at_aws: at_aws.clone(),
                withdrawal: None,
            };
        }
        Event::StatusSeen { status } => {
            if let Stage::Pending { at_aws, .. } = &mut request.stage {
                at_aws.status.clone_from(status);
            }
        }
        Event::WithdrawalAsked(asked) => {
            request.last_errors.clear();
            if let Stage::Pending { withdrawal, .. } = &mut request.stage {
                *withdrawal = Some(asked.clone());
            }
        }
        Event::WithdrawalRefused { errors } => {
            request.last_errors.clone_from(errors);
            if let Stage::Pending { withdrawal, .. } = &mut request.stage {
                *withdrawal = None;
            }
        }
        Event::Failed { errors, at } => {
            request.last_errors.clone_from(errors);
            request.stage = Stage::Failed {
                at_aws: request.at_aws().cloned(),
                at: *at,
            };
        }
        Event::Approved { .. } | Event::Rejected { .. } | Event::Cancelled { .. } => {
            if let Some(at_aws) = request.at_aws().cloned() {
                request.stage = ended(event, at_aws).unwrap_or(request.stage);
            }
        }
    }
    request
}

fn ended(event: &Event, at_aws: AtAws) -> Option<Stage> {
    match event.clone() {
        Event::Approved { charge_id, at } => Some(Stage::Approved {
            at_aws,
            charge_id,
            at,
        }),
        Event::Rejected { reason, at } => Some(Stage::Rejected { at_aws, reason, at }),
        Event::Cancelled { reason, at } => Some(Stage::Cancelled { at_aws, reason, at }),
        Event::Sent(_)
        | Event::StatusSeen { .. }
        | Event::WithdrawalAsked(_)
        | Event::WithdrawalRefused { .. }
        | Event::Failed { .. } => None,
    }
}
