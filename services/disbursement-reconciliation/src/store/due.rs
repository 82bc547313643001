//! Whose turn it is: one writer per seller, and the agreements that rows came in for.

use countersign_kernel::SellerId;
use countersign_platform::Failure;
use sqlx::PgConnection;

use crate::domain::ids::{AgreementId, BillingEventId};

/// How many agreements are looked up at once.
const BATCH: i64 = 100;

/// Takes the seller's turn until the transaction ends. Rows of a feed, acceptances and resolutions
/// of one seller must see each other: one deposit pays several agreements.
pub(crate) async fn take_turn(conn: &mut PgConnection, seller: &SellerId) -> Result<(), Failure> {
    sqlx::query("INSERT INTO seller_turn (seller) VALUES ($1) ON CONFLICT (seller) DO NOTHING")
        .bind(seller.as_str())
        .execute(&mut *conn)
        .await?;
    sqlx::query("SELECT FROM seller_turn WHERE seller = $1 FOR UPDATE")
        .bind(seller.as_str())
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// Marks the known agreements that these new rows touch: their own, and those that share a deposit
/// with them.
pub(crate) async fn mark(
    conn: &mut PgConnection,
    seller: &SellerId,
    events: &[&BillingEventId],
) -> Result<(), Failure> {
    let ids: Vec<&str> = events.iter().map(|id| id.as_str()).collect();
    sqlx::query(
        "WITH fresh AS (
            SELECT * FROM billing_event WHERE seller = $1 AND billing_event_id = ANY ($2)
        ), deposits AS (
            SELECT disbursement_billing_event_id AS id FROM fresh
            UNION SELECT billing_event_id FROM fresh WHERE transaction_type = 'DISBURSEMENT'
            UNION SELECT parent_billing_event_id FROM fresh
                WHERE transaction_type = 'DISBURSEMENT_FAILURE'
        )
        INSERT INTO reconcile_due (seller, agreement_id)
        SELECT $1, owner FROM owned_billing_event
            WHERE seller = $1 AND billing_event_id = ANY ($2)
        UNION
        SELECT $1, owner FROM owned_billing_event
            WHERE seller = $1 AND disbursement_billing_event_id IN (SELECT id FROM deposits)
        ON CONFLICT (seller, agreement_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// The next agreements that are to be reconciled, in the order of their ids.
pub(crate) async fn next(
    conn: &mut PgConnection,
    seller: &SellerId,
    after: Option<&AgreementId>,
) -> Result<Vec<AgreementId>, Failure> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT agreement_id FROM reconcile_due
        WHERE seller = $1 AND agreement_id > $2 ORDER BY agreement_id LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(after.map_or("", AgreementId::as_str))
    .bind(BATCH)
    .fetch_all(conn)
    .await?;
    ids.iter()
        .map(|id| super::parse("reconcile_due", id))
        .collect()
}

/// Takes the mark off: with the reconciliation, in one transaction.
pub(crate) async fn done(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<(), Failure> {
    sqlx::query("DELETE FROM reconcile_due WHERE seller = $1 AND agreement_id = $2")
        .bind(seller.as_str())
        .bind(agreement.as_str())
        .execute(conn)
        .await?;
    Ok(())
}
