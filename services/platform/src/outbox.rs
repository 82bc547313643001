//! Outgoing events, written in the transaction that causes them. The rows stay: the outbox, not
//! NATS, is the record.

use countersign_kernel::{EngagementId, SellerId};
use uuid::Uuid;

use crate::envelope::{MAX_PAYLOAD_BYTES, NewEvent};
use crate::failure::Failure;
use crate::tenancy::{Access, Scope};
use crate::unit_of_work::{Database, UnitOfWork};

impl UnitOfWork {
    /// Publishes an event when, and only when, this unit of work commits. Write the state first:
    /// the lock on the aggregate's sequence, taken here, is held until the commit.
    ///
    /// # Errors
    /// A payload above [`MAX_PAYLOAD_BYTES`], or the database.
    pub async fn publish(&mut self, event: NewEvent) -> Result<Uuid, Failure> {
        if event.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Failure::internal(
                format!("publishing {}", event.type_name),
                format!("{} bytes are too many", event.payload.len()),
            ));
        }
        let event_id = self.new_id();
        let causation = self.cause().id();
        let traceparent = self.trace().to_string();
        if let Some(engagement) = &event.engagement {
            self.concerns(engagement);
        }
        let now = self.now();
        sqlx::query(
            "WITH sequence AS (
                INSERT INTO aggregate_sequence AS s
                    (seller, aggregate_id, event_seq, audit_seq, audit_head, traceparent)
                VALUES ($1, $2, 1, 0, '', $7)
                ON CONFLICT (seller, aggregate_id) DO UPDATE
                    SET event_seq = s.event_seq + 1, traceparent = $7
                RETURNING event_seq
            )
            INSERT INTO outbox (event_id, seller, engagement, aggregate_id, aggregate_seq,
                type_name, causation, traceparent, payload, occurred_at)
            SELECT $3, $1, $4, $2, event_seq, $5, $6, $7, $8, $9 FROM sequence",
        )
        .bind(event.seller.as_str())
        .bind(&event.aggregate_id)
        .bind(event_id)
        .bind(event.engagement.as_ref().map(EngagementId::as_str))
        .bind(&event.type_name)
        .bind(causation)
        .bind(traceparent)
        .bind(event.payload)
        .bind(now)
        .execute(self.connection())
        .await?;
        self.published = true;
        Ok(event_id)
    }
}

/// Takes the events of an aggregate back from `from_seq` on, to be published again as a new
/// generation. Returns how many.
pub(crate) async fn replay(
    database: &Database,
    seller: &SellerId,
    aggregate_id: &str,
    from_seq: i64,
) -> Result<u64, sqlx::Error> {
    let scope = Scope::Seller(seller.clone());
    let mut transaction = database.open(&scope, Access::Write).await?;
    let taken = sqlx::query(
        "UPDATE outbox SET published_at = NULL, generation = generation + 1
        WHERE seller = $1 AND aggregate_id = $2 AND aggregate_seq >= $3
            AND published_at IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(aggregate_id)
    .bind(from_seq)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    transaction.commit().await?;
    Ok(taken)
}
