//! How deliveries stand, for whoever watches over them (P6, N6): over all sellers, and by no name.

use chrono::{DateTime, Utc};
use countersign_platform::{Failure, Gauge, Reader, Reading, Sample, Unit, async_trait};

use crate::domain::subscription::Channel;

const FAILING: Gauge = Gauge {
    name: "countersign.deliveries.failing",
    unit: Unit::Count,
    what: "Deliveries that were given up, or whose last attempt failed.",
};

/// Reads the gauge.
#[derive(Debug)]
pub(crate) struct Figures;

#[async_trait]
impl Sample for Figures {
    fn gauges(&self) -> &'static [Gauge] {
        const { &[FAILING] }
    }

    async fn sample(&self, reader: &mut Reader, _: DateTime<Utc>) -> Result<Vec<Reading>, Failure> {
        let failing: Vec<(String, i32)> = sqlx::query_as(
            "SELECT channel, count(*)::integer FROM delivery
            WHERE state = 'failed' OR (state = 'queued' AND tried > 0) GROUP BY channel",
        )
        .fetch_all(&mut **reader)
        .await?;
        let readings = Channel::ALL.map(Channel::name).into_iter().map(|channel| {
            let count = failing.iter().find(|(found, _)| found == channel);
            let count = count.map_or(0, |(_, count)| *count);
            Reading::of(FAILING.name, f64::from(count)).with("channel", channel)
        });
        Ok(readings.collect())
    }
}
