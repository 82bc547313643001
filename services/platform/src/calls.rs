//! What holds of every call, whatever it asks for (P4): it is answered by its deadline, it runs to
//! its end even when nobody waits any more, and there are only so many at a time.
//!
//! The work of a call is a task of its own. A caller that hangs up, or whose time is over, stops
//! waiting; the work is not dropped, since a database future that is dropped half-way can leave its
//! connection inside a transaction (sqlx 0.9.0).

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::auth::{denied, denied_for, is_health};
use crate::call::timeout;
use crate::call_body::{Incoming, Outgoing};
use crate::lifecycle::Lifecycle;

/// The longest deadline that a caller may ask for: no stream lives longer.
pub(crate) const LONGEST_CALL: Duration = Duration::from_mins(5);
/// When to come back while there are too many calls.
const BUSY: Duration = Duration::from_secs(1);

/// Bounds every call.
#[derive(Debug, Clone)]
pub(crate) struct CallsLayer(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    lifecycle: Lifecycle,
    slots: Arc<Semaphore>,
    default_timeout: Duration,
    upload_timeout: Duration,
    uploads: BTreeSet<String>,
}

impl CallsLayer {
    /// At most `concurrent` calls at a time; `default_timeout` for those that name no deadline, and
    /// `upload_timeout` for those of the methods `uploads`, `package.Service/Method`, whose callers
    /// send as fast as their line lets them.
    pub(crate) fn new(
        lifecycle: &Lifecycle,
        concurrent: usize,
        default_timeout: Duration,
        upload_timeout: Duration,
        uploads: impl IntoIterator<Item = String>,
    ) -> Self {
        let concurrent = concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Limits {
            lifecycle: lifecycle.clone(),
            slots: Arc::new(Semaphore::new(concurrent)),
            default_timeout,
            upload_timeout,
            uploads: uploads.into_iter().collect(),
        }))
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            limits: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service whose calls are bounded.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<S> {
    limits: Arc<Limits>,
    inner: S,
}

impl<S> Service<Request<Body>> for Bounded<S>
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

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_health(request.uri().path()) {
            // Watching a process's health has no end, and must work when nothing else does.
            return Box::pin(self.inner.call(request));
        }
        let Ok(slot) = Arc::clone(&self.limits.slots).try_acquire_owned() else {
            return Box::pin(std::future::ready(Ok(busy().into_http())));
        };
        let time = self.limits.time(&request);
        // Made here rather than when first polled: before the transport makes its own for the same
        // deadline, which would answer CANCELLED. Of two that are over, this one is polled first.
        let mut deadline = Box::pin(tokio::time::sleep(time));
        let until = deadline.deadline();
        let request = request.map(|body| Body::new(Incoming::new(body, until)));
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let lifecycle = self.limits.lifecycle.clone();
        let work = async move {
            let response = inner.call(request).await;
            let limit = |body| Outgoing::new(body, until, slot, &lifecycle);
            response.map(|response| response.map(limit))
        };
        let running = self.limits.lifecycle.spawn(work.in_current_span());
        Box::pin(async move {
            let response = tokio::select! {
                biased;
                response = running => response,
                () = over(&mut deadline) => return Ok(too_late().into_http()),
            };
            Ok(match response {
                Ok(Ok(response)) => response.map(Body::new),
                Ok(Err(never)) => match never {},
                Err(panicked) => {
                    tracing::error!(%panicked, "a handler broke off");
                    Status::internal("internal error").into_http()
                }
            })
        })
    }
}

impl Limits {
    fn time(&self, request: &Request<Body>) -> Duration {
        let asked = request.headers().get("grpc-timeout");
        let asked = asked
            .and_then(|value| value.to_str().ok())
            .and_then(timeout);
        let default = || {
            let method = request.uri().path().trim_start_matches('/');
            if self.uploads.contains(method) {
                return self.upload_timeout;
            }
            self.default_timeout
        };
        asked.unwrap_or_else(default).min(LONGEST_CALL)
    }
}

async fn over(deadline: &mut Pin<Box<Sleep>>) {
    deadline.as_mut().await;
}

/// The answer when a call's time is over.
pub(crate) fn too_late() -> Status {
    let message = "the call took too long; a command's outcome is kept under its key";
    denied(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
}

fn busy() -> Status {
    let message = "too many calls at a time";
    denied_for(Code::ResourceExhausted, "TOO_MANY_CALLS", message, BUSY)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures::StreamExt;
    use http_body::Frame;
    use tonic_types::StatusExt;

    use super::*;

    const UPLOAD: &str = "/things.v1.Things/Upload";
    const DO: &str = "/things.v1.Things/Do";

    type Answer = Result<Response<Body>, Infallible>;

    /// A body that says something and then nothing, for ever; or something for ever.
    struct Endless {
        talks: bool,
    }

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            if self.talks {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"more")))));
            }
            Poll::Pending
        }
    }

    fn layer(concurrent: usize) -> (CallsLayer, Lifecycle) {
        let lifecycle = Lifecycle::default();
        let uploads = [UPLOAD.trim_start_matches('/').to_owned()];
        let layer = CallsLayer::new(
            &lifecycle,
            concurrent,
            Duration::from_secs(30),
            Duration::from_secs(200),
            uploads,
        );
        (layer, lifecycle)
    }

    fn request(body: Body, timeout: Option<&'static str>) -> Request<Body> {
        let mut request = Request::new(body);
        *request.uri_mut() = DO.parse().unwrap();
        if let Some(timeout) = timeout {
            let value = timeout.parse().unwrap();
            request.headers_mut().insert("grpc-timeout", value);
        }
        request
    }

    async fn frames(mut body: Body) -> Vec<Result<Frame<Bytes>, Status>> {
        let next = |body: &mut Body, context: &mut Context<'_>| {
            http_body::Body::poll_frame(Pin::new(body), context)
        };
        futures::stream::poll_fn(move |context| next(&mut body, context))
            .filter(|frame| std::future::ready(!matches!(frame, Ok(frame) if frame.is_data())))
            .collect()
            .await
    }

    fn reason(response: &Response<Body>) -> (Code, String) {
        let status = Status::from_header_map(response.headers()).unwrap();
        let details = status.get_error_details();
        let reason = details.error_info().unwrap().reason.clone();
        (status.code(), reason)
    }

    /// P4: an upload that never ends is answered by the deadline, and its handler ends too. Time is
    /// real here: it cannot be moved while a body always has more.
    #[tokio::test]
    async fn a_request_that_never_ends_is_ended() {
        for talks in [true, false] {
            let (layer, lifecycle) = layer(1);
            let mut service = layer.layer(tower::service_fn(|request: Request<Body>| async {
                let ends = frames(request.into_body()).await;
                let told = ends.into_iter().find_map(Result::err).unwrap();
                Answer::Ok(told.into_http())
            }));
            let call = service.call(request(Body::new(Endless { talks }), Some("100m")));
            let answer = call.await.unwrap();
            let expected = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
            assert_eq!(reason(&answer), expected);
            drop(answer);
            assert!(lifecycle.drained(Duration::from_secs(20)).await, "it ended");
        }
    }

    /// P4: a download that never ends says so in its trailers.
    #[tokio::test]
    async fn an_answer_that_never_ends_is_ended() {
        says_that_it_is_over(DO, Some("100m"), true).await;
        says_that_it_is_over(DO, Some("100m"), false).await;
    }

    /// P4: a call without a deadline has one, an upload a longer one, and none is longer than the
    /// longest.
    #[tokio::test(start_paused = true)]
    async fn every_call_has_a_deadline() {
        for (method, asked, time) in [
            (DO, None, Duration::from_secs(30)),
            (DO, Some("9H"), LONGEST_CALL),
            (UPLOAD, None, Duration::from_secs(200)),
            (UPLOAD, Some("7S"), Duration::from_secs(7)),
        ] {
            let start = tokio::time::Instant::now();
            says_that_it_is_over(method, asked, false).await;
            assert_eq!(start.elapsed().as_secs(), time.as_secs());
        }
    }

    async fn says_that_it_is_over(
        method: &'static str,
        timeout: Option<&'static str>,
        talks: bool,
    ) {
        let (layer, _) = layer(1);
        let mut service = layer.layer(tower::service_fn(move |_| async move {
            Answer::Ok(Response::new(Body::new(Endless { talks })))
        }));
        let mut request = request(Body::empty(), timeout);
        *request.uri_mut() = method.parse().unwrap();
        let call = service.call(request);
        let ends = frames(call.await.unwrap().into_body()).await;
        let [Ok(end)] = &ends[..] else {
            panic!("{ends:?}");
        };
        let status = Status::from_header_map(end.trailers_ref().unwrap()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    /// P2, P4: who hangs up, or whose time is over, stops waiting; the work goes on to its end.
    #[tokio::test(start_paused = true)]
    async fn work_outlives_its_caller() {
        static DONE: AtomicUsize = AtomicUsize::new(0);
        let (layer, lifecycle) = layer(2);
        let mut service = layer.layer(tower::service_fn(|_| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            DONE.fetch_add(1, Ordering::SeqCst);
            Answer::Ok(Response::new(Body::empty()))
        }));
        let hung_up = service.call(request(Body::empty(), None));
        drop(hung_up);
        let late = service.call(request(Body::empty(), Some("1S"))).await;
        assert_eq!(reason(&late.unwrap()).0, Code::DeadlineExceeded);
        assert_eq!(DONE.load(Ordering::SeqCst), 0);
        assert!(lifecycle.drained(Duration::from_secs(10)).await);
        assert_eq!(DONE.load(Ordering::SeqCst), 2);
    }

    /// P5: so many at a time, abandoned ones and answers under way included; health is always heard.
    #[tokio::test(start_paused = true)]
    async fn only_so_many_calls_at_a_time() {
        let (layer, _) = layer(1);
        let mut service = layer.layer(tower::service_fn(|_| async {
            Answer::Ok(Response::new(Body::new(Endless { talks: false })))
        }));
        let answer = service.call(request(Body::empty(), None)).await.unwrap();
        let refused = service.call(request(Body::empty(), None)).await.unwrap();
        let expected = (Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned());
        assert_eq!(reason(&refused), expected);
        let mut health = request(Body::empty(), None);
        *health.uri_mut() = "/grpc.health.v1.Health/Watch".parse().unwrap();
        let watched = service.call(health).await.unwrap();
        assert!(Status::from_header_map(watched.headers()).is_none());
        drop(answer);
        let next = service.call(request(Body::empty(), None)).await.unwrap();
        assert!(Status::from_header_map(next.headers()).is_none());
    }
}
