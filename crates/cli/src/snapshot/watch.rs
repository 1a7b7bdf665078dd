//! Shows what the codec says of its work.

use std::sync::Mutex;
use std::sync::PoisonError;

use codec::{Event as CodecEvent, FieldValue, Observer, Phase, Progress};
use serde_json::Value;

use crate::output::{Event, Level};
use crate::run::Context;

/// Passes events, progress and the wish to stop between a command and the codec.
pub(crate) struct Watch<'a> {
    context: &'a Context,
    phase: Mutex<Option<(Phase, u64)>>,
}

impl<'a> Watch<'a> {
    /// Makes a watch for one run.
    pub(crate) fn new(context: &'a Context) -> Self {
        Self {
            context,
            phase: Mutex::new(None),
        }
    }
}

impl Observer for Watch<'_> {
    fn event(&self, event: CodecEvent) {
        let fields = event
            .fields()
            .into_iter()
            .map(|(name, value)| (name, field(value)))
            .collect();
        let shown = Event {
            level: level(&event),
            name: event.name().to_owned(),
            fields,
        };
        self.context.output.event(&shown);
    }

    fn progress(&self, progress: Progress) {
        let now = Some((progress.phase, progress.total_bytes));
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *phase, now) != now {
            self.context
                .progress
                .phase(label(progress.phase), Some(progress.total_bytes));
        }
        self.context.progress.set(progress.done_bytes);
    }

    fn is_cancelled(&self) -> bool {
        self.context.signals.stop()
    }
}

fn level(event: &CodecEvent) -> Level {
    match event {
        CodecEvent::EmptySnapshot { .. } | CodecEvent::NamesKeptApart { .. } => Level::Note,
        _ => Level::Warning,
    }
}

fn label(phase: Phase) -> &'static str {
    match phase {
        Phase::Survey => "reading",
        Phase::Write => "writing",
        Phase::Verify => "verifying",
    }
}

fn field(value: FieldValue) -> Value {
    match value {
        FieldValue::Number(number) => number.into(),
        FieldValue::Text(text) => text.into(),
    }
}
