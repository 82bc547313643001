//! Billing events: inserted once, read as the book of an agreement.

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Decimal, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;

use super::{money, parse, parse_optional};
use crate::domain::billing_event::BillingEvent;
use crate::domain::book::Book;
use crate::domain::ids::{AgreementId, AwsOfferId, BillingEventId, InvoiceId};

#[derive(sqlx::FromRow)]
struct BillingRow {
    billing_event_id: String,
    agreement_id: Option<String>,
    aws_offer_id: Option<String>,
    action: String,
    transaction_type: String,
    /// Not in the view of rows that nobody explains: it was made before, and shows none of it.
    #[sqlx(default)]
    wholesale: bool,
    currency: String,
    amount: Decimal,
    invoice_id: Option<String>,
    invoiced_on: Option<NaiveDate>,
    payment_due: Option<NaiveDate>,
    acted_at: DateTime<Utc>,
    parent_billing_event_id: Option<String>,
    disbursement_billing_event_id: Option<String>,
    bank_trace_id: Option<String>,
}

impl TryFrom<BillingRow> for BillingEvent {
    type Error = Failure;

    fn try_from(row: BillingRow) -> Result<Self, Failure> {
        let what = "a billing event";
        Ok(Self {
            id: parse(what, &row.billing_event_id)?,
            agreement: parse_optional(what, row.agreement_id.as_deref())?,
            offer: parse_optional(what, row.aws_offer_id.as_deref())?,
            action: parse(what, &row.action)?,
            kind: parse(what, &row.transaction_type)?,
            wholesale: row.wholesale,
            amount: money(what, row.amount, parse(what, &row.currency)?)?,
            invoice: parse_optional(what, row.invoice_id.as_deref())?,
            invoiced_on: row.invoiced_on,
            payment_due: row.payment_due,
            acted_at: row.acted_at,
            parent: parse_optional(what, row.parent_billing_event_id.as_deref())?,
            disbursement: parse_optional(what, row.disbursement_billing_event_id.as_deref())?,
            bank_trace: row.bank_trace_id,
        })
    }
}

pub(crate) async fn insert(
    conn: &mut PgConnection,
    seller: &SellerId,
    event: &BillingEvent,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO billing_event (seller, billing_event_id, agreement_id, aws_offer_id, action,
            transaction_type, currency, amount, invoice_id, invoiced_on, payment_due, acted_at,
            parent_billing_event_id, disbursement_billing_event_id, bank_trace_id, wholesale)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(seller.as_str())
    .bind(event.id.as_str())
    .bind(event.agreement.as_ref().map(AgreementId::as_str))
    .bind(event.offer.as_ref().map(AwsOfferId::as_str))
    .bind(event.action.to_string())
    .bind(event.kind.to_string())
    .bind(event.amount.currency().code())
    .bind(event.amount.amount())
    .bind(event.invoice.as_ref().map(InvoiceId::as_str))
    .bind(event.invoiced_on)
    .bind(event.payment_due)
    .bind(event.acted_at)
    .bind(event.parent.as_ref().map(BillingEventId::as_str))
    .bind(event.disbursement.as_ref().map(BillingEventId::as_str))
    .bind(&event.bank_trace)
    .bind(event.wholesale)
    .execute(conn)
    .await?;
    Ok(())
}

/// Everything that an agreement is reconciled from: its own rows by agreement or offer, the deposits
/// that hold any of them with their failures, and all other rows in those deposits.
pub(crate) async fn book(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    offer: &AwsOfferId,
) -> Result<Book, Failure> {
    let rows: Vec<BillingRow> = sqlx::query_as(
        "WITH own AS (
            SELECT * FROM billing_event WHERE seller = $1 AND agreement_id = $2
            UNION ALL
            SELECT * FROM billing_event
                WHERE seller = $1 AND agreement_id IS NULL AND aws_offer_id = $3
        ), deposits AS (
            SELECT DISTINCT disbursement_billing_event_id AS id FROM own
                WHERE disbursement_billing_event_id IS NOT NULL
        )
        SELECT * FROM own
        UNION
        SELECT e.* FROM billing_event e JOIN deposits ON e.billing_event_id = deposits.id
            WHERE e.seller = $1
        UNION
        SELECT e.* FROM billing_event e JOIN deposits ON e.parent_billing_event_id = deposits.id
            WHERE e.seller = $1
        UNION
        SELECT e.* FROM billing_event e
            JOIN deposits ON e.disbursement_billing_event_id = deposits.id
            WHERE e.seller = $1",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(offer.as_str())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(BillingEvent::try_from).collect()
}

/// A page of rows that no known agreement explains, in the order of their ids.
pub(crate) async fn unmatched(
    conn: &mut PgConnection,
    seller: &SellerId,
    after: Option<&BillingEventId>,
    limit: i64,
) -> Result<Vec<BillingEvent>, Failure> {
    let rows: Vec<BillingRow> = sqlx::query_as(
        "SELECT * FROM unmatched_billing_event
        WHERE seller = $1 AND billing_event_id > $2 ORDER BY billing_event_id LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(after.map_or("", BillingEventId::as_str))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(BillingEvent::try_from).collect()
}
