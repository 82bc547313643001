//! How offers stand with AWS and with their clocks, for whoever watches over them (P6, O9, O18): over
//! all sellers, and by no name.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{Failure, Gauge, Reader, Reading, Sample, Unit, async_trait};

use crate::domain::clock::Kind;

/// Offers that AWS lets an account create or change at a time (aws-marketplace §1.1).
const CONCURRENT_OFFERS: i32 = 20;
/// A clock that runs out within this time is due.
const SOON: TimeDelta = TimeDelta::hours(24);

const QUOTA_LEFT: Gauge = Gauge {
    name: "countersign.aws.offers_left",
    unit: Unit::Count,
    what: "Offers that AWS still lets a seller's account create or change at the same time.",
};
const RUNNING: Gauge = Gauge {
    name: "countersign.clocks.running",
    unit: Unit::Count,
    what: "Clocks that run.",
};
const DUE: Gauge = Gauge {
    name: "countersign.clocks.due",
    unit: Unit::Count,
    what: "Clocks that run out within a day.",
};

const TO_READ: Gauge = Gauge {
    name: "countersign.aws.agreements_to_read",
    unit: Unit::Count,
    what: "Agreements that a look found and whose terms AWS was not asked for yet.",
};

/// Reads the gauges.
#[derive(Debug)]
pub(crate) struct Figures;

#[async_trait]
impl Sample for Figures {
    fn gauges(&self) -> &'static [Gauge] {
        const { &[QUOTA_LEFT, RUNNING, DUE, TO_READ] }
    }

    async fn sample(
        &self,
        reader: &mut Reader,
        now: DateTime<Utc>,
    ) -> Result<Vec<Reading>, Failure> {
        // Of the seller that has the most: each has an account of its own. What a person enters in the
        // portal is not under way at AWS.
        let under_way: i32 = sqlx::query_scalar(
            "SELECT coalesce(max(offers), 0)::integer FROM (
                SELECT count(*) AS offers FROM offer
                WHERE (state = 'releasing' AND stage #> '{way,portal}' IS NULL)
                    OR (state = 'published' AND jsonb_typeof(stage -> 'pending') = 'object')
                GROUP BY seller) AS accounts",
        )
        .fetch_one(&mut **reader)
        .await?;
        let clocks: Vec<(String, i32, i32)> = sqlx::query_as(
            "SELECT kind, count(*)::integer, count(*) FILTER (WHERE due_at <= $1)::integer
            FROM clock WHERE state = 'running' GROUP BY kind",
        )
        .bind(now + SOON)
        .fetch_all(&mut **reader)
        .await?;
        let to_read: i32 = sqlx::query_scalar(
            "SELECT count(*)::integer FROM agreement WHERE read_due IS NOT NULL",
        )
        .fetch_one(&mut **reader)
        .await?;
        let left = (CONCURRENT_OFFERS - under_way).max(0);
        let mut readings = vec![
            Reading::of(QUOTA_LEFT.name, f64::from(left)),
            Reading::of(TO_READ.name, f64::from(to_read)),
        ];
        for kind in Kind::all() {
            let found = clocks.iter().find(|(name, ..)| name == kind.name());
            let (running, due) = found.map_or((0, 0), |(_, running, due)| (*running, *due));
            for (gauge, count) in [(RUNNING, running), (DUE, due)] {
                let reading = Reading::of(gauge.name, f64::from(count));
                readings.push(reading.with("kind", kind.name()));
            }
        }
        Ok(readings)
    }
}
