//! Feed files and their rows: what was read, what was new, what was refused (R2).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use countersign_kernel::{Digest, SellerId};
use countersign_platform::Failure;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{Page, digest, inconsistent, number};
use crate::domain::intake::{FeedRow, FileVersion, RowKey};

/// How many refused rows a report names; all of them are kept.
pub(crate) const REPORTED_REFUSALS: i64 = 100;

/// What became of a file version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// Not every row was looked at yet.
    Reading,
    Ingested,
    /// Some rows were refused; the others were taken.
    Partial,
    /// Nothing was taken.
    Refused,
}

impl FileState {
    const ALL: [Self; 4] = [Self::Reading, Self::Ingested, Self::Partial, Self::Refused];

    const fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Ingested => "ingested",
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

/// How many rows became what; their sum is how many were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) new: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
}

impl Tally {
    pub(crate) const fn rows(self) -> u64 {
        self.new + self.repeated + self.refused
    }
}

/// A file version as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) state: FileState,
    pub(crate) tally: Tally,
}

/// A file version as people read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Its place: what a page token remembers.
    pub(crate) id: i64,
    pub(crate) version: FileVersion,
    pub(crate) kept: Kept,
    pub(crate) remarks: Vec<String>,
    pub(crate) read_at: DateTime<Utc>,
    /// The first [`REPORTED_REFUSALS`]: line and reason.
    pub(crate) refused: Vec<(u64, String)>,
}

#[derive(sqlx::FromRow)]
struct FileRow {
    id: i64,
    path: String,
    digest: Vec<u8>,
    feed: String,
    state: String,
    new_rows: i64,
    repeated_rows: i64,
    refused_rows: i64,
    remarks: Value,
    read_at: DateTime<Utc>,
}

impl FileRow {
    fn kept(&self) -> Result<Kept, Failure> {
        let what = "a feed file";
        let state = FileState::ALL
            .into_iter()
            .find(|state| state.word() == self.state);
        Ok(Kept {
            state: state.ok_or_else(|| inconsistent(what, &self.state))?,
            tally: Tally {
                new: number(what, self.new_rows)?,
                repeated: number(what, self.repeated_rows)?,
                refused: number(what, self.refused_rows)?,
            },
        })
    }
}

/// What is known of a file version; none when it was never seen. Under the seller's turn.
pub(crate) async fn find(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
) -> Result<Option<Kept>, Failure> {
    let row: Option<FileRow> =
        sqlx::query_as("SELECT * FROM feed_file WHERE seller = $1 AND path = $2 AND digest = $3")
            .bind(seller.as_str())
            .bind(&version.path)
            .bind(version.digest.as_bytes().as_slice())
            .fetch_optional(conn)
            .await?;
    row.map(|row| row.kept()).transpose()
}

/// Notes a file version with what was odd about it, and nothing taken yet.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
    state: FileState,
    remarks: &[String],
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO feed_file (seller, path, digest, feed, state, rows_done, new_rows,
            repeated_rows, refused_rows, remarks, read_at)
        VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, $6, $7)",
    )
    .bind(seller.as_str())
    .bind(&version.path)
    .bind(version.digest.as_bytes().as_slice())
    .bind(&version.feed)
    .bind(state.word())
    .bind(json!(remarks))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes how far a file version has come, from `before` on.
pub(crate) async fn advance(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
    before: Tally,
    after: &Kept,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let count = |count: u64| i64::try_from(count).map_err(|error| inconsistent("a count", error));
    let updated = sqlx::query(
        "UPDATE feed_file
        SET state = $5, rows_done = $6, new_rows = $7, repeated_rows = $8, refused_rows = $9,
            read_at = $10
        WHERE seller = $1 AND path = $2 AND digest = $3 AND rows_done = $4 AND state = 'reading'",
    )
    .bind(seller.as_str())
    .bind(&version.path)
    .bind(version.digest.as_bytes().as_slice())
    .bind(count(before.rows())?)
    .bind(after.state.word())
    .bind(count(after.tally.rows())?)
    .bind(count(after.tally.new)?)
    .bind(count(after.tally.repeated)?)
    .bind(count(after.tally.refused)?)
    .bind(now)
    .execute(conn)
    .await?;
    Failure::unless_one_row("the feed file", updated.rows_affected())
}

/// What is known already of these keys of a feed.
pub(crate) async fn known(
    conn: &mut PgConnection,
    seller: &SellerId,
    feed: &str,
    keys: &[&RowKey],
) -> Result<HashMap<RowKey, Digest>, Failure> {
    let entities: Vec<&str> = keys.iter().map(|key| key.entity.as_str()).collect();
    let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(
        "SELECT entity_key, version_key, content_digest FROM feed_row
        WHERE seller = $1 AND feed = $2 AND entity_key = ANY ($3)",
    )
    .bind(seller.as_str())
    .bind(feed)
    .bind(entities)
    .fetch_all(conn)
    .await?;
    let known = rows.into_iter().map(|(entity, version, content)| {
        Ok((RowKey { entity, version }, digest("a feed row", &content)?))
    });
    known.collect()
}

/// Keeps new rows as evidence, each with the line where it was first seen.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
    rows: &[(u64, &FeedRow)],
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let lines = rows.iter().map(|(line, _)| i64::try_from(*line));
    let lines: Vec<i64> = lines
        .collect::<Result<_, _>>()
        .map_err(|error| inconsistent("a line number", error))?;
    let text = |of: fn(&FeedRow) -> &str| rows.iter().map(|(_, row)| of(row)).collect::<Vec<_>>();
    let contents: Vec<&[u8]> = rows
        .iter()
        .map(|(_, row)| row.content.as_bytes().as_slice())
        .collect();
    let cells: Vec<Value> = rows.iter().map(|(_, row)| json!(row.cells)).collect();
    sqlx::query(
        "INSERT INTO feed_row (seller, feed, entity_key, version_key, content_digest, content, path,
            file_digest, line, recorded_at)
        SELECT $1, $2, entity, version, digest, cells, $3, $4, line, $5
        FROM unnest($6::text[], $7::text[], $8::bytea[], $9::jsonb[], $10::bigint[])
            AS row (entity, version, digest, cells, line)",
    )
    .bind(seller.as_str())
    .bind(&version.feed)
    .bind(&version.path)
    .bind(version.digest.as_bytes().as_slice())
    .bind(now)
    .bind(text(|row| &row.key.entity))
    .bind(text(|row| &row.key.version))
    .bind(contents)
    .bind(cells)
    .bind(lines)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps which rows were refused, and why.
pub(crate) async fn refuse(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
    refusals: &[(u64, String)],
) -> Result<(), Failure> {
    for (line, reason) in refusals {
        let line = i64::try_from(*line).map_err(|error| inconsistent("a line number", error))?;
        sqlx::query(
            "INSERT INTO feed_refusal (seller, path, file_digest, line, reason)
            VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(seller.as_str())
        .bind(&version.path)
        .bind(version.digest.as_bytes().as_slice())
        .bind(line)
        .bind(reason)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The report of one file version.
pub(crate) async fn report(
    conn: &mut PgConnection,
    seller: &SellerId,
    version: &FileVersion,
) -> Result<Report, Failure> {
    let row: FileRow =
        sqlx::query_as("SELECT * FROM feed_file WHERE seller = $1 AND path = $2 AND digest = $3")
            .bind(seller.as_str())
            .bind(&version.path)
            .bind(version.digest.as_bytes().as_slice())
            .fetch_one(&mut *conn)
            .await?;
    with_refusals(conn, seller, row).await
}

/// A page of reports, newest first.
pub(crate) async fn page(
    conn: &mut PgConnection,
    seller: &SellerId,
    page: &Page,
) -> Result<Vec<Report>, Failure> {
    let rows: Vec<FileRow> = sqlx::query_as(
        "SELECT * FROM feed_file WHERE seller = $1 AND ($2 = 0 OR id < $2)
        ORDER BY id DESC LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(&mut *conn)
    .await?;
    let mut reports = Vec::with_capacity(rows.len());
    for row in rows {
        reports.push(with_refusals(&mut *conn, seller, row).await?);
    }
    Ok(reports)
}

async fn with_refusals(
    conn: &mut PgConnection,
    seller: &SellerId,
    row: FileRow,
) -> Result<Report, Failure> {
    let what = "a feed file";
    let refused: Vec<(i64, String)> = if row.refused_rows == 0 {
        Vec::new()
    } else {
        sqlx::query_as(
            "SELECT line, reason FROM feed_refusal
            WHERE seller = $1 AND path = $2 AND file_digest = $3 ORDER BY line LIMIT $4",
        )
        .bind(seller.as_str())
        .bind(&row.path)
        .bind(&row.digest)
        .bind(REPORTED_REFUSALS)
        .fetch_all(conn)
        .await?
    };
    let refused = refused
        .into_iter()
        .map(|(line, reason)| Ok((number(what, line)?, reason)));
    let kept = row.kept()?;
    let remarks = serde_json::from_value(row.remarks).map_err(|error| inconsistent(what, error))?;
    Ok(Report {
        id: row.id,
        version: FileVersion {
            digest: digest(what, &row.digest)?,
            path: row.path,
            feed: row.feed,
        },
        kept,
        remarks,
        read_at: row.read_at,
        refused: refused.collect::<Result<_, Failure>>()?,
    })
}
