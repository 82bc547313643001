//! A row of `estimate` beside its newest version, to a state and back.

use countersign_kernel::chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::version_row::VersionRow;
use super::{Inconsistent, inconsistent, parsed};
use crate::domain::State;
use crate::domain::estimate::{ChangeRequest, Head, Withdrawal};

/// What [`EstimateRow`] reads, with the newest version; `$1` is the seller.
macro_rules! select_estimate {
    () => {
        concat!(
            "SELECT e.estimate_id, e.engagement_id, e.customer_name, e.state, e.revision, \
             e.change_step, e.change_requested_by, e.change_comment, e.approved_digest, \
             e.withdrawn_by, e.withdrawn_reason, e.follows_agreement_id, e.created_at, ",
            version_columns!(),
            " FROM estimate AS e JOIN estimate_version AS v ON v.seller = e.seller \
             AND v.estimate_id = e.estimate_id AND v.version = e.latest_version \
             WHERE e.seller = $1 "
        )
    };
}
pub(super) use select_estimate;

#[derive(Debug, FromRow)]
pub(super) struct EstimateRow {
    pub(super) estimate_id: Uuid,
    engagement_id: String,
    customer_name: String,
    state: String,
    pub(super) revision: i64,
    change_step: Option<String>,
    change_requested_by: Option<String>,
    change_comment: Option<String>,
    approved_digest: Option<String>,
    withdrawn_by: Option<String>,
    withdrawn_reason: Option<String>,
    follows_agreement_id: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    #[sqlx(flatten)]
    latest: VersionRow,
}

impl EstimateRow {
    fn change_request(&self) -> Result<Option<ChangeRequest>, Inconsistent> {
        let (Some(step), Some(by), Some(comment)) = (
            &self.change_step,
            &self.change_requested_by,
            &self.change_comment,
        ) else {
            return Ok(None);
        };
        Ok(Some(ChangeRequest {
            step: step.clone(),
            requested_by: parsed("change_requested_by", by)?,
            comment: comment.clone(),
        }))
    }

    fn withdrawal(&self) -> Result<Option<Withdrawal>, Inconsistent> {
        let (Some(by), Some(reason)) = (&self.withdrawn_by, &self.withdrawn_reason) else {
            return Ok(None);
        };
        Ok(Some(Withdrawal {
            by: parsed("withdrawn_by", by)?,
            reason: reason.clone(),
        }))
    }
}

impl TryFrom<EstimateRow> for State {
    type Error = Inconsistent;

    fn try_from(row: EstimateRow) -> Result<Self, Inconsistent> {
        let change_request = row.change_request()?;
        let withdrawal = row.withdrawal()?;
        let digest = row.approved_digest.as_deref();
        let digest = digest
            .map(|text| parsed("approved_digest", text))
            .transpose()?;
        let head = Head {
            estimate_id: row.estimate_id,
            engagement_id: parsed("engagement_id", &row.engagement_id)?,
            customer_name: row.customer_name,
            follows: row.follows_agreement_id,
            latest: row.latest.try_into()?,
        };
        match (row.state.as_str(), change_request, digest, withdrawal) {
            ("draft", None, None, None) => Ok(Self::Draft(head)),
            ("submitted", None, None, None) => Ok(Self::Submitted(head)),
            ("changes_requested", Some(request), None, None) => {
                Ok(Self::ChangesRequested(head, request))
            }
            ("approved", None, Some(digest), None) => Ok(Self::Approved(head, digest)),
            ("withdrawn", None, None, Some(withdrawal)) => Ok(Self::Withdrawn(head, withdrawal)),
            ("expired", None, None, None) => Ok(Self::Expired(head)),
            // What stands beside the state contradicts it.
            _ => Err(inconsistent("state", &row.state)),
        }
    }
}

/// What a state is in the columns that only some states fill.
#[derive(Debug, Default)]
pub(super) struct StateColumns {
    pub(super) change: Option<ChangeRequest>,
    pub(super) digest: Option<String>,
    pub(super) withdrawal: Option<Withdrawal>,
}

impl From<&State> for StateColumns {
    fn from(state: &State) -> Self {
        match state {
            State::ChangesRequested(_, request) => Self {
                change: Some(request.clone()),
                ..Self::default()
            },
            State::Approved(_, digest) => Self {
                digest: Some(digest.to_string()),
                ..Self::default()
            },
            State::Withdrawn(_, withdrawal) => Self {
                withdrawal: Some(withdrawal.clone()),
                ..Self::default()
            },
            State::Absent | State::Draft(_) | State::Submitted(_) | State::Expired(_) => {
                Self::default()
            }
        }
    }
}
