//! One JSON object a line. Beside the event's own fields stand those of the work that it happened
//! in: tenant, engagement, trace. The names that only traces are made of (`rpc.method`, `otel.kind`)
//! have dots in them, and stay out.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Formats events; to be used with `JsonFields`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogLine;

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        // From the outermost span inwards: the inner one knows better.
        let mut work = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                let fields = object(fields.as_str());
                work.extend(fields.into_iter().filter(|(name, _)| !name.contains('.')));
            }
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        work.extend(object(&own));
        line.extend(work);
        line.insert("target".to_owned(), metadata.target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields that `JsonFields` wrote. A span whose fields were recorded later holds the first
/// object, then others.
fn object(text: &str) -> Map<String, Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Map<String, Value>>()
        .flatten()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(LogLine)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// P6: tenant, engagement and trace stand on every line inside work, whether they were known
    /// when it began or later, and in inner spans too.
    #[test]
    fn a_line_names_the_work_that_it_is_of() {
        let lines = logged(|| {
            let work = tracing::info_span!(
                "command",
                seller = "acme",
                "rpc.method" = "x",
                engagement = tracing::field::Empty,
                trace_id = tracing::field::Empty,
            );
            let _in_work = work.enter();
            work.record("trace_id", "4bf9");
            tracing::info_span!("inner", attempt = 2).in_scope(|| {
                work.record("engagement", "006D");
                tracing::warn!(reason = "STALE", "refused");
            });
        });
        let [line] = lines.as_slice() else {
            panic!("{lines:?}")
        };
        for (name, expected) in [
            ("level", Value::from("WARN")),
            ("message", "refused".into()),
            ("reason", "STALE".into()),
            ("seller", "acme".into()),
            ("engagement", "006D".into()),
            ("trace_id", "4bf9".into()),
            ("attempt", 2.into()),
            ("target", module_path!().into()),
        ] {
            assert_eq!(line[name], expected, "{line}");
        }
        assert_eq!(line.get("rpc.method"), None);
    }

    /// Whatever a text holds, a line stays a line.
    #[test]
    fn one_event_is_one_line() {
        let lines = logged(|| tracing::info!(error = "two\nlines \"quoted\"", "said\nso"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["error"], "two\nlines \"quoted\"");
    }
}
