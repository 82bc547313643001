//! The offer service: private offers on AWS Marketplace, from intake to agreement.
//!
//! # What it owns
//! | | |
//! |---|---|
//! | commands | `RegisterListing`, `CompleteIntake` (O1), `DraftOffer` (O3, O6), `CloneOffer`, `AssociateOffer`, `StartImport` (O12), `ReviseOffer`, `ReleaseOffer` (O4, O8, O9), `ChangeExpiry`, `CancelOffer` (O11), `DraftResaleAuthorization`, `DraftPartnerOffer` (O2, O5), `ConfirmPrerequisite` (O4), `RecordPortalOffer`, `ReadOfferBack` (O10, O11), `PutMarketplaceLimits` (O4), `StartClock`, `SettleClock`, `PutCalendar` (O18), `RegisterOrder` (O14), `RequestPayment`, `CancelPaymentRequest` (O17), `AssignRenewal`, `PutRenewalPolicy` (O16), `StartChangeOrder`, `RequestCancellation`, `WithdrawChangeOrder`, `RequestAdjustments` (O15) |
//! | queries | `GetEngagement`, `CompareOffer`, `GetImport`, `ListMarketplaceOffers`, `ListMarketplaceAgreements` (O12), `Preflight`, `GetMarketplaceLimits` (O4), `GetOffer`, `ListOffers`, `ListListings`, `DownloadLegalDocument`, `GetPortalSheet` (O10), `ListClocks`, `GetCalendar` (O18), `ListOrders` (O14), `GetPaymentRequest`, `ListPaymentRequests` (O17), `ListRenewals`, `GetRenewalPolicy` (O16), `GetChangeOrder`, `ListChangeOrders` (O15) |
//! | events out | `IntakeCompleted`, `OfferPublished`, `OfferReleaseFailed`, `OfferPublishOverdue`, `OfferExpiryChanged`, `OfferCancelled`, `OfferExpired`, `AgreementAccepted`, `AgreementEnded`, `ResaleAuthorizationReleased`, `ResaleAuthorizationRestricted`, `ResaleAuthorizationExpired`, `ClockBreached`, `PublicOrderFlagged`, `OrderRegistered`, `OrderRefundAdvised`, `PaymentRequestApproved`, `PaymentRequestRejected`, `PaymentRequestFailed`, `CancellationRequested`, `CancellationEnded` |
//! | events in | approval's `DealStamped`, `StampVoided`, `SowSigned`, `ChecklistCompleted` |
//! | tasks | merge the legal document, start and poll a change set, flag a late publication, expire, ring clocks, check what was entered in the portal, look for agreements, read what a look found and hear what AWS tells (O13), read what AWS has (O12), send, watch and take back payment requests (O17), cancel an agreement and adjust its invoices (O15) |
//! | tables | `listing`, `engagement`, `offer`, `change_set`, `agreement`, `agreement_cursor`, `buyer_order`, `clock`, `seller_calendar`, `prerequisite`, `payment_request`, `renewal_owner`, `renewal_policy`, `change_order`, `marketplace_offer`, `marketplace_import`, `marketplace_limits`, `aws_rate` |
//! | outside | AWS Marketplace Catalog and Agreement APIs and an SQS queue of AWS's events (`marketplace`), the approval service and an object store (`documents`) |
//!
//! # Where to change what
//! An AWS rule: `domain/preflight/`, a row and a function in its family's file (`countersign-offer
//! rules` prints them all). What AWS is sent:
//! `domain/plan.rs` and `marketplace/request.rs`. What an error of AWS means: `marketplace/error.rs`.
//! What follows from an event: `commands/follow_up.rs`. What others hear: `events/outbound.rs`.

mod commands;
mod config;
mod documents;
mod domain;
mod events;
mod grpc;
mod marketplace;
mod permissions;
mod store;
mod tasks;
mod wire;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use countersign_platform::{BoxError, MAX_MESSAGE_BYTES, Parts, Service, Wiring};
use countersign_proto::offer::v1::offer_service_server::OfferServiceServer;

use domain::preflight;

pub use config::{OfferConfig, SellerKind, WrongKey};
pub use events::inbound::Approvals;

/// Steps of this service's own at which a test can crash it, besides the platform's: between keeping
/// a request and sending it, between AWS's answer and its record, between a stored document and its
/// record (O9).
pub const FAULT_POINTS: [&str; 6] = [
    "offer.after_request_kept",
    "offer.after_change_set_started",
    "offer.after_document_stored",
    "offer.after_payment_request_sent",
    "offer.after_cancellation_sent",
    "offer.after_adjustments_sent",
];

/// Of a timing of pre-flight.
const TIMED_ROUNDS: u32 = 2_000;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service: its name, its schema, its descriptors.
#[must_use]
pub fn service() -> Service {
    Service::new("offer", env!("CARGO_PKG_VERSION"))
        .migrations(&MIGRATIONS)
        .descriptors(countersign_proto::FILE_DESCRIPTOR_SET)
        .permissions(&permissions::PERMISSIONS)
        .page(
            "rules",
            "Print every rule that is checked before AWS is called.",
            preflight::printed::markdown,
        )
        .page(
            "time-preflight",
            "Print the microseconds that the largest offer's pre-flight takes here.",
            preflight_microseconds,
        )
        .page(
            "time-merge",
            "Print the seconds and MiB that merging the five largest annexes takes here.",
            merge_seconds_and_mebibytes,
        )
}

/// How long pre-flight takes for the largest offer: the middle of many rounds, in microseconds with one
/// decimal digit. The release build's number counts.
fn preflight_microseconds() -> String {
    let Some(candidate) = preflight::largest::largest() else {
        return "the largest offer cannot be made\n".to_owned();
    };
    let mut rounds: Vec<u128> = (0..TIMED_ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(preflight::findings(black_box(&candidate)));
            start.elapsed().as_nanos()
        })
        .collect();
    rounds.sort_unstable();
    let middle = rounds[rounds.len() / 2];
    format!("{}.{}\n", middle / 1000, middle % 1000 / 100)
}

/// What merging the five largest annexes takes: seconds, and the most memory in MiB, if the system
/// tells. The release build's numbers count.
fn merge_seconds_and_mebibytes() -> String {
    match documents::largest::merged() {
        Ok(taken) => {
            let peak = taken.peak_mebibytes.unwrap_or(f64::NAN);
            format!("{:.2} {peak:.1}\n", taken.seconds)
        }
        Err(error) => format!("the largest document cannot be merged: {error}\n"),
    }
}

/// What the service is made of.
///
/// # Errors
/// A configuration that cannot be used: no seller, no address of the approval service, a document
/// store that cannot be opened or that AWS could not read.
pub async fn compose(parts: Parts<OfferConfig>) -> Result<Wiring, BoxError> {
    let config = Arc::clone(&parts.section);
    let store = documents::store::DocumentStore::open(
        &config.document_store_url,
        config.document_public_url_base.as_deref(),
    )?;
    let seller = config.seller()?;
    let (database, metrics) = (parts.database.clone(), &parts.metrics);
    let outside = tasks::Outside {
        marketplace: marketplace::Marketplace::connect(&config, &seller, database, metrics).await,
        seller,
        source: documents::source::DocumentSource::new(
            &config.approval_url,
            Arc::clone(&parts.settings),
            config.approval_token_file.clone(),
            config.approval_timeout(),
        )
        .await?,
        store: store.clone(),
        config,
    };
    let offers = grpc::Offers {
        commands: parts.commands.clone(),
        documents: store,
        connected: outside.seller.clone(),
        marketplace: outside.marketplace.clone(),
        config: Arc::clone(&outside.config),
    };
    let wiring = Wiring::new()
        .grpc(OfferServiceServer::new(offers).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .subscribe("approval", events::inbound::Approvals)
        .sample(store::figures::Figures);
    Ok(tasks::wire(wiring, &outside, &parts.metrics))
}
