//! Requests that no SDK here sends: of another service, or of a newer model than the SDK's. They are signed in
//! shape only, by keys without a secret.

use ciborium::Value as Cbor;
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

/// The same in CBOR, as the Rust SDK speaks it; it must succeed.
pub(crate) async fn agreement_cbor(
    market: &Market,
    key: &str,
    operation: &str,
    input: &Value,
) -> Value {
    let url = format!("{}/service/{AGREEMENTS}/operation/{operation}", market.url);
    let mut body = Vec::new();
    ciborium::into_writer(input, &mut body).unwrap();
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = request.post(url).header("smithy-protocol", "rpc-v2-cbor");
    let answer = signed(request, key, "aws-marketplace").body(body).send();
    let answer = answer.await.unwrap().error_for_status().unwrap();
    let bytes = answer.bytes().await.unwrap();
    plain(ciborium::from_reader(&bytes[..]).unwrap())
}

/// The answer without its tags: a time is its seconds.
fn plain(value: Cbor) -> Value {
    match value {
        Cbor::Bool(flag) => flag.into(),
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Tag(_, value) => plain(*value),
        Cbor::Array(items) => items.into_iter().map(plain).collect(),
        Cbor::Map(fields) => {
            let fields = fields.into_iter();
            let named = fields.map(|(name, value)| (name.into_text().unwrap(), plain(value)));
            Value::Object(named.collect())
        }
        other => panic!("{other:?}"),
    }
}
