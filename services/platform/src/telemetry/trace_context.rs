//! Where a piece of work stands in its trace: a W3C trace context, which is the context of its span.

use std::fmt;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::ids::Ids;

/// A W3C trace context: rides from gRPC metadata through outbox and NATS to whatever the event
/// causes, so that one trace shows them all.
///
/// Where traces are exported it is the context of a span. Where they are not, it is what came in,
/// passed on as it is: a part that exports nothing breaks no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

impl TraceContext {
    /// A new trace, sampled.
    #[must_use]
    pub fn start(ids: &Ids) -> Self {
        Self {
            trace_id: TraceId::from_bytes(ids.bytes()),
            span_id: SpanId::from_bytes(ids.bytes()),
            flags: TraceFlags::SAMPLED,
        }
    }

    /// Where the current span stands, if its trace is exported: what a call to another process
    /// takes with it as `traceparent`.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::of(&Span::current())
    }

    fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let here = context.span().span_context().clone();
        here.is_valid().then(|| Self {
            trace_id: here.trace_id(),
            span_id: here.span_id(),
            flags: here.trace_flags(),
        })
    }

    /// Makes `span` the next step of this trace, and returns where it stands.
    #[must_use]
    pub(crate) fn continued_by(self, span: &Span) -> Self {
        // Without an exporter there is no such layer, and with a filtered span no span: then the
        // context is passed on as it is.
        let _ = span.set_parent(Context::new().with_remote_span_context(self.into()));
        self.unless_at(span)
    }

    /// Where `span` stands, which has its parent or begins a trace; this context where traces are
    /// not exported. The log's lines within the span name it.
    #[must_use]
    pub(crate) fn unless_at(self, span: &Span) -> Self {
        let here = Self::of(span).unwrap_or(self);
        span.record("trace_id", here.trace_id());
        span.record("span_id", here.span_id.to_string());
        here
    }

    /// Links `span` to this context: it has to do with it, whoever its parent is.
    pub(crate) fn link(self, span: &Span) {
        span.add_link(self.into());
    }

    /// The trace id, as 32 hexadecimal digits: what logs show.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace_id.to_string()
    }

    /// Whether the other stands in the same trace.
    #[must_use]
    pub(crate) fn shares_trace(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id
    }
}

impl From<TraceContext> for SpanContext {
    fn from(context: TraceContext) -> Self {
        Self::new(
            context.trace_id,
            context.span_id,
            context.flags,
            true,
            TraceState::NONE,
        )
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags.to_u8();
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// The text is no `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct NotATraceparent;

impl FromStr for TraceContext {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts[..] else {
            return Err(NotATraceparent);
        };
        let sizes = [version.len(), trace.len(), span.len(), flags.len()];
        let lower_hex = |part: &str| {
            part.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if sizes != [2, 32, 16, 2] || version == "ff" || !parts.iter().all(|part| lower_hex(part)) {
            return Err(NotATraceparent);
        }
        let trace_id = u128::from_str_radix(trace, 16).map_err(|_| NotATraceparent)?;
        let span_id = u64::from_str_radix(span, 16).map_err(|_| NotATraceparent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NotATraceparent)?;
        if trace_id == 0 || span_id == 0 {
            return Err(NotATraceparent);
        }
        Ok(Self {
            trace_id: trace_id.into(),
            span_id: span_id.into(),
            flags: TraceFlags::new(flags),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P6: what goes out parses back, and garbage does not.
    #[test]
    fn traceparents_round_trip() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!(context.to_string(), text);
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(
                wrong.parse::<TraceContext>(),
                Err(NotATraceparent),
                "{wrong}"
            );
        }
    }

    /// P6: without an exporter a context is passed on as it came.
    #[test]
    fn without_an_exporter_the_context_goes_through() {
        let context = TraceContext::start(&Ids::counted());
        let span = tracing::info_span!("work");
        assert_eq!(context.continued_by(&span), context);
        assert_eq!(TraceContext::current(), None);
    }
}
