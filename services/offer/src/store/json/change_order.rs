//! How far a change order is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::offer::StoredError;
use super::{StoredMoney, Unreadable, from_value, parse, to_value};
use crate::domain::change_order::{
    Adjustment, AdjustmentState, Asked, AtAws, ChangeOrder, Invoice, Replacement, Stage, Withdrawal,
};
use crate::domain::offer::AwsError;

#[derive(Serialize, Deserialize)]
struct StoredProgress {
    stage: StoredStage,
    cancellation: Option<StoredAtAws>,
    last_errors: Vec<StoredError>,
    invoices: Vec<StoredInvoice>,
    adjustments: Vec<StoredAdjustment>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredStage {
    Started,
    Sending {
        asked_at: DateTime<Utc>,
    },
    Pending {
        withdrawal: Option<StoredWithdrawal>,
    },
    Over {
        at: DateTime<Utc>,
    },
    Replaced {
        at: DateTime<Utc>,
        offer_id: String,
        engagement_id: String,
    },
    Rejected {
        reason: String,
        at: DateTime<Utc>,
    },
    Withdrawn {
        reason: String,
        at: DateTime<Utc>,
    },
    Failed {
        at: DateTime<Utc>,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredAtAws {
    id: String,
    status: String,
    sent_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct StoredWithdrawal {
    reason: String,
    by: String,
}

#[derive(Serialize, Deserialize)]
struct StoredInvoice {
    id: String,
    amount: StoredMoney,
    adjustable: StoredMoney,
    issued_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct StoredAdjustment {
    number: u32,
    invoice_id: String,
    amount: StoredMoney,
    description: String,
    by: String,
    at: DateTime<Utc>,
    state: StoredAdjustmentState,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredAdjustmentState {
    Sending,
    Pending {
        id: String,
        status: String,
    },
    Completed {
        id: String,
    },
    Failed {
        id: Option<String>,
        error: StoredError,
    },
}

/// What is read back of a change order.
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    pub(crate) cancellation: Option<AtAws>,
    pub(crate) last_errors: Vec<AwsError>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) adjustments: Vec<Adjustment>,
}

pub(crate) fn progress(order: &ChangeOrder) -> Value {
    let cancellation = order.cancellation.as_ref().map(|at_aws| StoredAtAws {
        id: at_aws.id.to_string(),
        status: at_aws.status.clone(),
        sent_at: at_aws.sent_at,
    });
    to_value(&StoredProgress {
        stage: stage(&order.stage),
        cancellation,
        last_errors: order.last_errors.iter().map(StoredError::of).collect(),
        invoices: order.invoices.iter().map(invoice).collect(),
        adjustments: order.adjustments.iter().map(adjustment).collect(),
    })
}

pub(crate) fn progress_from(value: Value) -> Result<Progress, Unreadable> {
    let stored: StoredProgress = from_value(value)?;
    let cancellation = stored.cancellation.map(|at_aws| {
        Ok::<_, Unreadable>(AtAws {
            id: parse(&at_aws.id, "cancellation request id of AWS")?,
            status: at_aws.status,
            sent_at: at_aws.sent_at,
        })
    });
    let adjustments = stored.adjustments.into_iter().map(adjustment_from);
    Ok(Progress {
        stage: stage_from(stored.stage)?,
        cancellation: cancellation.transpose()?,
        last_errors: stored
            .last_errors
            .into_iter()
            .map(StoredError::read)
            .collect(),
        invoices: stored
            .invoices
            .iter()
            .map(invoice_from)
            .collect::<Result<_, _>>()?,
        adjustments: adjustments.collect::<Result<_, _>>()?,
    })
}

fn stage(stage: &Stage) -> StoredStage {
    match stage {
        Stage::Started => StoredStage::Started,
        Stage::Sending { asked_at } => StoredStage::Sending {
            asked_at: *asked_at,
        },
        Stage::Pending { withdrawal } => StoredStage::Pending {
            withdrawal: withdrawal.as_ref().map(|asked| StoredWithdrawal {
                reason: asked.reason.clone(),
                by: asked.by.to_string(),
            }),
        },
        Stage::Over { at } => StoredStage::Over { at: *at },
        Stage::Replaced { at, by } => StoredStage::Replaced {
            at: *at,
            offer_id: by.offer_id.to_string(),
            engagement_id: by.engagement_id.to_string(),
        },
        Stage::Rejected { reason, at } => StoredStage::Rejected {
            reason: reason.clone(),
            at: *at,
        },
        Stage::Withdrawn { reason, at } => StoredStage::Withdrawn {
            reason: reason.clone(),
            at: *at,
        },
        Stage::Failed { at } => StoredStage::Failed { at: *at },
    }
}

fn stage_from(stored: StoredStage) -> Result<Stage, Unreadable> {
    Ok(match stored {
        StoredStage::Started => Stage::Started,
        StoredStage::Sending { asked_at } => Stage::Sending { asked_at },
        StoredStage::Pending { withdrawal } => {
            let withdrawal = withdrawal.map(|stored| {
                Ok::<_, Unreadable>(Withdrawal {
                    reason: stored.reason,
                    by: parse(&stored.by, "principal")?,
                })
            });
            Stage::Pending {
                withdrawal: withdrawal.transpose()?,
            }
        }
        StoredStage::Over { at } => Stage::Over { at },
        StoredStage::Replaced {
            at,
            offer_id,
            engagement_id,
        } => Stage::Replaced {
            at,
            by: Replacement {
                offer_id: parse(&offer_id, "offer id")?,
                engagement_id: parse(&engagement_id, "engagement id")?,
            },
        },
        StoredStage::Rejected { reason, at } => Stage::Rejected { reason, at },
        StoredStage::Withdrawn { reason, at } => Stage::Withdrawn { reason, at },
        StoredStage::Failed { at } => Stage::Failed { at },
    })
}

fn invoice(invoice: &Invoice) -> StoredInvoice {
    StoredInvoice {
        id: invoice.id.to_string(),
        amount: StoredMoney::of(invoice.amount),
        adjustable: StoredMoney::of(invoice.adjustable),
        issued_at: invoice.issued_at,
    }
}

fn invoice_from(stored: &StoredInvoice) -> Result<Invoice, Unreadable> {
    Ok(Invoice {
        id: parse(&stored.id, "invoice id")?,
        amount: stored.amount.read()?,
        adjustable: stored.adjustable.read()?,
        issued_at: stored.issued_at,
    })
}

fn adjustment(line: &Adjustment) -> StoredAdjustment {
    StoredAdjustment {
        number: line.number,
        invoice_id: line.asked.invoice_id.to_string(),
        amount: StoredMoney::of(line.asked.amount),
        description: line.asked.description.clone(),
        by: line.by.to_string(),
        at: line.at,
        state: match &line.state {
            AdjustmentState::Sending => StoredAdjustmentState::Sending,
            AdjustmentState::Pending { id, status } => StoredAdjustmentState::Pending {
                id: id.to_string(),
                status: status.clone(),
            },
            AdjustmentState::Completed { id } => {
                StoredAdjustmentState::Completed { id: id.to_string() }
            }
            AdjustmentState::Failed { id, error } => StoredAdjustmentState::Failed {
                id: id.as_ref().map(ToString::to_string),
                error: StoredError::of(error),
            },
        },
    }
}

fn adjustment_from(stored: StoredAdjustment) -> Result<Adjustment, Unreadable> {
    let id = |text: &str| parse(text, "billing adjustment id of AWS");
    Ok(Adjustment {
        number: stored.number,
        asked: Asked {
            invoice_id: parse(&stored.invoice_id, "invoice id")?,
            amount: stored.amount.read()?,
            description: stored.description,
        },
        by: parse(&stored.by, "principal")?,
        at: stored.at,
        state: match stored.state {
            StoredAdjustmentState::Sending => AdjustmentState::Sending,
            StoredAdjustmentState::Pending { id: aws, status } => AdjustmentState::Pending {
                id: id(&aws)?,
                status,
            },
            StoredAdjustmentState::Completed { id: aws } => {
                AdjustmentState::Completed { id: id(&aws)? }
            }
            StoredAdjustmentState::Failed { id: aws, error } => AdjustmentState::Failed {
                id: aws.as_deref().map(id).transpose()?,
                error: error.read(),
            },
        },
    })
}
