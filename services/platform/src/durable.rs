//! The durable consumer on another service's stream (messaging §2.3).

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::Stream;

use crate::failure::BoxError;

/// How long NATS waits for an acknowledgement: how soon another instance takes over after a crash.
/// Far above what a batch takes.
const ACK_WAIT: Duration = Duration::from_secs(10);
const MAX_ACK_PENDING: i64 = 512;

/// Makes the durable consumer what it should be. (`get_or_create_consumer` would return one with
/// other settings without a word.)
pub(crate) async fn ensure(stream: &Stream, durable: &str) -> Result<PullConsumer, BoxError> {
    let want = Config {
        durable_name: Some(durable.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: MAX_ACK_PENDING,
        // Exhaustion would leave the message in the stream, unseen: parking is done here.
        max_deliver: -1,
        ..Config::default()
    };
    if let Ok(consumer) = stream.get_consumer::<Config>(durable).await {
        let have = &consumer.cached_info().config;
        if have.deliver_policy == want.deliver_policy
            && have.ack_policy == want.ack_policy
            && have.ack_wait == want.ack_wait
            && have.max_ack_pending == want.max_ack_pending
            && have.max_deliver == want.max_deliver
            && have.filter_subject.is_empty()
        {
            return Ok(consumer);
        }
        tracing::warn!(durable, "the consumer has other settings; making it anew");
        stream.delete_consumer(durable).await?;
    }
    Ok(stream.create_consumer(want).await?)
}
