//! How reconciliation stands, for whoever watches over it (P6, R8): over all sellers, and by no name.

use chrono::{DateTime, Utc};
use countersign_kernel::Decimal;
use countersign_platform::{Failure, Gauge, Reader, Reading, Sample, Unit, async_trait};

use crate::domain::cash::OverdueBucket;
use crate::domain::discrepancy::Kind;

const OPEN: Gauge = Gauge {
    name: "countersign.discrepancies.open",
    unit: Unit::Count,
    what: "Open cases, by kind.",
};
const UNRECONCILED: Gauge = Gauge {
    name: "countersign.unreconciled.amount",
    unit: Unit::Count,
    what: "What open cases differ by, added up without sign, by currency and by the cases' age in days.",
};
const DUE: Gauge = Gauge {
    name: "countersign.agreements.unreconciled",
    unit: Unit::Count,
    what: "Agreements with rows that are not reconciled yet.",
};

/// Reads the gauges.
#[derive(Debug)]
pub(crate) struct Figures;

#[async_trait]
impl Sample for Figures {
    fn gauges(&self) -> &'static [Gauge] {
        const { &[OPEN, UNRECONCILED, DUE] }
    }

    async fn sample(
        &self,
        reader: &mut Reader,
        now: DateTime<Utc>,
    ) -> Result<Vec<Reading>, Failure> {
        let mut readings = open(reader).await?;
        readings.extend(unreconciled(reader, now).await?);
        let due: i64 = sqlx::query_scalar("SELECT count(*) FROM reconcile_due")
            .fetch_one(&mut **reader)
            .await?;
        readings.push(Reading::of(DUE.name, number(due.into())));
        Ok(readings)
    }
}

async fn open(reader: &mut Reader) -> Result<Vec<Reading>, Failure> {
    let open: Vec<(String, i64)> =
        sqlx::query_as("SELECT kind, count(*) FROM discrepancy WHERE state = 'open' GROUP BY kind")
            .fetch_all(&mut **reader)
            .await?;
    let readings = Kind::ALL.iter().map(|kind| {
        let kind = kind.to_string();
        let count = open.iter().find(|(found, _)| *found == kind);
        let count = count.map_or(0, |(_, count)| *count);
        Reading::of(OPEN.name, number(count.into())).with("kind", kind)
    });
    Ok(readings.collect())
}

/// Every age of each currency that there are agreements in, also those that nothing is open of.
async fn unreconciled(reader: &mut Reader, now: DateTime<Utc>) -> Result<Vec<Reading>, Failure> {
    // Ages are AWS's own report's (R4).
    let names: Vec<_> = OverdueBucket::ALL.iter().map(|age| age.name()).collect();
    let days = OverdueBucket::ALL.map(|age| age.days().into_inner());
    let (from, to): (Vec<i32>, Vec<i32>) = days.into_iter().unzip();
    let amounts: Vec<(String, String, Decimal)> = sqlx::query_as(
        "SELECT c.currency, a.name, coalesce(sum(abs(d.actual - d.expected)), 0)
        FROM (SELECT DISTINCT currency FROM agreement) AS c
        CROSS JOIN unnest($2::text[], $3::integer[], $4::integer[]) AS a (name, first, last)
        LEFT JOIN discrepancy AS d ON d.state = 'open' AND d.currency = c.currency
            -- Today's count as a day old.
            AND greatest(floor(extract(epoch FROM $1 - d.opened_at) / 86400), 1)
                BETWEEN a.first AND a.last
        GROUP BY c.currency, a.name",
    )
    .bind(now)
    .bind(names)
    .bind(from)
    .bind(to)
    .fetch_all(&mut **reader)
    .await?;
    let readings = amounts.into_iter().map(|(currency, age, amount)| {
        Reading::of(UNRECONCILED.name, number(amount))
            .with("currency", currency)
            .with("age", age)
    });
    Ok(readings.collect())
}

/// For a graph, which needs no exact amount; the books are kept in decimals.
fn number(amount: Decimal) -> f64 {
    f64::try_from(amount).unwrap_or(f64::NAN)
}
