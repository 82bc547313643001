//! Offers.

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{EngagementId, SellerId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{Position, StoreError, Unreadable, one_row, revision};
use crate::domain::id::{AwsOfferId, ChangeSetId, OfferId};
use crate::domain::offer::{Offer, Terms};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) offer_id: String,
    revision: i64,
    name: String,
    description: String,
    expires_on: Option<NaiveDate>,
    basis: Value,
    document: Value,
    change_set_id: Option<String>,
    aws_status: Option<String>,
    last_errors: Value,
    stage: Value,
}

impl TryFrom<Row> for Offer {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: parse(&row.offer_id, "offer id")?,
            revision: revision(row.revision)?,
            basis: json::basis_from(row.basis)?,
            terms: Terms {
                name: row.name,
                description: row.description,
                expires_on: row.expires_on,
            },
            document: json::document_from(row.document)?,
            change_set_id: row
                .change_set_id
                .map(|id| parse(&id, "change set id"))
                .transpose()?,
            aws_status: row.aws_status,
            last_errors: json::errors_from(row.last_errors)?,
            stage: json::stage_from(row.stage)?,
        })
    }
}

/// The offer, locked for change.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &OfferId,
) -> Result<Option<Offer>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT offer_id, revision, name, description, expires_on, basis, document, change_set_id,
            aws_status, last_errors, stage
        FROM offer WHERE seller = $1 AND offer_id = $2 FOR UPDATE",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Offer::try_from).transpose()?)
}

/// The offer, for reading.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &OfferId,
) -> Result<Option<Offer>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT offer_id, revision, name, description, expires_on, basis, document, change_set_id,
            aws_status, last_errors, stage
        FROM offer WHERE seller = $1 AND offer_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Offer::try_from).transpose()?)
}

/// Those of the offers that there are, for reading, in no order.
pub(crate) async fn these(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    ids: &[&str],
) -> Result<Vec<Offer>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT offer_id, revision, name, description, expires_on, basis, document, change_set_id,
            aws_status, last_errors, stage
        FROM offer WHERE seller = $1 AND offer_id = ANY ($2)",
    )
    .bind(seller.as_str())
    .bind(ids)
    .fetch_all(executor)
    .await?;
    let offers = rows.into_iter().map(Offer::try_from);
    Ok(offers.collect::<Result<_, _>>()?)
}

/// The newest offer of an engagement.
pub(crate) async fn newest(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Option<Offer>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT offer_id, revision, name, description, expires_on, basis, document, change_set_id,
            aws_status, last_errors, stage
        FROM offer WHERE seller = $1 AND engagement_id = $2
        ORDER BY created_at DESC, offer_id DESC LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Offer::try_from).transpose()?)
}

#[derive(sqlx::FromRow)]
struct Listed {
    created_at: DateTime<Utc>,
    #[sqlx(flatten)]
    row: Row,
}

/// A seller's offers, newest first, each with its position.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<(Position, Offer)>, StoreError> {
    let rows: Vec<Listed> = sqlx::query_as(
        "SELECT offer_id, revision, name, description, expires_on, basis, document, change_set_id,
            aws_status, last_errors, stage, created_at
        FROM offer
        WHERE seller = $1 AND ($2::timestamptz IS NULL OR (created_at, offer_id) < ($2, $3))
        ORDER BY created_at DESC, offer_id DESC LIMIT $4",
    )
    .bind(seller.as_str())
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let positioned = rows.into_iter().map(|Listed { created_at, row }| {
        let position = Position {
            at: created_at,
            id: row.offer_id.clone(),
        };
        Ok((position, Offer::try_from(row)?))
    });
    Ok(positioned.collect::<Result<_, Unreadable>>()?)
}

/// The engagement's offer that is not over.
pub(crate) async fn open(
    connection: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Option<OfferId>, StoreError> {
    let id: Option<String> = sqlx::query_scalar(
        "SELECT offer_id FROM offer WHERE seller = $1 AND engagement_id = $2
            AND state IN ('draft', 'releasing', 'published', 'accepted') LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(id.map(|id| parse(&id, "offer id")).transpose()?)
}

/// Another offer of the same engagement that is not over.
pub(crate) async fn rival(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Offer,
) -> Result<Option<OfferId>, StoreError> {
    let id: Option<String> = sqlx::query_scalar(
        "SELECT offer_id FROM offer WHERE seller = $1 AND engagement_id = $2 AND offer_id <> $3
            AND state IN ('draft', 'releasing', 'published', 'accepted')
        ORDER BY created_at DESC LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(offer.engagement_id().as_str())
    .bind(offer.id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(id.map(|id| parse(&id, "offer id")).transpose()?)
}

/// The engagement's offers that AWS has or gets, each with its state.
pub(crate) async fn released(
    connection: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Vec<(String, String)>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT offer_id, state FROM offer WHERE seller = $1 AND engagement_id = $2
            AND state IN ('releasing', 'published', 'accepted') ORDER BY offer_id",
    )
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .fetch_all(connection)
    .await?)
}

/// Our offer behind AWS's id.
pub(crate) async fn by_aws_id(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    aws_offer_id: &AwsOfferId,
) -> Result<Option<OfferId>, StoreError> {
    let id: Option<String> =
        sqlx::query_scalar("SELECT offer_id FROM offer WHERE seller = $1 AND aws_offer_id = $2")
            .bind(seller.as_str())
            .bind(aws_offer_id.as_str())
            .fetch_optional(executor)
            .await?;
    Ok(id.map(|id| parse(&id, "offer id")).transpose()?)
}

/// The offer whose change set that is.
pub(crate) async fn by_change_set(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &ChangeSetId,
) -> Result<Option<Offer>, StoreError> {
    let offer_id: Option<String> =
        sqlx::query_scalar("SELECT offer_id FROM offer WHERE seller = $1 AND change_set_id = $2")
            .bind(seller.as_str())
            .bind(id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    match offer_id {
        Some(offer_id) => find(connection, seller, &parse(&offer_id, "offer id")?).await,
        None => Ok(None),
    }
}

/// Writes a new offer.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Offer,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "INSERT INTO offer (seller, offer_id, engagement_id, revision, state, aws_offer_id, name,
            description, expires_on, basis, document, change_set_id, last_errors, stage,
            created_at, updated_at, kind, aws_status)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17)
        ON CONFLICT DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(offer.id.as_str())
    .bind(offer.engagement_id().as_str())
    .bind(i64::from(offer.revision))
    .bind(offer.stage.name())
    .bind(
        offer
            .publication()
            .map(|publication| publication.aws_offer_id.as_str()),
    )
    .bind(&offer.terms.name)
    .bind(&offer.terms.description)
    .bind(offer.terms.expires_on)
    .bind(json::basis(&offer.basis))
    .bind(json::document(&offer.document))
    .bind(offer.change_set_id.as_ref().map(ChangeSetId::as_str))
    .bind(json::errors(&offer.last_errors))
    .bind(json::stage(&offer.stage))
    .bind(now)
    .bind(offer.basis.kind.name())
    .bind(&offer.aws_status)
    .execute(connection)
    .await?;
    one_row("the engagement's offer", written.rows_affected())
}

/// Writes an offer that was at revision `before`. What it is made from never changes (O3).
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Offer,
    before: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "UPDATE offer SET revision = $3, state = $4, aws_offer_id = $5, name = $6,
            description = $7, expires_on = $8, document = $9, change_set_id = $10,
            last_errors = $11, stage = $12, updated_at = $13, aws_status = $15
        WHERE seller = $1 AND offer_id = $2 AND revision = $14",
    )
    .bind(seller.as_str())
    .bind(offer.id.as_str())
    .bind(i64::from(offer.revision))
    .bind(offer.stage.name())
    .bind(
        offer
            .publication()
            .map(|publication| publication.aws_offer_id.as_str()),
    )
    .bind(&offer.terms.name)
    .bind(&offer.terms.description)
    .bind(offer.terms.expires_on)
    .bind(json::document(&offer.document))
    .bind(offer.change_set_id.as_ref().map(ChangeSetId::as_str))
    .bind(json::errors(&offer.last_errors))
    .bind(json::stage(&offer.stage))
    .bind(now)
    .bind(i64::from(before))
    .bind(&offer.aws_status)
    .execute(connection)
    .await?;
    one_row("the offer", written.rows_affected())
}

/// What the audit trail says of an offer (P3).
pub(crate) fn audit_view(offer: &Offer) -> Value {
    serde_json::json!({
        "revision": offer.revision,
        "kind": offer.basis.kind.name(),
        "name": offer.terms.name,
        "description": offer.terms.description,
        "expires_on": offer.terms.expires_on,
        "approved_digest": offer.basis.deal.digest.to_string(),
        "document": json::document(&offer.document),
        "change_set_id": offer.change_set_id.as_ref().map(ToString::to_string),
        "aws_status": offer.aws_status,
        "last_errors": json::errors(&offer.last_errors),
        "stage": json::stage(&offer.stage),
    })
}
