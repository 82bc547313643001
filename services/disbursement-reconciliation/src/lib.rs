//! Expected cash against what AWS paid, to the cent (R1 to R5).
//!
//! # The map
//! | what | where |
//! |---|---|
//! | owns | accepted agreements and their expected charges, AWS's feed rows, the ledger, discrepancy cases, the seller's cash policy |
//! | commands | `IngestFeeds`, `ResolveDiscrepancy`, `PutCashPolicy` ([`grpc`]); the turn by the clock ([`feeds`]) |
//! | events out | `CashDisbursed`, `DiscrepancyFound`, `EngagementSettled`; aggregate: the agreement ([`events`]) |
//! | events in | `countersign.offer.v1.AgreementAccepted`, `countersign.offer.v1.PaymentRequestApproved`, `countersign.offer.v1.AgreementEnded`, `countersign.offer.v1.ResaleAuthorizationReleased` ([`events`]) |
//! | tables | `agreement`, `expected_charge`, `billing_event`, `feed_file`, `feed_row`, `feed_refusal`, `ledger_transaction`, `ledger_entry`, `discrepancy`, `cash_policy`, `reconcile_due`, `seller_turn`, `resale_authorization`, `resale_authorization_charge` ([`store`]) |
//! | accounts | the table in [`domain::ledger`] |
//!
//! An accepted agreement says which cash is expected; the feeds say which came. Both are kept, each
//! for itself and for ever, and whatever is shown or booked is computed from both: so it does not
//! matter which came first, and a row that comes twice is one row. What a reseller sold of the seller's
//! services is an agreement too: the offer service tells the wholesale price with its resale authorization,
//! and the feeds tell that it was sold, however often ([`domain::authorization`]). AWS's fee of it is half a
//! point higher, unless the seller's policy says otherwise.

mod commands;
mod config;
mod domain;
mod events;
mod feeds;
mod grpc;
mod permissions;
mod store;
mod wire;

use std::future::{Ready, ready};
use std::time::Duration;

use countersign_platform::{BoxError, MAX_MESSAGE_BYTES, Parts, Service, Wiring};
use countersign_proto::disbursement_reconciliation::v1::disbursement_reconciliation_service_server::DisbursementReconciliationServiceServer;

pub use config::{DisbursementReconciliationConfig, FeedLocation};
pub use events::inbound::Offers;

use feeds::ingest::{Feeds, Poll, TASK};
use feeds::source::FeedSource;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Rows of these are evidence or books: written once.
const APPEND_ONLY: [&str; 5] = [
    "billing_event",
    "feed_row",
    "feed_refusal",
    "ledger_transaction",
    "ledger_entry",
];

/// The service as the harness knows it.
#[must_use]
pub fn service() -> Service {
    Service::new("disbursement-reconciliation", env!("CARGO_PKG_VERSION"))
        .migrations(&MIGRATIONS)
        .append_only(&APPEND_ONLY)
        .descriptors(countersign_proto::FILE_DESCRIPTOR_SET)
        .permissions(&permissions::PERMISSIONS)
}

/// What the service is made of.
///
/// # Errors
/// A feed location that is no URL, or of a kind that is not supported, or of a seller that is none.
pub fn compose(parts: Parts<DisbursementReconciliationConfig>) -> Ready<Result<Wiring, BoxError>> {
    ready(wiring(parts))
}

fn wiring(parts: Parts<DisbursementReconciliationConfig>) -> Result<Wiring, BoxError> {
    let sources = parts.section.feeds.iter().map(FeedSource::open);
    let feeds = Feeds::new(parts.database, sources.collect::<Result<_, _>>()?);
    let interval = Duration::from_secs(parts.section.poll_interval_seconds);
    let server = grpc::Server::new(parts.commands, feeds.clone(), parts.lifecycle);
    Ok(Wiring::new()
        .grpc(
            DisbursementReconciliationServiceServer::new(server)
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .subscribe(events::inbound::SOURCE, Offers)
        .sample(store::figures::Figures)
        .recurring(TASK, Poll::new(feeds, interval)))
}
