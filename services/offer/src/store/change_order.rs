//! Change orders (O15).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{Position, StoreError, Unreadable, offer, one_row, revision};
use crate::domain::change_order::{AtAws, ChangeOrder};
use crate::domain::id::{AgreementId, AwsCancellationId, ChangeOrderId};
use crate::domain::offer::Offer;
use crate::domain::unpaid::Unpaid;

#[derive(sqlx::FromRow)]
struct Row {
    change_order_id: String,
    offer_id: String,
    engagement_id: String,
    agreement_id: String,
    revision: i64,
    reason: String,
    started_by: String,
    started_at: DateTime<Utc>,
    progress: Value,
}

impl TryFrom<Row> for ChangeOrder {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        let progress = json::progress_from(row.progress)?;
        Ok(Self {
            id: parse(&row.change_order_id, "change order id")?,
            revision: revision(row.revision)?,
            offer_id: parse(&row.offer_id, "offer id")?,
            engagement_id: parse(&row.engagement_id, "engagement id")?,
            agreement_id: parse(&row.agreement_id, "agreement id")?,
            reason: row.reason,
            started_by: parse(&row.started_by, "principal")?,
            started_at: row.started_at,
            cancellation: progress.cancellation,
            last_errors: progress.last_errors,
            stage: progress.stage,
            invoices: progress.invoices,
            adjustments: progress.adjustments,
        })
    }
}

fn aws_id(order: &ChangeOrder) -> Option<&str> {
    let AtAws { id, .. } = order.cancellation.as_ref()?;
    Some(id.as_str())
}

/// Writes a new change order.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    order: &ChangeOrder,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "INSERT INTO change_order (seller, change_order_id, offer_id, engagement_id, agreement_id,
            revision, reason, started_by, started_at, state, aws_cancellation_id, progress,
            updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $9)
        ON CONFLICT DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(order.id.as_str())
    .bind(order.offer_id.as_str())
    .bind(order.engagement_id.as_str())
    .bind(order.agreement_id.as_str())
    .bind(i64::from(order.revision))
    .bind(&order.reason)
    .bind(order.started_by.as_str())
    .bind(order.started_at)
    .bind(order.stage.name())
    .bind(aws_id(order))
    .bind(json::progress(order))
    .execute(connection)
    .await?;
    one_row("the agreement's change orders", written.rows_affected())
}

/// Writes a change order that was at revision `before`.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    order: &ChangeOrder,
    before: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "UPDATE change_order SET revision = $3, state = $4, aws_cancellation_id = $5, progress = $6,
            updated_at = $7
        WHERE seller = $1 AND change_order_id = $2 AND revision = $8",
    )
    .bind(seller.as_str())
    .bind(order.id.as_str())
    .bind(i64::from(order.revision))
    .bind(order.stage.name())
    .bind(aws_id(order))
    .bind(json::progress(order))
    .bind(now)
    .bind(i64::from(before))
    .execute(connection)
    .await?;
    one_row("the change order", written.rows_affected())
}

/// The change order, for reading.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &ChangeOrderId,
) -> Result<Option<ChangeOrder>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT change_order_id, offer_id, engagement_id, agreement_id, revision, reason,
            started_by, started_at, progress
        FROM change_order WHERE seller = $1 AND change_order_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(ChangeOrder::try_from).transpose()?)
}

/// The agreement's change order that did not come to nothing.
pub(crate) async fn open(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<Option<ChangeOrderId>, StoreError> {
    let id: Option<String> = sqlx::query_scalar(
        "SELECT change_order_id FROM change_order WHERE seller = $1 AND agreement_id = $2
            AND state IN ('started', 'sending', 'pending', 'over', 'replaced')",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(id.map(|id| parse(&id, "change order id")).transpose()?)
}

/// AWS's ids of the cancellation requests of the agreement's other change orders.
pub(crate) async fn others_at_aws(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    order: &ChangeOrder,
) -> Result<Vec<AwsCancellationId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT aws_cancellation_id FROM change_order
        WHERE seller = $1 AND agreement_id = $2 AND change_order_id <> $3
            AND aws_cancellation_id IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(order.agreement_id.as_str())
    .bind(order.id.as_str())
    .fetch_all(executor)
    .await?;
    let ids = ids.iter().map(|id| parse(id, "cancellation request id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What the agreement whose place `offer` takes leaves unpaid: by its change order, or by the estimate, where that
/// follows an agreement which is over and does not renew it.
pub(crate) async fn unpaid(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Offer,
) -> Result<Option<Unpaid>, StoreError> {
    let estimate = &offer.basis.deal.estimate;
    let follows = estimate.follows.as_ref().filter(|_| !estimate.renewal);
    let row: Option<Row> = sqlx::query_as(
        "SELECT change_order_id, offer_id, engagement_id, agreement_id, revision, reason,
            started_by, started_at, progress
        FROM change_order
        WHERE seller = $1 AND ((state = 'replaced' AND progress #>> '{stage,offer_id}' = $2)
            OR (state = 'over' AND agreement_id = $3))
        ORDER BY state DESC LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(offer.id.as_str())
    .bind(follows.map(AgreementId::as_str))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(order) = row.map(ChangeOrder::try_from).transpose()? else {
        return Ok(None);
    };
    let replaced = offer::find(connection, seller, &order.offer_id).await?;
    let agreement = replaced.as_ref().and_then(Offer::agreement);
    let ended = agreement.zip(order.stage.over_at());
    Ok(ended.and_then(|(agreement, over_at)| Unpaid::of(agreement, over_at)))
}

/// A page of the seller's change orders, or of one agreement's, the newest first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement: Option<&AgreementId>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<ChangeOrder>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT change_order_id, offer_id, engagement_id, agreement_id, revision, reason,
            started_by, started_at, progress
        FROM change_order
        WHERE seller = $1 AND ($2::text IS NULL OR agreement_id = $2)
            AND ($3::timestamptz IS NULL OR (started_at, change_order_id) < ($3, $4))
        ORDER BY started_at DESC, change_order_id DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(agreement.map(AgreementId::as_str))
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let orders = rows.into_iter().map(ChangeOrder::try_from);
    Ok(orders.collect::<Result<_, _>>()?)
}

/// What the audit trail says of a change order (P3).
pub(crate) fn audit_view(order: &ChangeOrder) -> Value {
    serde_json::json!({
        "revision": order.revision,
        "offer_id": order.offer_id.as_str(),
        "agreement_id": order.agreement_id.as_str(),
        "reason": order.reason,
        "progress": json::progress(order),
    })
}

#[cfg(test)]
mod tests {
    use countersign_kernel::Principal;

    use super::*;
    use crate::domain::change_order::{
        Adjustment, AdjustmentState, Asked, Invoice, Replacement, Stage, Withdrawal,
    };
    use crate::domain::offer::AwsError;
    use crate::domain::sample;

    /// Every state comes back from its row as it was written.
    #[test]
    fn change_orders_come_back() {
        let by: Principal = "ali@acme.example".parse().unwrap();
        let (at, reason) = (sample::at("2026-04-10T12:00:00Z"), "why".to_owned());
        let asked = Asked {
            invoice_id: "inv-1".parse().unwrap(),
            amount: sample::usd("10.00"),
            description: String::new(),
        };
        let id = || "ba-1".parse().unwrap();
        let error = AwsError {
            code: "NO".into(),
            message: "never".into(),
        };
        let states = [
            AdjustmentState::Sending,
            AdjustmentState::Pending {
                id: id(),
                status: "PENDING".into(),
            },
            AdjustmentState::Completed { id: id() },
            AdjustmentState::Failed {
                id: Some(id()),
                error: error.clone(),
            },
            AdjustmentState::Failed {
                id: None,
                error: error.clone(),
            },
        ];
        let adjustments = (1..).zip(states).map(|(number, state)| Adjustment {
            number,
            asked: asked.clone(),
            by: by.clone(),
            at,
            state,
        });
        let full = ChangeOrder {
            cancellation: Some(AtAws {
                id: "acr-1".parse().unwrap(),
                status: "PENDING_APPROVAL".into(),
                sent_at: at,
            }),
            last_errors: vec![error],
            invoices: vec![Invoice {
                id: "inv-1".parse().unwrap(),
                amount: sample::usd("41000.00"),
                adjustable: sample::usd("40000.00"),
                issued_at: Some(at),
            }],
            adjustments: adjustments.collect(),
            ..sample::change_order()
        };
        let withdrawal = Some(Withdrawal {
            reason: reason.clone(),
            by,
        });
        let replacement = Replacement {
            offer_id: "offer-2".parse().unwrap(),
            engagement_id: "opp-2".parse().unwrap(),
        };
        for stage in [
            Stage::Started,
            Stage::Sending { asked_at: at },
            Stage::Pending { withdrawal: None },
            Stage::Pending { withdrawal },
            Stage::Over { at },
            Stage::Replaced {
                at,
                by: replacement,
            },
            Stage::Rejected {
                reason: reason.clone(),
                at,
            },
            Stage::Withdrawn { reason, at },
            Stage::Failed { at },
        ] {
            let order = ChangeOrder {
                stage,
                ..full.clone()
            };
            let read = json::progress_from(json::progress(&order)).unwrap();
            let back = ChangeOrder {
                stage: read.stage,
                cancellation: read.cancellation,
                last_errors: read.last_errors,
                invoices: read.invoices,
                adjustments: read.adjustments,
                ..sample::change_order()
            };
            assert_eq!(back, order);
        }
    }
}
