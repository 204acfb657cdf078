//! arcanos's own log on stderr.
//!
//! Events of `tracing` become lines `TIME LEVEL Message. key=value`, with the fields of their
//! spans; control characters are escaped and secrets replaced before anything is written. The
//! session log is not this room's business.
//!
//! A thread of its own writes the lines. Between it and everybody else is a bounded queue: where
//! stderr is stuck, lines are dropped and counted; where it is closed, they go nowhere. Neither
//! ever blocks or ends arcanos.

mod line;
mod writer;

use std::{
    env,
    fmt::{self, Write as _},
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tracing::{Event, Subscriber, span};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    reload,
};

use crate::{
    cli::terminal::{Colours, Tone},
    domain::Stamp,
};
use line::{Fields, escape_into, tone_of};
use writer::Writer;

/// The variable that overrides `log.level`.
const VARIABLE: &str = "ARCANOS_LOG";

/// Replaces secrets in a line.
pub(crate) type Redact = dyn Fn(&str) -> String + Send + Sync;

/// arcanos's own tracing, set up. Dropping it changes nothing; call [`Telemetry::flush`] at the
/// end.
#[derive(Clone)]
pub(crate) struct Telemetry {
    writer: Writer,
    redact: Arc<RwLock<Arc<Redact>>>,
    filter: reload::Handle<EnvFilter, tracing_subscriber::Registry>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Sets tracing up for this process, with this filter (as `log.level`, `info`) unless
    /// `ARCANOS_LOG` says otherwise. Only the first call in a process has an effect.
    #[must_use]
    pub(crate) fn install(level: &str) -> Self {
        let (filter, handle) = reload::Layer::new(filter(level));
        let writer = Writer::start(io::stderr());
        let redact: Arc<RwLock<Arc<Redact>>> =
            Arc::new(RwLock::new(Arc::new(|line: &str| line.to_owned())));
        let colours = Colours::of(&io::stderr());
        let lines = Lines { writer: writer.clone(), redact: Arc::clone(&redact), colours };
        let subscriber = tracing_subscriber::registry().with(filter).with(lines);
        // A second call, as in tests, finds a subscriber in place; then that one stays.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Self { writer, redact, filter: handle }
    }

    /// Takes another filter, unless `ARCANOS_LOG` is set. One that cannot be read is `info`.
    pub(crate) fn set_level(&self, level: &str) {
        // Fails only once the subscriber is gone, and then nothing is said any more.
        let _ = self.filter.reload(filter(level));
    }

    /// Takes another redactor for all lines from now on.
    pub(crate) fn set_redactor(&self, redact: Arc<Redact>) {
        *self.redact.write().unwrap_or_else(PoisonError::into_inner) = redact;
    }

    /// Waits until what was said so far is written, but never longer than this.
    pub(crate) fn flush(&self, patience: Duration) {
        self.writer.flush(patience);
    }
}

fn filter(level: &str) -> EnvFilter {
    let own = env::var_os(VARIABLE)
        .and_then(|text| text.into_string().ok())
        .filter(|text| !text.is_empty());
    let directives = own.as_deref().unwrap_or(level);
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Turns events into lines.
struct Lines {
    writer: Writer,
    redact: Arc<RwLock<Arc<Redact>>>,
    colours: Colours,
}

/// What a span adds to the lines of its events.
struct SpanFields(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(SpanFields(fields.rest));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(SpanFields(known)) = span.extensions_mut().get_mut() {
            known.push_str(&fields.rest);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut text = std::mem::take(&mut fields.message);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(known)) = span.extensions().get() {
                text.push_str(known);
            }
        }
        text.push_str(&fields.rest);
        let redact = Arc::clone(&self.redact.read().unwrap_or_else(PoisonError::into_inner));
        let text = redact(&text);
        let level = *event.metadata().level();
        let mut line = String::with_capacity(text.len() + 48);
        let stamp = Stamp::now().to_string();
        line.push_str(&self.colours.paint(Tone::Faint, &stamp));
        let _ = write!(line, " {} ", self.colours.paint(tone_of(level), &label(level)));
        escape_into(&mut line, &text);
        line.push('\n');
        self.writer.send(line);
    }
}

/// What stands before a message. A warning reads as it does in the session log, so that both are
/// found by the same words.
fn label(level: tracing::Level) -> String {
    match level {
        tracing::Level::WARN => "Warning:".to_owned(),
        other => format!("{other:>5}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_with_its_spans_fields_and_without_secrets() {
        let kept = Kept::default();
        let writer = Writer::start(kept.clone());
        let redact: Arc<Redact> = Arc::new(|line: &str| line.replace("hunter2", "[redacted X]"));
        let lines = Lines {
            writer: writer.clone(),
            redact: Arc::new(RwLock::new(redact)),
            colours: Colours::Hidden,
        };
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let _in_span = tracing::info_span!("run", worker = "a", key = "hunter2").entered();
            tracing::warn!(path = "a b", n = 3, "Line one.\nforged \u{1b}[2J");
        });
        writer.flush(Duration::from_secs(10));
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let (stamp, rest) = text.split_once(' ').expect("a time");
        assert!(stamp.parse::<jiff::Timestamp>().is_ok(), "{stamp}");
        let expect =
            "Warning: Line one.\\nforged \\x1b[2J worker=a key=[redacted X] path=\"a b\" n=3\n";
        assert_eq!(rest, expect);
    }
}
