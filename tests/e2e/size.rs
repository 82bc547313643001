//! What is too large for a message is refused at every service's own door (P4, P5).

use std::time::Duration;

use anyhow::{Context, Result};
use countersign_local::environment::{Bearer, Service};
use countersign_platform::MAX_MESSAGE_BYTES;
use countersign_tests::start;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

/// A call of each service whose request begins with a text.
const ASKED: [(Service, &str); 5] = [
    (
        Service::Estimate,
        "/countersign.estimate.v1.EstimateService/GetEstimate",
    ),
    (
        Service::Approval,
        "/countersign.approval.v1.ApprovalService/GetCase",
    ),
    (
        Service::Offer,
        "/countersign.offer.v1.OfferService/GetOffer",
    ),
    (
        Service::Notification,
        "/countersign.notification.v1.NotificationService/GetDelivery",
    ),
    (
        Service::DisbursementReconciliation,
        "/countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ListDiscrepancies",
    ),
];
/// A chunk of an upload, and its frame.
const LARGEST_SENT: usize = 1024 * 1024 + 64;

/// Each server has to be told the limit: one that is not would take twice as much.
#[tokio::test]
async fn every_service_refuses_a_message_that_is_too_large() -> Result<()> {
    let environment = start().await?;
    let endpoints = environment.endpoints();
    let bearer = Bearer {
        seller: "acme",
        subject: "auditor@acme.example",
        roles: &["auditor".to_owned()],
    };
    let token = endpoints.issuer()?.token(&bearer, Duration::from_mins(1))?;
    for (service, path) in ASKED {
        let channel = endpoints.grpc(service)?.connect().await?;
        for (bytes, is_refused) in [(LARGEST_SENT, false), (MAX_MESSAGE_BYTES, true)] {
            let code = asked(channel.clone(), path, &token, bytes).await?;
            assert_eq!(code == Code::OutOfRange, is_refused, "{service}: {code:?}");
        }
    }
    Ok(())
}

/// How a call ends whose text has so many bytes.
async fn asked(channel: Channel, path: &'static str, token: &str, bytes: usize) -> Result<Code> {
    let mut client = Grpc::new(channel);
    client.ready().await.context("the service is away")?;
    // A text alone is encoded as the first field of a message.
    let mut request = Request::new("x".repeat(bytes));
    let bearer = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert("authorization", bearer);
    let codec = ProstCodec::<String, Vec<u8>>::default();
    let path = PathAndQuery::from_static(path);
    let answer = client.unary(request, path, codec).await;
    Ok(answer.map_or_else(|status| status.code(), |_| Code::Ok))
}
