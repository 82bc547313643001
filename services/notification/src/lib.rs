//! Who is told what, once, with proof (requirements N1, N2, N3, N6).
//!
//! | | |
//! |---|---|
//! | owns | subscriptions of a seller's audiences; deliveries, each one notice to one recipient for one cause |
//! | commands | `PutSubscription`, `RemoveSubscription`, `RedriveDelivery`; `commands` |
//! | reads | `ListSubscriptions`, `ListDeliveries`, `GetDelivery`, `ReplayWebhook`; `store::views` |
//! | events out | `NoticeSent`, `NoticeFailed` (aggregate: the delivery); `events::outbound` |
//! | events in | what estimate, approval, offer and disbursement-reconciliation tell; `events::inbound` |
//! | tasks | `deliver`: one attempt at one delivery; `channels::deliver` |
//! | tables | `subscription`, `delivery`, `attempt`; `migrations/` |
//! | outside | mail servers and webhook receivers; `channels` |
//!
//! An event's way: `events::inbound` reads it into a `domain::cause::Cause`; the table
//! `domain::notices` says who is told what; `templates` writes it; the rows and their tasks are
//! queued in the event's transaction; each task sends outside any transaction and records the
//! answer. Repeated events queue nothing: a recipient hears once per cause.

mod channels;
mod commands;
mod config;
mod domain;
mod events;
mod grpc;
mod permissions;
mod store;
mod templates;

use std::sync::Arc;

use countersign_platform::{BoxError, EventHandler, MAX_MESSAGE_BYTES, Parts, Service, Wiring};
use countersign_proto::FILE_DESCRIPTOR_SET;
use countersign_proto::notification::v1::notification_service_server::NotificationServiceServer;

use crate::channels::deliver::Deliver;
use crate::domain::plan::Writer;
use crate::events::inbound::{SOURCES, Source, Teller};

pub use config::NotificationConfig;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// What the service is called, and its schema.
#[must_use]
pub fn service() -> Service {
    Service::new("notification", env!("CARGO_PKG_VERSION"))
        .migrations(&MIGRATIONS)
        .append_only(&["attempt"])
        .descriptors(FILE_DESCRIPTOR_SET)
        .permissions(&permissions::PERMISSIONS)
}

/// What the service is made of.
///
/// # Errors
/// A channel that cannot be used as configured, or a broken template: neither may go live (N7).
#[expect(
    clippy::unused_async,
    reason = "the harness awaits what a service is composed of"
)]
pub async fn compose(parts: Parts<NotificationConfig>) -> Result<Wiring, BoxError> {
    let channels = channels::Channels::new(&parts.section)?;
    let face = grpc::Notifications::new(parts.commands.clone(), parts.section.url_policy());
    let wiring = Wiring::new()
        .sample(store::figures::Figures)
        .grpc(NotificationServiceServer::new(face).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .task(commands::notify::DELIVER, Deliver::new(channels));
    Ok(tellers()?
        .into_iter()
        .fold(wiring, |wiring, (source, teller)| {
            wiring.subscribe(source, teller)
        }))
}

/// Each service whose events are told, by its schema's name, with the handler that tells them.
///
/// # Errors
/// A broken template.
pub fn tellers() -> Result<Vec<(&'static str, impl EventHandler)>, BoxError> {
    let writer: Arc<dyn Writer> = Arc::new(templates::Templates::embedded()?);
    let teller =
        |source: &'static Source| (source.schema, Teller::new(source, Arc::clone(&writer)));
    Ok(SOURCES.iter().map(teller).collect())
}
