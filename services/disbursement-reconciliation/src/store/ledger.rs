//! The ledger's rows: inserted, never changed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Decimal, EngagementId, Money, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Page, inconsistent, money, parse};
use crate::domain::agreement::Posted;
use crate::domain::ids::AgreementId;
use crate::domain::ledger::{Account, Entry, Side, Source, Transaction};
use crate::domain::terms::Terms;

/// What a transaction is, beside its entries.
pub(crate) struct Head<'a> {
    pub(crate) id: Uuid,
    pub(crate) source: &'a Source,
    pub(crate) revision: u32,
    pub(crate) effective: NaiveDate,
    pub(crate) description: &'a str,
    pub(crate) recorded_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    transaction_id: Uuid,
    account: String,
    currency: String,
    debit: Decimal,
    credit: Decimal,
}

impl EntryRow {
    fn entry(&self) -> Result<Entry, Failure> {
        let what = "a ledger entry";
        let currency: Currency = parse(what, &self.currency)?;
        let (side, amount) = if self.credit.is_zero() {
            (Side::Debit, self.debit)
        } else {
            (Side::Credit, self.credit)
        };
        let account = parse(what, &self.account)?;
        Ok(Entry {
            account,
            side,
            amount: money(what, amount, currency)?,
        })
    }
}

pub(super) async fn insert(
    conn: &mut PgConnection,
    seller: &SellerId,
    terms: &Terms,
    head: Head<'_>,
    transaction: &Transaction,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO ledger_transaction (seller, transaction_id, agreement_id, engagement_id,
            source, revision, description, effective_date, recorded_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(seller.as_str())
    .bind(head.id)
    .bind(terms.agreement.as_str())
    .bind(terms.engagement.as_str())
    .bind(head.source.to_string())
    .bind(i64::from(head.revision))
    .bind(head.description)
    .bind(head.effective)
    .bind(head.recorded_at)
    .execute(&mut *conn)
    .await?;
    for (line, entry) in (1_i64..).zip(transaction.entries()) {
        let (debit, credit) = sides(entry);
        sqlx::query(
            "INSERT INTO ledger_entry (seller, transaction_id, line, account, currency, debit,
                credit)
            VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(seller.as_str())
        .bind(head.id)
        .bind(line)
        .bind(entry.account.name())
        .bind(entry.amount.currency().code())
        .bind(debit.amount())
        .bind(credit.amount())
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Debit and credit; one of them is zero.
pub(crate) fn sides(entry: &Entry) -> (Money, Money) {
    let nothing = Money::zero(entry.amount.currency());
    match entry.side {
        Side::Debit => (entry.amount, nothing),
        Side::Credit => (nothing, entry.amount),
    }
}

/// What each source of an agreement has posted.
pub(super) async fn posted(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<BTreeMap<Source, Posted>, Failure> {
    let heads: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT transaction_id, source FROM ledger_transaction
        WHERE seller = $1 AND agreement_id = $2 ORDER BY id",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_all(&mut *conn)
    .await?;
    let rows: Vec<EntryRow> = sqlx::query_as(
        "SELECT e.transaction_id, e.account, e.currency, e.debit, e.credit
        FROM ledger_entry e
        JOIN ledger_transaction t USING (seller, transaction_id)
        WHERE t.seller = $1 AND t.agreement_id = $2 ORDER BY t.id, e.line",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_all(conn)
    .await?;
    let mut transactions = grouped(&rows)?;
    let mut posted: BTreeMap<Source, Posted> = BTreeMap::new();
    for (id, source) in heads {
        let entries = transactions.remove(&id).unwrap_or_default();
        let what = "a ledger transaction";
        let transaction = Transaction::new(entries).map_err(|error| inconsistent(what, error))?;
        let of_source = posted.entry(parse(what, &source)?).or_default();
        of_source.transactions += 1;
        let net = std::mem::take(&mut of_source.net);
        of_source.net = net
            .with(&transaction)
            .map_err(|error| inconsistent(what, error))?;
    }
    Ok(posted)
}

fn grouped(rows: &[EntryRow]) -> Result<BTreeMap<Uuid, Vec<Entry>>, Failure> {
    let mut transactions: BTreeMap<Uuid, Vec<Entry>> = BTreeMap::new();
    for row in rows {
        transactions
            .entry(row.transaction_id)
            .or_default()
            .push(row.entry()?);
    }
    Ok(transactions)
}

/// A transaction as people read it.
#[derive(Debug)]
pub(crate) struct Written {
    /// Its place: what a page token remembers.
    pub(crate) id: i64,
    pub(crate) transaction_id: Uuid,
    pub(crate) engagement_id: String,
    pub(crate) source: String,
    pub(crate) description: String,
    pub(crate) effective: NaiveDate,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(sqlx::FromRow)]
struct HeadRow {
    id: i64,
    transaction_id: Uuid,
    engagement_id: String,
    source: String,
    description: String,
    effective_date: NaiveDate,
    recorded_at: DateTime<Utc>,
}

/// A page of transactions, oldest first; of one engagement when one is given.
pub(crate) async fn page(
    conn: &mut PgConnection,
    seller: &SellerId,
    engagement: Option<&EngagementId>,
    page: &Page,
) -> Result<Vec<Written>, Failure> {
    let heads: Vec<HeadRow> = sqlx::query_as(
        "SELECT id, transaction_id, engagement_id, source, description, effective_date, recorded_at
        FROM ledger_transaction
        WHERE seller = $1 AND ($2::text IS NULL OR engagement_id = $2) AND id > $3
        ORDER BY id LIMIT $4",
    )
    .bind(seller.as_str())
    .bind(engagement.map(EngagementId::as_str))
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = heads.iter().map(|head| head.transaction_id).collect();
    let rows: Vec<EntryRow> = sqlx::query_as(
        "SELECT transaction_id, account, currency, debit, credit FROM ledger_entry
        WHERE seller = $1 AND transaction_id = ANY ($2) ORDER BY transaction_id, line",
    )
    .bind(seller.as_str())
    .bind(&ids)
    .fetch_all(conn)
    .await?;
    let mut transactions = grouped(&rows)?;
    let written = heads.into_iter().map(|head| Written {
        id: head.id,
        entries: transactions
            .remove(&head.transaction_id)
            .unwrap_or_default(),
        transaction_id: head.transaction_id,
        engagement_id: head.engagement_id,
        source: head.source,
        description: head.description,
        effective: head.effective_date,
        recorded_at: head.recorded_at,
    });
    Ok(written.collect())
}

/// An account's sums in one currency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountSums {
    pub(crate) account: Account,
    pub(crate) debits: Money,
    pub(crate) credits: Money,
}

/// Every account that was ever posted to, of one engagement when one is given.
pub(crate) async fn sums(
    conn: &mut PgConnection,
    seller: &SellerId,
    engagement: Option<&EngagementId>,
) -> Result<Vec<AccountSums>, Failure> {
    let rows: Vec<(String, String, Decimal, Decimal)> = sqlx::query_as(
        "SELECT e.account, e.currency, sum(e.debit), sum(e.credit)
        FROM ledger_entry e
        JOIN ledger_transaction t USING (seller, transaction_id)
        WHERE t.seller = $1 AND ($2::text IS NULL OR t.engagement_id = $2)
        GROUP BY e.account, e.currency ORDER BY e.account, e.currency",
    )
    .bind(seller.as_str())
    .bind(engagement.map(EngagementId::as_str))
    .fetch_all(conn)
    .await?;
    let sums = rows
        .into_iter()
        .map(|(account, currency, debits, credits)| {
            let what = "account sums";
            let currency: Currency = parse(what, &currency)?;
            Ok(AccountSums {
                account: parse(what, &account)?,
                debits: money(what, debits, currency)?,
                credits: money(what, credits, currency)?,
            })
        });
    sums.collect()
}
