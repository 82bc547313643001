//! The bodies of a call, which end when its time does: a stream that never ends, ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;

use crate::calls::too_late;

/// A body until a deadline.
pub(crate) struct Limited {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    /// An outgoing body says why it ends in its trailers, and holds the call's slot until it does.
    outgoing: Option<OwnedSemaphorePermit>,
    over: bool,
}

impl Limited {
    /// What the caller sends: an error after the deadline.
    pub(crate) fn incoming(body: Body, until: Instant) -> Self {
        Self::new(body, until, None)
    }

    /// What the caller is sent: `DEADLINE_EXCEEDED` after the deadline.
    pub(crate) fn outgoing(body: Body, until: Instant, slot: OwnedSemaphorePermit) -> Self {
        Self::new(body, until, Some(slot))
    }

    fn new(body: Body, until: Instant, outgoing: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            body,
            deadline: Box::pin(tokio::time::sleep_until(until)),
            outgoing,
            over: false,
        }
    }

    fn end(&mut self) -> Result<Frame<Bytes>, Status> {
        self.over = true;
        self.body = Body::empty();
        if self.outgoing.take().is_none() {
            return Err(too_late());
        }
        let mut trailers = HeaderMap::new();
        too_late().add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }
}

impl http_body::Body for Limited {
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
            return Poll::Ready(Some(self.end()));
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
