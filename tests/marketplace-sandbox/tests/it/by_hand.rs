//! Requests that no SDK here sends: of another service, or of a newer model than the SDK's. They are signed in
//! shape only, by keys without a secret.

use serde_json::Value;

use crate::market::Market;

const DATE: &str = "20270104";
const AGREEMENTS: &str = "AWSMPCommerceService_v20200301";

fn signed(request: reqwest::RequestBuilder, key: &str, service: &str) -> reqwest::RequestBuilder {
    let scope = format!("{key}/{DATE}/us-east-1/{service}/aws4_request");
    let signature = "0".repeat(64);
    let header =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}");
    request
        .header("authorization", header)
        .header("x-amz-date", format!("{DATE}T100000Z"))
}

async fn json(
    market: &Market,
    key: &str,
    service: &str,
    target: String,
    input: &Value,
) -> (u16, Value) {
    let sent = |http: &reqwest::Client| {
        let request = http.post(&market.url).header("x-amz-target", target);
        signed(request, key, service).body(input.to_string())
    };
    let (status, text) = market.raw(sent).await;
    (status, serde_json::from_str(&text).unwrap())
}

/// One SQS request, as any SDK sends it.
pub(crate) async fn sqs(market: &Market, key: &str, operation: &str, input: Value) -> (u16, Value) {
    json(market, key, "sqs", format!("AmazonSQS.{operation}"), &input).await
}

/// One request of the Agreement API in AWS JSON.
pub(crate) async fn agreement(
    market: &Market,
    key: &str,
    operation: &str,
    input: &Value,
) -> (u16, Value) {
    let target = format!("{AGREEMENTS}.{operation}");
    json(market, key, "aws-marketplace", target, input).await
}
