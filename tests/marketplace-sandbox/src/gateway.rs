//! What every API request goes through, whatever its protocol: signature, injected failure, rate limit,
//! the world brought to now, the operation, and AWS's errors in the protocol's own form.

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::inject::{Failure, Injection};
use crate::server::App;
use crate::sigv4::{self, Signed};
use crate::wire::{self, Wire, map};
use crate::world::{Refusal, World};

/// An API in one of its protocols: who signs for it, how it writes its answers and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// The Catalog API, rest-json.
    Catalog,
    /// The Agreement API as the Rust SDK speaks it: Smithy RPC v2 CBOR.
    AgreementCbor,
    /// The Agreement API as boto3 speaks it: AWS JSON 1.0.
    AgreementJson,
    /// SQS, AWS JSON 1.0.
    Queue,
}

impl Api {
    /// The service name in a signature's scope.
    fn signing_name(self) -> &'static str {
        match self {
            Self::Catalog | Self::AgreementCbor | Self::AgreementJson => "aws-marketplace",
            Self::Queue => "sqs",
        }
    }

    /// The Smithy namespace of its error shapes; the Catalog names them bare.
    fn namespace(self) -> &'static str {
        match self {
            Self::Catalog => "",
            Self::AgreementCbor | Self::AgreementJson => "com.amazonaws.agreement#",
            Self::Queue => "com.amazonaws.sqs#",
        }
    }

    fn write(self, value: &Wire) -> Bytes {
        match self {
            Self::AgreementCbor => wire::encode_cbor(value).into(),
            Self::Catalog | Self::AgreementJson | Self::Queue => wire::encode_json(value).into(),
        }
    }
}

/// What a broken proxy might say.
const NONSENSE: &str = "<html><body>OK</body></html";

/// A request before anybody has looked at it.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = Response;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await;
        Ok(Self {
            method,
            uri,
            headers,
            body: body.map_err(IntoResponse::into_response)?,
        })
    }
}

/// What an operation is given.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) now: DateTime<Utc>,
    /// Account of the key that signed.
    pub(crate) caller: String,
    pub(crate) base: &'a str,
}

/// Lets one request through to `operation` and answers it.
pub(crate) async fn serve(
    app: &App,
    api: Api,
    name: &str,
    request: &Request,
    mut operation: impl FnMut(Call<'_>) -> Result<Bytes, Refusal>,
) -> Response {
    let signed = Signed {
        method: &request.method,
        uri: &request.uri,
        headers: &request.headers,
        body: &request.body,
    };
    let caller = match sigv4::authenticate(&app.config.access_keys, api.signing_name(), &signed) {
        Ok(account) => account.to_owned(),
        Err(rejected) => {
            tracing::warn!(operation = name, code = rejected.code, "request refused");
            return error(
                api,
                StatusCode::FORBIDDEN,
                rejected.code,
                &rejected.message,
                None,
            );
        }
    };
    let injection = app.injections().take(name);
    if let Some(injection) = injection.as_ref().filter(|injection| !applies(injection)) {
        return fail(api, injection.failure);
    }
    let now = app.clock.now();
    let rate_limited = app.world().settings.rate_limit;
    if rate_limited && !app.limits().allow(&caller, name, now) {
        return refuse(api, &Refusal::Throttled);
    }
    let failure = injection.map(|injection| injection.failure);
    let mut perform = || {
        let mut world = app.world();
        world.advance(now);
        match failure {
            Some(Failure::ServerFault) => world.doom_next = true,
            Some(Failure::NeverEnds) => world.stick_next = true,
            Some(Failure::Invalid) => world.invalidate_next = true,
            _ => {}
        }
        let result = operation(Call {
            world: &mut world,
            now,
            caller: caller.clone(),
            base: &app.base_url,
        });
        // A request that was refused has not used its failure; the next one must not find it.
        world.doom_next = false;
        world.stick_next = false;
        world.invalidate_next = false;
        result
    };
    let result = perform();
    match failure {
        None | Some(Failure::ServerFault | Failure::NeverEnds | Failure::Invalid) => {
            answer(api, name, result)
        }
        Some(Failure::Twice) => answer(api, name, perform()),
        Some(Failure::UnknownValue) => answer(api, name, result.map(|body| unknown_values(&body))),
        Some(Failure::Nonsense) => respond(api, StatusCode::OK, NONSENSE.into(), None),
        Some(Failure::Timeout) => {
            // Never answered; the server's stop ends it.
            app.stop.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(failure) => fail(api, failure),
    }
}

fn fail(api: Api, failure: Failure) -> Response {
    match failure {
        Failure::Unavailable => {
            respond(api, StatusCode::SERVICE_UNAVAILABLE, NONSENSE.into(), None)
        }
        failure => refuse(api, &injected(failure)),
    }
}

/// The statuses that answers have.
const STATUSES: [&str; 17] = [
    "PREPARING",
    "APPLYING",
    "SUCCEEDED",
    "FAILED",
    "ACTIVE",
    "TERMINATED",
    "DRAFT",
    "PENDING_APPROVAL",
    "APPROVED",
    "PENDING",
    "COMPLETED",
    "CANCELLED",
    "REJECTED",
    "ACCEPTED",
    "EXPIRED",
    "QUEUED",
    "SKIPPED",
];

/// The states that entities have, which only the Catalog's JSON tells.
const STATES: [&str; 4] = ["Draft", "Released", "Active", "Restricted"];

/// The answer with its statuses misspelt: as long as before, so that they fit into either protocol.
fn unknown_values(body: &[u8]) -> Bytes {
    let mut body = body.to_vec();
    for status in STATUSES {
        // The whole word, not a part of another.
        misspell(&mut body, status, |before, after| {
            before != Some(&b'_') && after != Some(&b'_')
        });
    }
    for state in STATES {
        let quoted = |quote: Option<&u8>| matches!(quote, Some(b'"' | b'\\'));
        misspell(&mut body, state, |before, after| {
            quoted(before) && quoted(after)
        });
    }
    body.into()
}

/// The last letter of the word, wherever it stands between what is `whole`.
fn misspell(body: &mut [u8], word: &str, whole: impl Fn(Option<&u8>, Option<&u8>) -> bool) {
    let mut at = 0;
    while let Some(found) = body[at..]
        .windows(word.len())
        .position(|window| window == word.as_bytes())
    {
        let begin = at + found;
        at = begin + word.len();
        let before = begin.checked_sub(1).and_then(|before| body.get(before));
        if whole(before, body.get(at)) {
            body[at - 1] = b'X';
        }
    }
}

fn answer(api: Api, name: &str, result: Result<Bytes, Refusal>) -> Response {
    match result {
        Ok(body) => respond(api, StatusCode::OK, body, None),
        Err(refusal) => {
            tracing::info!(operation = name, ?refusal, "refused");
            refuse(api, &refusal)
        }
    }
}

/// Whether the request takes effect in spite of the failure.
fn applies(injection: &Injection) -> bool {
    injection.after_apply
        || match injection.failure {
            Failure::Timeout
            | Failure::ServerFault
            | Failure::NeverEnds
            | Failure::Invalid
            | Failure::Twice
            | Failure::Nonsense
            | Failure::UnknownValue => true,
            Failure::Throttle
            | Failure::Fault
            | Failure::Lock
            | Failure::NotSupported
            | Failure::AccessDenied
            | Failure::Quota
            | Failure::Unavailable => false,
        }
}

fn injected(failure: Failure) -> Refusal {
    match failure {
        Failure::Throttle => Refusal::Throttled,
        Failure::Lock => Refusal::InUse {
            message: "The entity is locked.".to_owned(),
        },
        Failure::NotSupported => Refusal::NotSupported {
            message: "The resource is not supported.".to_owned(),
        },
        Failure::AccessDenied => Refusal::AccessDenied {
            message: "Access denied.".to_owned(),
        },
        Failure::Quota => Refusal::Quota {
            message: "A quota is exceeded.".to_owned(),
        },
        _ => Refusal::Fault,
    }
}

/// What SQS calls a refusal that all APIs have: its name in JSON, and the one that its clients map it back to, from
/// before it spoke JSON. It knows no locks: the key that a queue is encrypted with can be out of use for a while.
fn of_the_queue(refusal: &Refusal) -> Option<(&'static str, &'static str)> {
    match refusal {
        Refusal::Throttled => Some(("RequestThrottled", "RequestThrottled")),
        Refusal::Quota { .. } => Some(("OverLimit", "OverLimit")),
        Refusal::AccessDenied { .. } => Some(("AccessDeniedException", "AccessDenied")),
        Refusal::InUse { .. } => Some(("KmsInvalidState", "KMS.InvalidStateException")),
        _ => None,
    }
}

fn refuse(api: Api, refusal: &Refusal) -> Response {
    if let (Api::Queue, Some((code, _))) = (api, of_the_queue(refusal)) {
        let message = "The queue does not take it now.";
        return error(api, StatusCode::FORBIDDEN, code, message, Some(refusal));
    }
    let catalog = api == Api::Catalog;
    let (status, code, message) = match refusal {
        Refusal::Validation { message, .. } => (
            if catalog { 422 } else { 400 },
            "ValidationException",
            message.as_str(),
        ),
        Refusal::NotFound { message, .. } => (404, "ResourceNotFoundException", message.as_str()),
        Refusal::Conflict { message, .. } => (409, "ConflictException", message.as_str()),
        Refusal::NotSupported { message } => {
            (415, "ResourceNotSupportedException", message.as_str())
        }
        Refusal::InUse { message } => (423, "ResourceInUseException", message.as_str()),
        Refusal::Quota { message } => (402, "ServiceQuotaExceededException", message.as_str()),
        Refusal::AccessDenied { message } => (403, "AccessDeniedException", message.as_str()),
        Refusal::Queue { code, message } => (400, *code, message.as_str()),
        Refusal::Throttled => (429, "ThrottlingException", "Rate exceeded"),
        Refusal::Fault if catalog => (
            500,
            "InternalServiceException",
            "An internal error occurred.",
        ),
        Refusal::Fault => (
            500,
            "InternalServerException",
            "An internal error occurred.",
        ),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    error(api, status, code, message, Some(refusal))
}

fn error(
    api: Api,
    status: StatusCode,
    code: &str,
    message: &str,
    refusal: Option<&Refusal>,
) -> Response {
    let body = if api == Api::Catalog {
        let mut body = json!({ "__type": code, "Message": message });
        if let Some(Refusal::Validation {
            field: Some(change_type),
            ..
        }) = refusal
        {
            body["ValidationExceptionFieldList"] = json!([{ "Reason": "FieldValidationFailed", "ChangeType": change_type, "Message": message }]);
        }
        Bytes::from(body.to_string())
    } else {
        api.write(&error_shape(api, code, message, refusal))
    };
    let mut response = respond(api, status, body, Some(code));
    let old = match refusal {
        _ if api != Api::Queue => None,
        _ if code == "QueueDoesNotExist" => Some("AWS.SimpleQueueService.NonExistentQueue"),
        refusal => refusal.and_then(of_the_queue).map(|(_, old)| old),
    };
    if let Some(Ok(old)) = old.map(|old| format!("{old};Sender").parse()) {
        response.headers_mut().insert("x-amzn-query-error", old);
    }
    response
}

fn error_shape(api: Api, code: &str, message: &str, refusal: Option<&Refusal>) -> Wire {
    let (reason, resource) = match refusal {
        Some(Refusal::Validation { reason, .. }) => (Some(reason.unwrap_or("OTHER")), None),
        Some(Refusal::AccessDenied { .. }) => (Some("INVALID_ACCESS"), None),
        Some(
            Refusal::NotFound { resource, kind, .. } | Refusal::Conflict { resource, kind, .. },
        ) => (None, Some((Wire::text(resource), Wire::text(*kind)))),
        _ => (None, None),
    };
    let (resource, kind) = resource.unzip();
    map([
        (
            "__type",
            Some(Wire::text(format!("{}{code}", api.namespace()))),
        ),
        ("message", Some(Wire::text(message))),
        ("reason", reason.map(Wire::text)),
        ("resourceId", resource),
        ("resourceType", kind),
    ])
}

fn respond(api: Api, status: StatusCode, body: Bytes, code: Option<&str>) -> Response {
    let mut response = Response::builder().status(status);
    response = match api {
        Api::Catalog => response.header(header::CONTENT_TYPE, "application/json"),
        Api::AgreementCbor => response
            .header(header::CONTENT_TYPE, "application/cbor")
            .header("smithy-protocol", "rpc-v2-cbor"),
        Api::AgreementJson | Api::Queue => {
            response.header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        }
    };
    if let (Api::Catalog | Api::AgreementJson | Api::Queue, Some(code)) = (api, code) {
        response = response.header("x-amzn-errortype", code);
    }
    response
        .body(Body::from(body))
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
