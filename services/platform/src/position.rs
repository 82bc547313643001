//! How far another service's stream was read, to notice that it went back or is another.

use async_nats::jetstream::stream::{Info, RawMessageErrorKind, Stream};
use sqlx::PgPool;

use crate::envelope::{IncomingEvent, MESSAGE_ID};
use crate::failure::{BoxError, Failure};
use crate::nats;
use crate::unit_of_work::UnitOfWork;

#[derive(sqlx::FromRow)]
struct Position {
    stream_created: String,
    last_stream_seq: i64,
    last_message_id: String,
}

/// Notes the last message dealt with, in the transaction that dealt with it.
pub(crate) async fn advance(
    uow: &mut UnitOfWork,
    source: &str,
    created: &str,
    last: &IncomingEvent,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO consumer_position AS p
            (source, stream_created, last_stream_seq, last_message_id)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (source) DO UPDATE
            SET stream_created = $2, last_stream_seq = $3, last_message_id = $4
        WHERE p.stream_created <> $2 OR p.last_stream_seq < $3",
    )
    .bind(source)
    .bind(created)
    .bind(i64::try_from(last.stream_seq).unwrap_or(i64::MAX))
    .bind(last.id.to_string())
    .execute(uow.connection())
    .await?;
    Ok(())
}

/// Whether the stream is the one that was read, and still holds the last message read. A stream
/// never read holds.
pub(crate) async fn holds<T>(
    pool: &PgPool,
    source: &str,
    stream: &Stream<T>,
    info: &Info,
) -> Result<bool, BoxError> {
    let position: Option<Position> = sqlx::query_as(
        "SELECT stream_created, last_stream_seq, last_message_id FROM consumer_position
        WHERE source = $1",
    )
    .bind(source)
    .fetch_optional(pool)
    .await?;
    let Some(position) = position else {
        return Ok(true);
    };
    let last = u64::try_from(position.last_stream_seq).unwrap_or_default();
    if position.stream_created != nats::created(info) || last > info.state.last_sequence {
        return Ok(false);
    }
    if last == 0 {
        return Ok(true);
    }
    match stream.get_raw_message(last).await {
        // The publisher may have sent it as another generation: the id leads the message id.
        Ok(message) => Ok(message
            .headers
            .get(MESSAGE_ID)
            .is_some_and(|id| id.as_str().starts_with(&position.last_message_id))),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Begins again at the first message of a stream.
pub(crate) async fn reset(pool: &PgPool, source: &str, created: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE consumer_position
        SET stream_created = $2, last_stream_seq = 0, last_message_id = ''
        WHERE source = $1",
    )
    .bind(source)
    .bind(created)
    .execute(pool)
    .await
    .map(drop)
}
