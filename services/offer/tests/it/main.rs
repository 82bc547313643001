//! The offer service on real Postgres, through its gRPC door, against the marketplace sandbox that the
//! official SDK drives, and an approval service that hands out documents.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends; helpers are outside #[test] functions"
)]

mod after_release_failures;
mod approval;
mod association;
mod association_resale;
mod authorization_ends;
mod aws_edges;
mod aws_failures;
mod change_order_failures;
mod change_orders;
mod clock_jumps;
mod clocks;
mod cloning;
mod crossings;
mod deals;
mod elsewhere;
mod entities;
mod entity_failures;
mod figures;
mod import_authorizations;
mod imports;
mod incremental;
mod kinds;
mod limits;
mod marketplace;
mod net_terms;
mod news;
mod news_failures;
mod offers;
mod orders;
mod payments;
mod portal;
mod portal_resale;
mod read_back;
mod refusals;
mod renewals;
mod replacing;
mod resale;
mod resale_replacing;
mod reseller_contract;
mod sdk;
mod tenants;
mod unknown_statuses;
mod withdrawals;
mod world;
