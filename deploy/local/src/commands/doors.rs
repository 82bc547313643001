//! What the ports of containers answer: calls to whom a token lets in (P5), figures to anybody near (P6).

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_platform::operations_proto::GetStatusRequest;
use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::compose::Containers;
use crate::console::Console;
use crate::environment::{Bearer, Issuer, RunFolder, Service};

const TOKEN_TIME: Duration = Duration::from_mins(10);
/// Whom every attempt says that it is.
const SELLER: &str = "acme";

/// Every service turns away who brings no token, another issuer's, or one without the role, and lets in
/// who brings a good one.
pub(super) async fn open_for_tokens_only(system: &Containers, console: &Console) -> Result<()> {
    let step = console.step("a call without a token, or with a wrong one, is refused");
    let folder = RunFolder::create()?;
    let ours = system.endpoints().issuer()?;
    let others = Issuer::make(&folder)?;
    let attempts = [
        ("no token", None, Code::Unauthenticated),
        (
            "another issuer's token",
            Some(token(&others, "operator")?),
            Code::Unauthenticated,
        ),
        (
            "a token without the role",
            Some(token(&ours, "em")?),
            Code::PermissionDenied,
        ),
        ("a good token", Some(token(&ours, "operator")?), Code::Ok),
    ];
    for service in Service::ALL {
        let address = system.endpoints().address(service)?;
        for (what, token, expected) in &attempts {
            let code = ask(address, token.as_deref()).await?;
            ensure!(code == *expected, "{service} answers {what} with {code:?}");
        }
    }
    step.done("");
    Ok(())
}

/// Every management port shows figures, and that its service is ready.
pub(super) async fn show_figures(system: &Containers, console: &Console) -> Result<()> {
    let step = console.step("every service shows its figures");
    for service in Service::ALL {
        let address = system.endpoints().management_address(service)?;
        let answer = reqwest::get(format!("http://{address}/metrics")).await?;
        let text = answer.error_for_status()?.text().await?;
        let ready = text
            .lines()
            .any(|line| line.starts_with("countersign_ready") && line.ends_with(" 1"));
        ensure!(ready, "{service} does not show that it is ready:\n{text}");
    }
    step.done("");
    Ok(())
}

fn token(issuer: &Issuer, role: &str) -> Result<String> {
    let bearer = Bearer {
        seller: SELLER,
        subject: "you@acme.example",
        roles: &[role.to_owned()],
    };
    issuer.token(&bearer, TOKEN_TIME)
}

/// How a service answers a question of operators.
async fn ask(address: SocketAddr, token: Option<&str>) -> Result<Code> {
    let client = OperationsServiceClient::connect(format!("http://{address}")).await;
    let mut request = Request::new(GetStatusRequest {});
    let metadata = request.metadata_mut();
    if let Some(token) = token {
        let bearer: MetadataValue<_> = format!("Bearer {token}").parse()?;
        metadata.insert("authorization", bearer);
    } else {
        // What a caller says of itself counts for nothing.
        metadata.insert("countersign-seller", MetadataValue::from_static(SELLER));
        metadata.insert("countersign-roles", MetadataValue::from_static("operator"));
    }
    let answer = client.context("connecting")?.get_status(request).await;
    Ok(answer.map_or_else(|status| status.code(), |_| Code::Ok))
}
