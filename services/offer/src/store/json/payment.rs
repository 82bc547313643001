//! A payment request's stage.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Unreadable, from_value, parse, to_value};
use crate::domain::payment::{AtAws, Stage, Withdrawal};

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredStage {
    Sending,
    Pending {
        at_aws: StoredAtAws,
        withdrawal: Option<StoredWithdrawal>,
    },
    Approved {
        at_aws: StoredAtAws,
        charge_id: Option<String>,
        at: DateTime<Utc>,
    },
    Rejected {
        at_aws: StoredAtAws,
        reason: String,
        at: DateTime<Utc>,
    },
    Cancelled {
        at_aws: StoredAtAws,
        reason: String,
        at: DateTime<Utc>,
    },
    Failed {
        at_aws: Option<StoredAtAws>,
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

impl StoredAtAws {
    fn of(at_aws: &AtAws) -> Self {
        Self {
            id: at_aws.id.to_string(),
            status: at_aws.status.clone(),
            sent_at: at_aws.sent_at,
        }
    }

    fn read(self) -> Result<AtAws, Unreadable> {
        Ok(AtAws {
            id: parse(&self.id, "payment request id of AWS")?,
            status: self.status,
            sent_at: self.sent_at,
        })
    }
}

pub(crate) fn payment_stage(stage: &Stage) -> Value {
    let stored = match stage {
        Stage::Sending => StoredStage::Sending,
        Stage::Pending { at_aws, withdrawal } => StoredStage::Pending {
            at_aws: StoredAtAws::of(at_aws),
            withdrawal: withdrawal.as_ref().map(|asked| StoredWithdrawal {
                reason: asked.reason.clone(),
                by: asked.by.to_string(),
            }),
        },
        Stage::Approved {
            at_aws,
            charge_id,
            at,
        } => StoredStage::Approved {
            at_aws: StoredAtAws::of(at_aws),
            charge_id: charge_id.clone(),
            at: *at,
        },
        Stage::Rejected { at_aws, reason, at } => StoredStage::Rejected {
            at_aws: StoredAtAws::of(at_aws),
            reason: reason.clone(),
            at: *at,
        },
        Stage::Cancelled { at_aws, reason, at } => StoredStage::Cancelled {
            at_aws: StoredAtAws::of(at_aws),
            reason: reason.clone(),
            at: *at,
        },
        Stage::Failed { at_aws, at } => StoredStage::Failed {
            at_aws: at_aws.as_ref().map(StoredAtAws::of),
            at: *at,
        },
    };
    to_value(&stored)
}

pub(crate) fn payment_stage_from(value: Value) -> Result<Stage, Unreadable> {
    Ok(match from_value::<StoredStage>(value)? {
        StoredStage::Sending => Stage::Sending,
        StoredStage::Pending { at_aws, withdrawal } => Stage::Pending {
            at_aws: at_aws.read()?,
            withdrawal: withdrawal.map(withdrawal_from).transpose()?,
        },
        StoredStage::Approved {
            at_aws,
            charge_id,
            at,
        } => Stage::Approved {
            at_aws: at_aws.read()?,
            charge_id,
            at,
        },
        StoredStage::Rejected { at_aws, reason, at } => Stage::Rejected {
            at_aws: at_aws.read()?,
            reason,
            at,
        },
        StoredStage::Cancelled { at_aws, reason, at } => Stage::Cancelled {
            at_aws: at_aws.read()?,
            reason,
            at,
        },
        StoredStage::Failed { at_aws, at } => Stage::Failed {
            at_aws: at_aws.map(StoredAtAws::read).transpose()?,
            at,
        },
    })
}

fn withdrawal_from(stored: StoredWithdrawal) -> Result<Withdrawal, Unreadable> {
    Ok(Withdrawal {
        reason: stored.reason,
        by: parse(&stored.by, "principal")?,
    })
}
