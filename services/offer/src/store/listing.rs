//! Listings.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::{StoreError, Unreadable};
use crate::domain::listing::{Listing, ReleaseWay};

#[derive(sqlx::FromRow)]
struct Row {
    product_id: String,
    title: String,
    dimension_keys: Vec<String>,
    by_portal: bool,
}

impl TryFrom<Row> for Listing {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            product_id: parse(&row.product_id, "product id")?,
            title: row.title,
            dimension_keys: row.dimension_keys,
            release_way: if row.by_portal {
                ReleaseWay::Portal
            } else {
                ReleaseWay::Api
            },
        })
    }
}

/// Keeps the listing as it is given now.
pub(crate) async fn put(
    connection: &mut PgConnection,
    seller: &SellerId,
    listing: &Listing,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO listing (seller, product_id, title, dimension_keys, updated_at, by_portal)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (seller, product_id)
            DO UPDATE SET title = $3, dimension_keys = $4, updated_at = $5, by_portal = $6",
    )
    .bind(seller.as_str())
    .bind(listing.product_id.as_str())
    .bind(&listing.title)
    .bind(&listing.dimension_keys)
    .bind(now)
    .bind(listing.release_way == ReleaseWay::Portal)
    .execute(connection)
    .await?;
    Ok(())
}

/// The listing, if the seller registered it.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    product_id: &str,
) -> Result<Option<Listing>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT product_id, title, dimension_keys, by_portal FROM listing
        WHERE seller = $1 AND product_id = $2",
    )
    .bind(seller.as_str())
    .bind(product_id)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Listing::try_from).transpose()?)
}

/// The seller's listings by title.
pub(crate) async fn all(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<Listing>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT product_id, title, dimension_keys, by_portal FROM listing
        WHERE seller = $1 ORDER BY title, product_id LIMIT 200",
    )
    .bind(seller.as_str())
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(Listing::try_from)
        .collect::<Result<_, _>>()?)
}
