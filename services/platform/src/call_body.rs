//! The bodies of a call, which end when its time does: a stream that never ends, ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;

use crate::calls::too_late;
use crate::lifecycle::Lifecycle;

/// What the caller sends, until a deadline: an error after it.
pub(crate) struct Incoming {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    over: bool,
}

impl Incoming {
    pub(crate) fn new(body: Body, until: Instant) -> Self {
        Self {
            body,
            deadline: Box::pin(tokio::time::sleep_until(until)),
            over: false,
        }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        // First: a body that always has more would never let the deadline be looked at. By the
        // clock too: a timer says nothing to a task that has not yielded for long.
        let over = self.deadline.as_mut().poll(context).is_ready();
        if over || Instant::now() >= self.deadline.deadline() {
            self.over = true;
            self.body = Body::empty();
            return Poll::Ready(Some(Err(too_late())));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the caller is sent, until a deadline: `DEADLINE_EXCEEDED` in the trailers after it.
///
/// The transport looks at a body only when its caller takes more, so a caller that takes nothing
/// would keep body and slot as long as its connection. At the deadline a timer of its own lets go of
/// both, whoever looks.
pub(crate) struct Outgoing {
    held: Arc<Mutex<Held>>,
    until: Instant,
    /// Dropped with the body: the timer has nothing to wait for then.
    _open: oneshot::Sender<()>,
}

/// What an answer under way holds: what is left of it, and the call's slot.
struct Held {
    answer: Option<(Body, OwnedSemaphorePermit)>,
    told: bool,
    reader: Option<Waker>,
}

impl Outgoing {
    pub(crate) fn new(
        body: Body,
        until: Instant,
        slot: OwnedSemaphorePermit,
        lifecycle: &Lifecycle,
    ) -> Self {
        let held = Arc::new(Mutex::new(Held {
            answer: Some((body, slot)),
            told: false,
            reader: None,
        }));
        let (open, closed) = oneshot::channel();
        let timed = Arc::clone(&held);
        lifecycle.spawn(async move {
            tokio::select! {
                // Nothing is ever sent: it was dropped.
                _ = closed => {}
                () = tokio::time::sleep_until(until) => let_go(&timed),
            }
        });
        Self {
            held,
            until,
            _open: open,
        }
    }
}

/// Drops what is held, and wakes whoever waits for more of it.
fn let_go(held: &Mutex<Held>) {
    let (answer, reader) = {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        (held.answer.take(), held.reader.take())
    };
    drop(answer);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Drop for Outgoing {
    /// At once, not when the timer comes to it.
    fn drop(&mut self) {
        let_go(&self.held);
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // By the clock: a timer says nothing while a body that always has more takes the thread.
        if Instant::now() >= self.until {
            let_go(&self.held);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((body, _)) = &mut held.answer {
            let polled = Pin::new(body).poll_frame(context);
            if polled.is_pending() {
                held.reader = Some(context.waker().clone());
            }
            return polled;
        }
        if std::mem::replace(&mut held.told, true) {
            return Poll::Ready(None);
        }
        let mut trailers = HeaderMap::new();
        too_late().add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let body = held.answer.as_ref().map(|(body, _)| body);
        body.map_or(held.told, http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let body = held.answer.as_ref().map(|(body, _)| body);
        body.map_or_else(SizeHint::new, http_body::Body::size_hint)
    }
}
