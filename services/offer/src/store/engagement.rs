//! What is known of engagements.

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{StoreError, Unreadable, one_row, revision};
use crate::domain::engagement::{Approval, Engagement};

#[derive(sqlx::FromRow)]
struct Row {
    engagement_id: String,
    revision: i64,
    approval: String,
    deal: Option<Value>,
    void_reason: Option<String>,
    void_signed: Option<bool>,
    checklist_case: Option<String>,
    intake: Option<Value>,
}

impl TryFrom<Row> for Engagement {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        let deal = row.deal.map(json::deal_from).transpose()?;
        let approval = match (
            row.approval.as_str(),
            deal,
            row.void_reason,
            row.void_signed,
        ) {
            ("awaited", None, None, None) => Approval::Awaited,
            ("stamped", Some(deal), None, None) => Approval::Stamped(deal),
            ("signed", Some(deal), None, None) => Approval::Signed(deal),
            ("voided", Some(deal), Some(reason), Some(signed)) => Approval::Voided {
                deal,
                signed,
                reason,
            },
            (other, ..) => {
                return Err(Unreadable::Value {
                    field: "approval",
                    value: other.to_owned(),
                });
            }
        };
        Ok(Self {
            id: parse(&row.engagement_id, "engagement id")?,
            revision: revision(row.revision)?,
            approval,
            checklist: row
                .checklist_case
                .map(|case_id| parse(&case_id, "case id"))
                .transpose()?,
            intake: row.intake.map(json::intake_from).transpose()?,
        })
    }
}

/// How a reader holds the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Nobody else changes it until the transaction ends.
    ForUpdate,
    /// Nobody changes it until the transaction ends; others read it too.
    ForShare,
}

/// The engagement, locked, if anything is known of it.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &EngagementId,
    lock: Lock,
) -> Result<Option<Engagement>, StoreError> {
    let statement = match lock {
        Lock::ForUpdate => {
            "SELECT engagement_id, revision, approval, deal, void_reason, void_signed,
                checklist_case, intake
            FROM engagement WHERE seller = $1 AND engagement_id = $2 FOR UPDATE"
        }
        Lock::ForShare => {
            "SELECT engagement_id, revision, approval, deal, void_reason, void_signed,
                checklist_case, intake
            FROM engagement WHERE seller = $1 AND engagement_id = $2 FOR SHARE"
        }
    };
    let row: Option<Row> = sqlx::query_as(statement)
        .bind(seller.as_str())
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Engagement::try_from).transpose()?)
}

/// The engagement, for reading.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &EngagementId,
) -> Result<Option<Engagement>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT engagement_id, revision, approval, deal, void_reason, void_signed,
            checklist_case, intake
        FROM engagement WHERE seller = $1 AND engagement_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Engagement::try_from).transpose()?)
}

/// Writes the engagement, which was at revision `before` (0: it was not there).
pub(crate) async fn save(
    connection: &mut PgConnection,
    seller: &SellerId,
    engagement: &Engagement,
    before: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let statement = if before == 0 {
        "INSERT INTO engagement (seller, engagement_id, revision, approval, deal, void_reason,
            void_signed, checklist_case, intake, updated_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE $11 = 0
        ON CONFLICT (seller, engagement_id) DO NOTHING"
    } else {
        "UPDATE engagement SET revision = $3, approval = $4, deal = $5, void_reason = $6,
            void_signed = $7, checklist_case = $8, intake = $9, updated_at = $10
        WHERE seller = $1 AND engagement_id = $2 AND revision = $11"
    };
    let (void_reason, void_signed) = match &engagement.approval {
        Approval::Voided { reason, signed, .. } => (Some(reason), Some(*signed)),
        Approval::Awaited | Approval::Stamped(_) | Approval::Signed(_) => (None, None),
    };
    let written = sqlx::query(statement)
        .bind(seller.as_str())
        .bind(engagement.id.as_str())
        .bind(i64::from(engagement.revision))
        .bind(approval_name(&engagement.approval))
        .bind(engagement.deal().map(json::deal))
        .bind(void_reason)
        .bind(void_signed)
        .bind(
            engagement
                .checklist
                .as_ref()
                .map(super::super::domain::id::CaseId::as_str),
        )
        .bind(engagement.intake.as_ref().map(json::intake))
        .bind(now)
        .bind(i64::from(before))
        .execute(connection)
        .await?;
    one_row("the engagement", written.rows_affected())
}

const fn approval_name(approval: &Approval) -> &'static str {
    match approval {
        Approval::Awaited => "awaited",
        Approval::Stamped(_) => "stamped",
        Approval::Signed(_) => "signed",
        Approval::Voided { .. } => "voided",
    }
}

/// What the audit trail says of an engagement (P3).
pub(crate) fn audit_view(engagement: &Engagement) -> Value {
    serde_json::json!({
        "revision": engagement.revision,
        "approval": approval_name(&engagement.approval),
        "digest": engagement.deal().map(|deal| deal.digest.to_string()),
        "checklist_case": engagement.checklist.as_ref().map(ToString::to_string),
        "intake": engagement.intake.as_ref().map(json::intake),
    })
}
