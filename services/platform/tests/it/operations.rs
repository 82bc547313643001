//! Operations, health and reflection, as an operator sees them (P4).

use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use countersign_platform::operations_proto::{
    ExportAuditRequest, GetStatusRequest, ListTasksRequest, RedriveParkedEventsRequest,
    ReplayEventsRequest, VerifyAuditRequest,
};
use countersign_platform::testing::Running;
use countersign_platform::{NewAudit, NewTask};
use futures::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::support::{
    compose_reader, compose_sample, eventually, eventually_notes, pair, publish, reader, sample,
};

pub(crate) fn operator(running: &Running) -> OperationsServiceClient<Channel> {
    OperationsServiceClient::new(running.channel())
}

/// A request of an operator of `acme`.
fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("countersign-seller", "acme".parse().unwrap());
    metadata.insert("countersign-principal", "operator".parse().unwrap());
    metadata.insert("countersign-roles", "operator,auditor".parse().unwrap());
    request
}

pub(crate) fn redrive(aggregate_id: &str) -> Request<RedriveParkedEventsRequest> {
    asked(RedriveParkedEventsRequest {
        seller: "acme".to_owned(),
        source: "sample".to_owned(),
        aggregate_id: aggregate_id.to_owned(),
    })
}

#[tokio::test]
async fn an_operator_sees_and_replays() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    publish(&bed, "a", "1").await;
    publish(&bed, "a", "2").await;
    eventually_notes(hearing.pool(), "a", &["1", "2"]).await;
    let mut operator = operator(&running);
    let unauthenticated = operator.get_status(GetStatusRequest {}).await.unwrap_err();
    assert_eq!(unauthenticated.code(), Code::Unauthenticated);
    let mut other = operator_of_reader(&listening).await;
    assert_eq!(other.consumers.len(), 1);
    assert_eq!(other.consumers.remove(0).last_applied, 2);

    let replay = |seller: &str| {
        asked(ReplayEventsRequest {
            seller: seller.to_owned(),
            aggregate_id: "a".to_owned(),
            from_sequence: 2,
        })
    };
    let denied = operator.replay_events(replay("other")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let replayed = operator.replay_events(replay("acme")).await.unwrap();
    assert_eq!(replayed.into_inner().events, 1);
    // It lies in the stream a third time, in spite of the duplicate window, and is applied once.
    eventually("the replayed event", || async {
        let status = operator_of_reader(&listening).await;
        status.consumers[0].last_applied == 3 && status.consumers[0].lag == Some(0)
    })
    .await;
    eventually_notes(hearing.pool(), "a", &["1", "2"]).await;
    let status = operator
        .get_status(asked(GetStatusRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (status.service.as_str(), status.outbox_unpublished),
        ("sample", 0)
    );
    assert!(status.nats_connected);
    running.stop().await;
    listening.stop().await;
}

async fn operator_of_reader(
    listening: &Running,
) -> countersign_platform::operations_proto::GetStatusResponse {
    let asked = asked(GetStatusRequest {});
    operator(listening)
        .get_status(asked)
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn tasks_and_audit_are_listed() {
    let (bed, _) = pair().await;
    bed.transaction(|uow| {
        Box::pin(async move {
            let later = uow.now() + chrono::TimeDelta::days(1);
            for key in ["x", "y", "z"] {
                uow.schedule(NewTask {
                    kind: "sample.later",
                    key: key.to_owned(),
                    payload: serde_json::json!({}),
                    due_at: later,
                })
                .await?;
                uow.audit(NewAudit {
                    seller: "acme".parse().unwrap(),
                    engagement: None,
                    aggregate_id: "thing".to_owned(),
                    action: key.to_owned(),
                    reason: String::new(),
                    before: None,
                    after: None,
                })
                .await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    let mut operator = operator(&running);
    let mut keys = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = operator
            .list_tasks(asked(ListTasksRequest {
                page_size: 2,
                page_token,
                ..ListTasksRequest::default()
            }))
            .await
            .unwrap()
            .into_inner();
        keys.extend(page.tasks.into_iter().map(|task| task.key));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(keys, ["x", "y", "z"]);
    let negative = ListTasksRequest {
        page_size: -1,
        ..ListTasksRequest::default()
    };
    let refused = operator.list_tasks(asked(negative)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let export = asked(ExportAuditRequest {
        seller: "acme".to_owned(),
        aggregate_id: String::new(),
    });
    let entries = operator.export_audit(export).await.unwrap().into_inner();
    let actions: Vec<String> = entries.map(|entry| entry.unwrap().action).collect().await;
    assert_eq!(actions, ["x", "y", "z"]);
    let verify = asked(VerifyAuditRequest {
        seller: "acme".to_owned(),
        aggregate_id: "thing".to_owned(),
    });
    let verdict = operator.verify_audit(verify).await.unwrap().into_inner();
    assert!(verdict.intact && verdict.entries == 3);
    running.stop().await;
}

/// Health answers by the full name of each service, for Kubernetes, and for an unknown name not.
#[tokio::test]
async fn health_answers() {
    let (bed, _) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let health = HealthClient::new(running.channel());
    let check = |service: &str| {
        let (mut health, service) = (health.clone(), service.to_owned());
        async move { health.check(HealthCheckRequest { service }).await }
    };
    for service in [
        "",
        "liveness",
        "readiness",
        "events",
        "countersign.platform.v1.OperationsService",
    ] {
        eventually(service, || async {
            let answer = check(service).await.unwrap().into_inner();
            answer.status() == ServingStatus::Serving
        })
        .await;
    }
    assert_eq!(check("nobody").await.unwrap_err().code(), Code::NotFound);
    running.stop().await;
}

/// Both versions of reflection list exactly what this process serves.
#[tokio::test]
async fn reflection_answers() {
    use tonic_reflection::pb::{v1, v1alpha};

    let (bed, _) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(running.channel());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut answers = client
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list of services: {answer:?}");
    };
    let names: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(
        names.contains(&"countersign.platform.v1.OperationsService".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"grpc.health.v1.Health".to_owned()),
        "{names:?}"
    );

    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(running.channel());
    let symbol = "google.rpc.ErrorInfo".to_owned();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol),
        ),
    };
    let mut answers = client
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    assert!(
        matches!(
            answer.message_response,
            Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
        ),
        "{answer:?}"
    );
    running.stop().await;
}
