//! How reconciliation stands, for whoever watches over it (P6, R8): over all sellers, and by no name.

use chrono::{DateTime, Utc};
use countersign_kernel::Decimal;
use countersign_platform::{Failure, Gauge, Reader, Reading, Sample, Unit, async_trait};

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

/// Ages in days, as AWS's own report has them (R4); today's belong to the first.
const AGES: [(&str, i32, i32); 5] = [
    ("1-30", 0, 30),
    ("31-60", 31, 60),
    ("61-90", 61, 90),
    ("91-120", 91, 120),
    ("121+", 121, i32::MAX),
];

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
    let (names, from, to) = ages();
    let amounts: Vec<(String, String, Decimal)> = sqlx::query_as(
        "SELECT c.currency, a.name, coalesce(sum(abs(d.actual - d.expected)), 0)
        FROM (SELECT DISTINCT currency FROM agreement) AS c
        CROSS JOIN unnest($2::text[], $3::integer[], $4::integer[]) AS a (name, first, last)
        LEFT JOIN discrepancy AS d ON d.state = 'open' AND d.currency = c.currency
            AND floor(extract(epoch FROM $1 - d.opened_at) / 86400) BETWEEN a.first AND a.last
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

fn ages() -> (Vec<&'static str>, Vec<i32>, Vec<i32>) {
    let names = AGES.iter().map(|(name, ..)| *name).collect();
    let from = AGES.iter().map(|(_, from, _)| *from).collect();
    (names, from, AGES.iter().map(|(.., to)| *to).collect())
}

/// For a graph, which needs no exact amount; the books are kept in decimals.
fn number(amount: Decimal) -> f64 {
    f64::try_from(amount).unwrap_or(f64::NAN)
}
