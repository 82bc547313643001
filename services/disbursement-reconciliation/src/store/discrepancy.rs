//! Cases: opened, cleared, resolved.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Decimal, EngagementId, Principal, SellerId};
use countersign_platform::Failure;
use sqlx::{PgConnection, PgExecutor};

use super::{Page, inconsistent, money, number, parse};
use crate::domain::discrepancy::{Case, CaseId, CaseStatus, Finding};
use crate::domain::ids::AgreementId;
use crate::domain::terms::Terms;

#[derive(sqlx::FromRow)]
struct CaseRow {
    id: i64,
    case_id: String,
    agreement_id: String,
    engagement_id: String,
    charge: i32,
    topic: String,
    kind: String,
    currency: String,
    expected: Decimal,
    actual: Decimal,
    state: String,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    resolved_by: Option<String>,
    resolution: Option<String>,
}

/// A case with whose it is.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its place: what a page token remembers.
    pub(crate) id: i64,
    pub(crate) agreement_id: String,
    pub(crate) engagement_id: String,
    pub(crate) case: Case,
}

impl TryFrom<CaseRow> for Listed {
    type Error = Failure;

    fn try_from(row: CaseRow) -> Result<Self, Failure> {
        let what = "a case";
        let currency: Currency = parse(what, &row.currency)?;
        let expected = money(what, row.expected, currency)?;
        let actual = money(what, row.actual, currency)?;
        let finding = Finding {
            charge: number(what, row.charge)?,
            topic: parse(what, &row.topic)?,
            kind: parse(what, &row.kind)?,
            expected,
            actual,
            difference: actual
                .checked_sub(expected)
                .map_err(|error| inconsistent(what, error))?,
        };
        let status = match (
            row.state.as_str(),
            row.closed_at,
            row.resolved_by,
            row.resolution,
        ) {
            ("open", None, None, None) => CaseStatus::Open,
            ("cleared", Some(at), None, None) => CaseStatus::Cleared { at },
            ("resolved", Some(at), Some(by), Some(reason)) => CaseStatus::Resolved {
                by: parse(what, &by)?,
                reason,
                at,
            },
            (state, ..) => return Err(inconsistent(what, format!("it is {state}, but not so"))),
        };
        let id = parse(what, &row.case_id)?;
        Ok(Self {
            id: row.id,
            agreement_id: row.agreement_id,
            engagement_id: row.engagement_id,
            case: Case {
                id,
                finding,
                opened_at: row.opened_at,
                status,
            },
        })
    }
}

pub(super) async fn of_agreement(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<BTreeMap<CaseId, Case>, Failure> {
    let rows: Vec<CaseRow> =
        sqlx::query_as("SELECT * FROM discrepancy WHERE seller = $1 AND agreement_id = $2")
            .bind(seller.as_str())
            .bind(agreement.as_str())
            .fetch_all(conn)
            .await?;
    let cases = rows
        .into_iter()
        .map(|row| Listed::try_from(row).map(|listed| (listed.case.id.clone(), listed.case)));
    cases.collect()
}

/// Opens a case; the same difference found again after it was cleared is the same case.
pub(super) async fn open(
    conn: &mut PgConnection,
    seller: &SellerId,
    terms: &Terms,
    case: &Case,
) -> Result<(), Failure> {
    let finding = &case.finding;
    sqlx::query(
        "INSERT INTO discrepancy (seller, case_id, agreement_id, engagement_id, charge, topic, kind,
            currency, expected, actual, state, opened_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11)
        ON CONFLICT (seller, case_id) DO UPDATE
            SET state = 'open', opened_at = $11, closed_at = NULL, resolved_by = NULL,
                resolution = NULL",
    )
    .bind(seller.as_str())
    .bind(case.id.as_str())
    .bind(terms.agreement.as_str())
    .bind(terms.engagement.as_str())
    .bind(i64::from(finding.charge))
    .bind(finding.topic.to_string())
    .bind(finding.kind.to_string())
    .bind(finding.expected.currency().code())
    .bind(finding.expected.amount())
    .bind(finding.actual.amount())
    .bind(case.opened_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn clear(
    conn: &mut PgConnection,
    seller: &SellerId,
    case: &CaseId,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let cleared = sqlx::query(
        "UPDATE discrepancy SET state = 'cleared', closed_at = $3
        WHERE seller = $1 AND case_id = $2 AND state = 'open'",
    )
    .bind(seller.as_str())
    .bind(case.as_str())
    .bind(at)
    .execute(conn)
    .await?;
    Failure::unless_one_row("the case", cleared.rows_affected())
}

pub(super) async fn resolve(
    conn: &mut PgConnection,
    seller: &SellerId,
    case: &CaseId,
    by: &Principal,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let resolved = sqlx::query(
        "UPDATE discrepancy SET state = 'resolved', closed_at = $3, resolved_by = $4, resolution = $5
        WHERE seller = $1 AND case_id = $2 AND state = 'open'",
    )
    .bind(seller.as_str())
    .bind(case.as_str())
    .bind(at)
    .bind(by.as_str())
    .bind(reason)
    .execute(conn)
    .await?;
    Failure::unless_one_row("the case", resolved.rows_affected())
}

/// The agreement that a case is about; none when there is no such case.
pub(crate) async fn agreement_of(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    case: &CaseId,
) -> Result<Option<AgreementId>, Failure> {
    let id: Option<String> = sqlx::query_scalar(
        "SELECT agreement_id FROM discrepancy WHERE seller = $1 AND case_id = $2",
    )
    .bind(seller.as_str())
    .bind(case.as_str())
    .fetch_optional(executor)
    .await?;
    id.map(|id| parse("a case", &id)).transpose()
}

/// One case. It must be there.
pub(crate) async fn get(
    conn: &mut PgConnection,
    seller: &SellerId,
    case: &CaseId,
) -> Result<Listed, Failure> {
    let row: CaseRow =
        sqlx::query_as("SELECT * FROM discrepancy WHERE seller = $1 AND case_id = $2")
            .bind(seller.as_str())
            .bind(case.as_str())
            .fetch_one(conn)
            .await?;
    row.try_into()
}

/// Which cases are listed.
pub(crate) struct Filter {
    pub(crate) engagement: Option<EngagementId>,
    /// `open`, `cleared` or `resolved`.
    pub(crate) state: Option<&'static str>,
}

/// A page of cases in the order in which they were first opened.
pub(crate) async fn page(
    conn: &mut PgConnection,
    seller: &SellerId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Listed>, Failure> {
    let rows: Vec<CaseRow> = sqlx::query_as(
        "SELECT * FROM discrepancy
        WHERE seller = $1 AND ($2::text IS NULL OR engagement_id = $2)
            AND ($3::text IS NULL OR state = $3) AND id > $4
        ORDER BY id LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(filter.engagement.as_ref().map(EngagementId::as_str))
    .bind(filter.state)
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Listed::try_from).collect()
}
