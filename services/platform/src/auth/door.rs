//! The door that every call comes through: who it is, whether it calls too often, whether it may.
//! Handlers behind it find an [`Identity`] in the request's extensions.

use std::convert::Infallible;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::{Layer, Service};

use super::denial::denied;
use super::identity::{Identity, text};
use super::permission::Permissions;
use super::rate::Rates;
use super::token::Tokens;
use crate::call::SELLER_KEY;
use crate::metrics::Counter;
use crate::tls;

const HEALTH: &str = "grpc.health.v1.Health";
/// gRPC services that anybody may ask: they tell how the process is and what it serves, nothing of
/// what it keeps. Whoever looks after the process asks them every few seconds, so they are neither
/// traced nor measured either.
const OPEN: [&str; 3] = [
    HEALTH,
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Whether anybody may call the method at this path, `/package.Service/Method`.
pub(crate) fn is_open(path: &str) -> bool {
    OPEN.contains(&service(path))
}

/// Whether the method at this path tells how the process is.
pub(crate) fn is_health(path: &str) -> bool {
    service(path) == HEALTH
}

fn service(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    path.split_once('/').map_or(path, |(service, _)| service)
}

/// How callers prove who they are.
#[derive(Debug)]
pub(super) enum Proof {
    /// By reaching a port on loopback: what the metadata says, counts.
    Loopback,
    /// By a bearer token; a service by its certificate.
    Token {
        tokens: Tokens,
        /// Whether callers' certificates are looked at: then no token makes a service.
        certificates: bool,
    },
}

/// What decides whether a call comes in.
#[derive(Debug)]
pub(crate) struct Door {
    pub(super) proof: Proof,
    pub(super) rates: Rates,
    pub(super) permissions: Permissions,
    /// Counts who is turned away.
    pub(super) refused: Counter,
}

impl Door {
    /// Lets a call in: it bears its caller's identity then, and no token any more.
    pub(super) async fn admit(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let admitted = self.examine(request).await;
        if let Err(status) = &admitted {
            let details = status.get_error_details();
            let reason = details.error_info().map(|info| info.reason.as_str());
            self.refused
                .increment(&[("reason", reason.unwrap_or("OTHER"))]);
        }
        admitted
    }

    async fn examine(&self, request: &mut Request<Body>) -> Result<(), Status> {
        if is_open(request.uri().path()) {
            return Ok(());
        }
        let certified = tls::service_of(request.extensions());
        let caller = self.identify(request.headers(), certified).await?;
        self.rates.check(&caller)?;
        let method = request.uri().path().trim_start_matches('/');
        if let Err(status) = self.permissions.check(method, &caller) {
            let (seller, principal) = (caller.seller.as_str(), caller.principal.as_str());
            tracing::info!(seller, principal, method, "not admitted");
            return Err(status);
        }
        request.headers_mut().remove(AUTHORIZATION);
        request.extensions_mut().insert(caller);
        Ok(())
    }

    /// A token says who calls, whatever certificate it came by: a gateway hands on people's. Without
    /// one, the certificate does.
    async fn identify(
        &self,
        headers: &HeaderMap,
        certified: Option<String>,
    ) -> Result<Identity, Status> {
        let (tokens, certificates) = match &self.proof {
            Proof::Loopback => return Identity::trusted(headers),
            Proof::Token {
                tokens,
                certificates,
            } => (tokens, *certificates),
        };
        let service = certified.filter(|_| certificates);
        if let Some(name) = &service
            && !headers.contains_key(AUTHORIZATION)
        {
            return Identity::of_service(name, headers);
        }
        let caller = tokens.verify(bearer(headers)?).await?;
        own_tenant(headers, &caller)?;
        if certificates && caller.service().is_some() && caller.service() != service.as_deref() {
            let message = "a service's token counts beside that service's own certificate";
            return Err(denied(
                Code::Unauthenticated,
                "CERTIFICATE_REQUIRED",
                message,
            ));
        }
        Ok(caller)
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        let message = "metadata authorization must be given once, as `Bearer <token>`";
        return Err(denied(Code::Unauthenticated, "TOKEN_REQUIRED", message));
    };
    let value = value.to_str().unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        return Ok(token);
    }
    let message = "metadata authorization must read `Bearer <token>`";
    Err(denied(Code::Unauthenticated, "TOKEN_REQUIRED", message))
}

/// The tenant is the token's: metadata may repeat it, never choose another.
fn own_tenant(headers: &HeaderMap, caller: &Identity) -> Result<(), Status> {
    let told = headers.contains_key(SELLER_KEY);
    if !told || text(headers, SELLER_KEY) == Some(caller.seller.as_str()) {
        return Ok(());
    }
    let message = "the token is for another seller";
    Err(denied(Code::PermissionDenied, "OTHER_SELLER", message))
}

/// Puts a [`Door`] before a service.
#[derive(Debug, Clone)]
pub(crate) struct DoorLayer(Arc<Door>);

impl DoorLayer {
    pub(crate) fn new(door: Door) -> Self {
        Self(Arc::new(door))
    }
}

impl<S> Layer<S> for DoorLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            door: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service behind a door.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    door: Arc<Door>,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let door = Arc::clone(&self.door);
        // The clone takes the place of the one that said that it is ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            match door.admit(&mut request).await {
                Ok(()) => inner.call(request).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
