//! Sellers' calendars.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::SellerId;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{StoreError, Unreadable};
use crate::domain::calendar::Calendar;

#[derive(sqlx::FromRow)]
struct Row {
    holidays: Vec<NaiveDate>,
    working_weekdays: Vec<i16>,
}

impl TryFrom<Row> for Calendar {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        let weekdays = row.working_weekdays.into_iter().map(|day| {
            u32::try_from(day).map_err(|_| Unreadable::Value {
                field: "weekday",
                value: day.to_string(),
            })
        });
        Ok(Self {
            holidays: row.holidays.into_iter().collect(),
            working_weekdays: weekdays.collect::<Result<BTreeSet<_>, _>>()?,
        })
    }
}

/// The seller's calendar, if it has one of its own.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Option<Calendar>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT holidays, working_weekdays FROM seller_calendar WHERE seller = $1")
            .bind(seller.as_str())
            .fetch_optional(executor)
            .await?;
    Ok(row.map(Calendar::try_from).transpose()?)
}

/// Keeps the calendar as it is given now.
pub(crate) async fn put(
    connection: &mut PgConnection,
    seller: &SellerId,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let holidays: Vec<NaiveDate> = calendar.holidays.iter().copied().collect();
    let weekdays = calendar.working_weekdays.iter();
    let weekdays: Vec<i16> = weekdays
        .filter_map(|day| i16::try_from(*day).ok())
        .collect();
    sqlx::query(
        "INSERT INTO seller_calendar (seller, holidays, working_weekdays, updated_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (seller) DO UPDATE SET holidays = $2, working_weekdays = $3, updated_at = $4",
    )
    .bind(seller.as_str())
    .bind(holidays)
    .bind(weekdays)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// What the audit trail says of a calendar (P3).
pub(crate) fn audit_view(calendar: &Calendar) -> Value {
    json!({ "holidays": calendar.holidays, "working_weekdays": calendar.working_weekdays })
}
