//! A whole Countersign on this machine: private servers, five services as five processes, the
//! marketplace sandbox, a mail catcher and a webhook catcher. Nothing is left when it ends.
//!
//! - `programs`, `packages`: finding Postgres and nats-server, or installing them
//! - `postgres`, `nats`, `nats_permissions`: the private servers
//! - `servers`: those two together, private or given by URL
//! - `services`: the table of what each service is started with
//! - `endpoints`: where everything is, once it runs
//! - `logs`: what the processes said
//! - `system`: the whole, with its control: kill, restart, lose the JetStream folder
//! - `process`, `run_folder`, `ports`, `system_user`, `secrets`: what they stand on
//! - `clock`: the rehearsal clock (P8)
//! - `issuer`: who signs the tokens that people bring (P5)
//! - `certificates`: who vouches for services, servers and this tool: all that is private here speaks
//!   TLS, with certificates on both sides (P5)

mod binaries;
mod certificates;
mod clock;
mod endpoints;
mod issuer;
mod logs;
mod nats;
mod nats_permissions;
mod packages;
mod ports;
mod postgres;
mod process;
mod programs;
mod run_folder;
mod secrets;
mod servers;
mod services;
mod system;
mod system_user;

pub use binaries::Build;
pub(crate) use binaries::{Binaries, TOOL, cargo, fault_features, metadata, workspace};
pub(crate) use nats::{Access, OPERATOR, configuration as nats_configuration, users as nats_users};
pub(crate) use nats_permissions::render as nats_access;
pub(crate) use ports::free_address;
pub(crate) use postgres::role_url;
pub(crate) use run_folder::RunFolder;
pub(crate) use secrets::{password, run_id, webhook_secret};
pub(crate) use servers::Servers;
pub(crate) use services::{NatsAccess, signature_secrets};
pub(crate) use system_user::is_root;

pub(crate) use clock::shared_file;
pub(crate) use endpoints::health;

pub use certificates::TlsFiles;
pub use clock::RehearsalClock;
pub use endpoints::Endpoints;
pub use issuer::{Bearer, Issuer};
pub(crate) use issuer::{IssuerFiles, key_set, new_key};
pub use servers::External;
pub use services::Service;
pub use system::{DatabaseRole, Environment, Options};

/// Whether a private Postgres must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk, as in production.
    Durable,
    /// Nothing is synced: only for tests, which throw the data away.
    Forgetful,
}
