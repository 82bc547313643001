//! The audit trail (P3): append-only, and a hash chain per aggregate, so that a changed, missing
//! or inserted entry shows.

use chrono::{DateTime, Utc};
use countersign_kernel::{Digest, DigestBuilder, EngagementId, SellerId};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::unit_of_work::{Database, UnitOfWork};

/// Entries read at a time when a trail is exported.
const EXPORT_PAGE: i64 = 500;

/// One entry to write: what was done to an aggregate. Who, when, and because of what is known.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// The tenant.
    pub seller: SellerId,
    /// The deal, where there is one.
    pub engagement: Option<EngagementId>,
    /// What was changed.
    pub aggregate_id: String,
    /// What was done, in one word, such as `submit`.
    pub action: String,
    /// Why, in the words of who did it; empty if none were asked for.
    pub reason: String,
    /// The state before, if there was one.
    pub before: Option<Value>,
    /// The state after.
    pub after: Option<Value>,
}

/// One entry as written.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditEntry {
    /// The tenant.
    pub seller: String,
    /// What was changed.
    pub aggregate_id: String,
    /// Its place in the aggregate's chain: 1, 2, 3…
    pub audit_seq: i64,
    /// The deal, where there is one.
    pub engagement: Option<String>,
    /// When, by the service's clock.
    pub occurred_at: DateTime<Utc>,
    /// `command`, `event` or `task`.
    pub cause_kind: String,
    /// What names the cause.
    pub cause_id: String,
    /// Who.
    pub principal: String,
    /// What was done.
    pub action: String,
    /// Why.
    pub reason: String,
    /// JSON of the state before.
    pub state_before: Option<String>,
    /// JSON of the state after.
    pub state_after: Option<String>,
    /// SHA-256 over the hash before it, its number, and the digest of the rest.
    pub hash: Vec<u8>,
}

impl AuditEntry {
    /// The digest of all but number and hash: what the chain binds.
    fn content(&self) -> Digest {
        let micros = self.occurred_at.timestamp_micros().to_string();
        let optional = |value: &Option<String>| match value {
            Some(text) => format!("+{text}"),
            None => String::new(),
        };
        DigestBuilder::new("countersign.audit.v1")
            .field("seller", &self.seller)
            .field("aggregate_id", &self.aggregate_id)
            .field("engagement", optional(&self.engagement))
            .field("occurred_at", &micros)
            .field("cause_kind", &self.cause_kind)
            .field("cause_id", &self.cause_id)
            .field("principal", &self.principal)
            .field("action", &self.action)
            .field("reason", &self.reason)
            .field("before", optional(&self.state_before))
            .field("after", optional(&self.state_after))
            .finish()
    }

    fn hash_after(&self, head: &[u8]) -> Vec<u8> {
        Sha256::new()
            .chain_update(head)
            .chain_update(self.audit_seq.to_be_bytes())
            .chain_update(self.content().as_bytes())
            .finalize()
            .to_vec()
    }
}

impl UnitOfWork {
    /// Writes an audit entry when, and only when, this unit of work commits.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit(&mut self, entry: NewAudit) -> Result<(), Failure> {
        if let Some(engagement) = &entry.engagement {
            self.concerns(engagement);
        }
        let traceparent = self.trace().to_string();
        let entry = AuditEntry {
            seller: entry.seller.to_string(),
            aggregate_id: entry.aggregate_id,
            audit_seq: 0,
            engagement: entry.engagement.map(|id| id.to_string()),
            occurred_at: self.now(),
            cause_kind: self.cause().kind().to_owned(),
            cause_id: self.cause().id(),
            principal: self.cause().principal(),
            action: entry.action,
            reason: entry.reason,
            state_before: entry.before.map(|value| value.to_string()),
            state_after: entry.after.map(|value| value.to_string()),
            hash: Vec::new(),
        };
        let content = entry.content();
        sqlx::query(
            "WITH head AS (
                INSERT INTO aggregate_sequence AS s
                    (seller, aggregate_id, event_seq, audit_seq, audit_head, traceparent)
                VALUES ($1, $2, 0, 1, sha256(int8send(1) || $3), $13)
                ON CONFLICT (seller, aggregate_id) DO UPDATE SET
                    audit_seq = s.audit_seq + 1,
                    audit_head = sha256(s.audit_head || int8send(s.audit_seq + 1) || $3),
                    traceparent = $13
                RETURNING audit_seq, audit_head
            )
            INSERT INTO audit (seller, aggregate_id, audit_seq, engagement, occurred_at, cause_kind,
                cause_id, principal, action, reason, state_before, state_after, hash)
            SELECT $1, $2, audit_seq, $4, $5, $6, $7, $8, $9, $10, $11, $12, audit_head FROM head",
        )
        .bind(&entry.seller)
        .bind(&entry.aggregate_id)
        .bind(content.as_bytes().as_slice())
        .bind(&entry.engagement)
        .bind(entry.occurred_at)
        .bind(&entry.cause_kind)
        .bind(&entry.cause_id)
        .bind(&entry.principal)
        .bind(&entry.action)
        .bind(&entry.reason)
        .bind(&entry.state_before)
        .bind(&entry.state_after)
        .bind(traceparent)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// What a chain's check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is as it was written, and none is missing. How many there are.
    Intact(i64),
    /// The number of the first entry that is not as it was written, or that is missing.
    BrokenAt(i64),
}

/// Every entry of a seller, or of one of its aggregates, in order. Read page by page, so that a
/// slow reader holds no connection.
#[must_use]
pub fn export(
    database: Database,
    seller: SellerId,
    aggregate_id: Option<String>,
) -> BoxStream<'static, Result<AuditEntry, Failure>> {
    let after = (String::new(), 0_i64);
    stream::try_unfold(Some(after), move |after| {
        let (database, seller, only) = (database.clone(), seller.clone(), aggregate_id.clone());
        async move {
            let Some((aggregate_id, audit_seq)) = after else {
                return Ok::<_, Failure>(None);
            };
            let mut reader = database.reading(&seller).await?;
            let page: Vec<AuditEntry> = sqlx::query_as(
                "SELECT seller, aggregate_id, audit_seq, engagement, occurred_at, cause_kind,
                    cause_id, principal, action, reason, state_before, state_after, hash
                FROM audit WHERE seller = $1 AND ($2::text IS NULL OR aggregate_id = $2)
                    AND (aggregate_id, audit_seq) > ($3, $4)
                ORDER BY aggregate_id, audit_seq LIMIT $5",
            )
            .bind(seller.as_str())
            .bind(only)
            .bind(aggregate_id)
            .bind(audit_seq)
            .bind(EXPORT_PAGE)
            .fetch_all(&mut *reader)
            .await?;
            let next = page
                .last()
                .map(|entry| (entry.aggregate_id.clone(), entry.audit_seq));
            Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
        }
    })
    .try_flatten()
    .boxed()
}

/// Recomputes the chain of an aggregate, to the head that is kept beside it.
///
/// # Errors
/// The database's.
pub async fn verify(
    database: &Database,
    seller: &SellerId,
    aggregate_id: &str,
) -> Result<Verdict, Failure> {
    let mut reader = database.reading(seller).await?;
    let kept: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT audit_seq, audit_head FROM aggregate_sequence
        WHERE seller = $1 AND aggregate_id = $2",
    )
    .bind(seller.as_str())
    .bind(aggregate_id)
    .fetch_optional(&mut *reader)
    .await?;
    drop(reader);
    let (last, kept_head) = kept.unwrap_or_default();
    let mut entries = export(
        database.clone(),
        seller.clone(),
        Some(aggregate_id.to_owned()),
    );
    let (mut seq, mut head) = (0, Vec::new());
    while seq < last {
        let Some(entry) = entries.try_next().await? else {
            return Ok(Verdict::BrokenAt(seq + 1));
        };
        if entry.audit_seq != seq + 1 || entry.hash != entry.hash_after(&head) {
            return Ok(Verdict::BrokenAt(seq + 1));
        }
        seq += 1;
        head = entry.hash;
    }
    // What was written after `last` was read is another check's.
    Ok(if head == kept_head {
        Verdict::Intact(seq)
    } else {
        Verdict::BrokenAt(seq)
    })
}
