//! Payment requests, and what they hold of the cap.

use chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Decimal, Money, SellerId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{StoreError, Unreadable, one_row, revision};
use crate::domain::id::{AgreementId, OfferId, PaymentRequestId};
use crate::domain::payment::{AtAws, Drawn, PaymentRequest};

#[derive(sqlx::FromRow)]
struct Row {
    payment_request_id: String,
    offer_id: String,
    engagement_id: String,
    agreement_id: String,
    number: i32,
    revision: i64,
    term_id: String,
    milestone: String,
    description: String,
    currency: String,
    amount: Decimal,
    approves_after: Option<String>,
    requested_by: String,
    requested_at: DateTime<Utc>,
    last_errors: Value,
    stage: Value,
}

impl TryFrom<Row> for PaymentRequest {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        let after = row.approves_after.as_deref();
        Ok(Self {
            id: parse(&row.payment_request_id, "payment request id")?,
            revision: revision(row.revision)?,
            offer_id: parse(&row.offer_id, "offer id")?,
            engagement_id: parse(&row.engagement_id, "engagement id")?,
            agreement_id: parse(&row.agreement_id, "agreement id")?,
            number: number(row.number.into())?,
            term_id: row.term_id,
            milestone: row.milestone,
            description: row.description,
            amount: money(row.amount, parse(&row.currency, "currency")?)?,
            approves_after: after
                .map(|after| parse(after, "time of silence"))
                .transpose()?,
            requested_by: parse(&row.requested_by, "principal")?,
            requested_at: row.requested_at,
            last_errors: json::errors_from(row.last_errors)?,
            stage: json::payment_stage_from(row.stage)?,
        })
    }
}

fn number(stored: i64) -> Result<u32, Unreadable> {
    u32::try_from(stored).map_err(|_| Unreadable::Value {
        field: "number",
        value: stored.to_string(),
    })
}

fn money(amount: Decimal, currency: Currency) -> Result<Money, Unreadable> {
    Money::new(amount, currency).map_err(|_| Unreadable::Value {
        field: "amount",
        value: amount.to_string(),
    })
}

fn aws_id(request: &PaymentRequest) -> Option<&str> {
    request.at_aws().map(|AtAws { id, .. }| id.as_str())
}

/// Writes a new request.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    request: &PaymentRequest,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "INSERT INTO payment_request (seller, payment_request_id, offer_id, engagement_id,
            agreement_id, number, revision, term_id, milestone, description, currency, amount,
            approves_after, requested_by, requested_at, state, aws_request_id, last_errors, stage,
            updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $15)
        ON CONFLICT DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(request.id.as_str())
    .bind(request.offer_id.as_str())
    .bind(request.engagement_id.as_str())
    .bind(request.agreement_id.as_str())
    .bind(i64::from(request.number))
    .bind(i64::from(request.revision))
    .bind(&request.term_id)
    .bind(&request.milestone)
    .bind(&request.description)
    .bind(request.amount.currency().code())
    .bind(request.amount.amount())
    .bind(request.approves_after.map(|after| after.to_string()))
    .bind(request.requested_by.as_str())
    .bind(request.requested_at)
    .bind(request.stage.name())
    .bind(aws_id(request))
    .bind(json::errors(&request.last_errors))
    .bind(json::payment_stage(&request.stage))
    .execute(connection)
    .await?;
    one_row("the agreement's payment requests", written.rows_affected())
}

/// Writes a request that was at revision `before`. What was asked for never changes.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    request: &PaymentRequest,
    before: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "UPDATE payment_request SET revision = $3, state = $4, aws_request_id = $5,
            last_errors = $6, stage = $7, updated_at = $8
        WHERE seller = $1 AND payment_request_id = $2 AND revision = $9",
    )
    .bind(seller.as_str())
    .bind(request.id.as_str())
    .bind(i64::from(request.revision))
    .bind(request.stage.name())
    .bind(aws_id(request))
    .bind(json::errors(&request.last_errors))
    .bind(json::payment_stage(&request.stage))
    .bind(now)
    .bind(i64::from(before))
    .execute(connection)
    .await?;
    one_row("the payment request", written.rows_affected())
}

/// The request, for reading.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &PaymentRequestId,
) -> Result<Option<PaymentRequest>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT payment_request_id, offer_id, engagement_id, agreement_id, number, revision, term_id,
            milestone, description, currency, amount, approves_after, requested_by, requested_at,
            last_errors, stage
        FROM payment_request WHERE seller = $1 AND payment_request_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(PaymentRequest::try_from).transpose()?)
}

/// A page of an offer's requests, in the order of their numbers, behind `after`.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer_id: &OfferId,
    after: u32,
    limit: i64,
) -> Result<Vec<PaymentRequest>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT payment_request_id, offer_id, engagement_id, agreement_id, number, revision, term_id,
            milestone, description, currency, amount, approves_after, requested_by, requested_at,
            last_errors, stage
        FROM payment_request WHERE seller = $1 AND offer_id = $2 AND number > $3
        ORDER BY number LIMIT $4",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(i64::from(after))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let requests = rows.into_iter().map(PaymentRequest::try_from);
    Ok(requests.collect::<Result<_, _>>()?)
}

/// What the agreement's requests hold of its cap.
pub(crate) async fn drawn(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement: &AgreementId,
    currency: Currency,
) -> Result<Drawn, StoreError> {
    let (count, requested, approved): (i64, Option<Decimal>, Option<Decimal>) = sqlx::query_as(
        "SELECT count(*), sum(amount) FILTER (WHERE state IN ('sending', 'pending')),
            sum(amount) FILTER (WHERE state = 'approved')
        FROM payment_request WHERE seller = $1 AND agreement_id = $2 AND currency = $3",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(currency.code())
    .fetch_one(executor)
    .await?;
    Ok(Drawn {
        count: number(count)?,
        requested: money(requested.unwrap_or_default(), currency)?,
        approved: money(approved.unwrap_or_default(), currency)?,
    })
}

/// What the audit trail says of a request (P3).
pub(crate) fn audit_view(request: &PaymentRequest) -> Value {
    serde_json::json!({
        "revision": request.revision,
        "offer_id": request.offer_id.as_str(),
        "agreement_id": request.agreement_id.as_str(),
        "number": request.number,
        "milestone": request.milestone,
        "description": request.description,
        "amount": request.amount.to_string(),
        "last_errors": json::errors(&request.last_errors),
        "stage": json::payment_stage(&request.stage),
    })
}
