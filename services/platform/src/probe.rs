//! Asking a running process how it is: what a container's health check runs where there is no shell.

use std::time::Duration;

use clap::Args;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::config::Settings;
use crate::failure::BoxError;
use crate::grpc::READINESS;

/// How long the answer may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Whom to ask, and what.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Probe {
    /// Where health is served in plain text, `host:port`; else the management port of this machine.
    #[arg(long)]
    address: Option<String>,
    /// The health name: `readiness`, `liveness` or `events`.
    #[arg(long, default_value = READINESS)]
    service: String,
}

/// Asks once.
///
/// # Errors
/// Unless the answer is that it serves.
pub(crate) async fn probe(probe: &Probe, settings: &Settings) -> Result<(), BoxError> {
    let address = match &probe.address {
        Some(address) => address.clone(),
        None => here(&settings.management_listen)?,
    };
    let channel = Endpoint::new(format!("http://{address}"))?
        .connect_timeout(LIMIT)
        .timeout(LIMIT)
        .connect()
        .await?;
    let request = HealthCheckRequest {
        service: probe.service.clone(),
    };
    let answer = HealthClient::new(channel).check(request).await?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(format!("{} is {}", probe.service, other.as_str_name()).into()),
    }
}

/// The port that `listen` names, on this machine.
fn here(listen: &str) -> Result<String, BoxError> {
    let (_, port) = listen
        .rsplit_once(':')
        .ok_or("management_listen is not set, so --address must be given")?;
    Ok(format!("127.0.0.1:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tonic::transport::Server;
    use tonic::transport::server::TcpIncoming;

    #[tokio::test]
    async fn only_one_who_serves_is_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            management_listen: format!("0.0.0.0:{}", address.port()),
            ..Settings::default()
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let server = Server::builder()
            .add_service(health)
            .serve_with_incoming(TcpIncoming::from(listener));
        let ask = async |service: &str| {
            let asked = Probe {
                address: None,
                service: service.to_owned(),
            };
            probe(&asked, &settings).await
        };
        let asked = async {
            let unknown = ask(READINESS).await;
            let status = tonic_health::ServingStatus::NotServing;
            reporter.set_service_status(READINESS, status).await;
            let waiting = ask(READINESS).await;
            let status = tonic_health::ServingStatus::Serving;
            reporter.set_service_status(READINESS, status).await;
            (unknown, waiting, ask(READINESS).await)
        };
        let (unknown, waiting, serving) = tokio::select! {
            answers = asked => answers,
            _ = server => panic!("the server ended"),
        };
        assert!(unknown.is_err());
        assert!(waiting.unwrap_err().to_string().contains("NOT_SERVING"));
        serving.unwrap();
        // The server is gone by now.
        assert!(ask(READINESS).await.is_err());
    }
    #[tokio::test]
    async fn without_a_management_port_there_is_nobody_to_ask() {
        let asked = Probe {
            address: None,
            service: READINESS.to_owned(),
        };
        let refused = probe(&asked, &Settings::default()).await.unwrap_err();
        assert!(refused.to_string().contains("management_listen"));
    }
}
