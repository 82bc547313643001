//! Where everything of a running system is: also told to a deal player in another process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::certificates::TlsFiles;
use super::issuer::{Issuer, IssuerFiles};
use super::services::{NatsAccess, Service};
use crate::mail_catcher::Mailbox;

/// How long a process may take to say how it is.
const HEALTH_LIMIT: Duration = Duration::from_secs(1);

/// Where everything is: all that a deal player needs, also one in another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoints {
    /// Tells this run's deals from another's.
    pub run_id: String,
    /// gRPC addresses.
    pub services: BTreeMap<Service, SocketAddr>,
    /// Health and `/metrics`, in plain text.
    pub management: BTreeMap<Service, SocketAddr>,
    /// The marketplace sandbox, its AWS protocol and its control.
    pub sandbox: SocketAddr,
    /// The mail catcher's SMTP port.
    pub smtp: SocketAddr,
    /// The webhook catcher's base URL, as the services reach it.
    pub webhooks: String,
    /// Caught mail.
    pub mailbox: Mailbox,
    /// The rehearsal clock's file.
    pub clock_file: PathBuf,
    /// Where the sandbox drops the seller data feeds.
    pub feeds: PathBuf,
    /// Logs of every process.
    pub logs: PathBuf,
    /// NATS with every right: for events that no service said.
    pub(crate) nats: NatsAccess,
    /// What this tool shows to the services, and how it knows them; none where they speak plain text.
    pub(crate) tls: Option<TlsFiles>,
    /// Who signs the tokens that the services accept.
    pub(crate) issuer: IssuerFiles,
}

impl Endpoints {
    /// Where a service answers.
    ///
    /// # Errors
    /// If it is not part of the system.
    pub fn address(&self, service: Service) -> Result<SocketAddr> {
        self.services
            .get(&service)
            .copied()
            .ok_or_else(|| anyhow!("{service} has no address"))
    }

    /// What this tool shows to the services, and how it knows them.
    ///
    /// # Errors
    /// Where they speak plain text.
    pub fn certificates(&self) -> Result<&TlsFiles> {
        self.tls.as_ref().context("no certificates are in use")
    }

    /// A service's gRPC, over TLS where there are certificates.
    ///
    /// # Errors
    /// If it is not part of the system, or this tool's certificate cannot be read.
    pub fn grpc(&self, service: Service) -> Result<Endpoint> {
        let address = self.address(service)?;
        match &self.tls {
            Some(files) => files.endpoint(address),
            None => Ok(Endpoint::new(format!("http://{address}"))?),
        }
    }

    /// Who mints tokens that the services accept.
    ///
    /// # Errors
    /// If its key cannot be read.
    pub fn issuer(&self) -> Result<Issuer> {
        Issuer::open(&self.issuer)
    }

    /// Where a service serves health and `/metrics`.
    ///
    /// # Errors
    /// If it is not part of the system.
    pub fn management_address(&self, service: Service) -> Result<SocketAddr> {
        self.management
            .get(&service)
            .copied()
            .ok_or_else(|| anyhow!("{service} has no management address"))
    }

    /// The log of a process, by its name.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        Path::new(&self.logs).join(format!("{name}.log"))
    }
}

/// What a process says of the health name `service`; none when it does not answer.
pub(crate) async fn health(address: SocketAddr, service: &str) -> Option<ServingStatus> {
    let endpoint = Endpoint::new(format!("http://{address}")).ok()?;
    let endpoint = endpoint.connect_timeout(HEALTH_LIMIT).timeout(HEALTH_LIMIT);
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let channel = endpoint.connect().await.ok()?;
    let answer = HealthClient::new(channel).check(request).await.ok()?;
    Some(answer.into_inner().status())
}
