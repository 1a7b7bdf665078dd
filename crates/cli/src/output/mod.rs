//! Everything that this program prints goes through here.
//!
//! Results go to standard output; progress, notes and errors to standard error. With `--format json` standard output
//! carries JSON lines, the last of which is the result, and standard error only what is meant for a person watching.

mod event;
mod json;
mod number;
mod outcome;
mod printable;
mod sink;
mod style;
mod text;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use event::{Event, Level};
pub(crate) use number::{Amount, Bytes};
pub(crate) use outcome::Outcome;
pub(crate) use printable::{printable, printable_lines};
pub(crate) use style::Style;

use crate::exit::Exit;
use crate::failure::Failure;
use sink::Sink;

/// How results and events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// JSON lines on standard output; the last one is the result.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always, for a pager that keeps them.
    Always,
    /// Never.
    Never,
}

/// The two streams and how to write to them. Safe to share between threads.
pub(crate) struct Output {
    format: Format,
    results: Mutex<Sink>,
    screen: Mutex<Screen>,
    style: Style,
    screen_style: Style,
}

/// Standard error: messages, and at most one line of progress below them.
struct Screen {
    sink: Sink,
    transient: bool,
}

impl Output {
    /// Makes the output of this process.
    pub(crate) fn new(format: Format, style: Style, screen_style: Style) -> Self {
        Self {
            format,
            results: Mutex::new(Sink::new(Box::new(std::io::stdout()))),
            screen: Mutex::new(Screen {
                sink: Sink::new(Box::new(std::io::stderr())),
                transient: false,
            }),
            style,
            screen_style,
        }
    }

    /// Colours for texts that end up on standard output.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Colours for texts that end up on standard error.
    pub(crate) fn screen_style(&self) -> Style {
        self.screen_style
    }

    /// Tells whether standard output carries JSON lines.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Shows a warning, note or finding: as a JSON line, or as the same event in words.
    pub(crate) fn event(&self, event: &Event) {
        match self.format {
            Format::Json => self.at_once(&json::event(event)),
            Format::Text => self.message(&text::event(event, self.screen_style)),
        }
    }

    /// Shows a line of a foreign log that is the result itself. It must be free of control characters but for colours.
    pub(crate) fn log_line(&self, line: &str) {
        match self.format {
            Format::Json => self.event(&log_event(line)),
            Format::Text => {
                let line = coloured(line, self.style);
                self.at_once(format!("{line}\n").as_bytes());
            }
        }
    }

    /// Shows a line of a foreign log beside the result. It must be free of control characters but for colours.
    pub(crate) fn log_note(&self, line: &str) {
        match self.format {
            Format::Json => self.event(&log_event(line)),
            Format::Text => self.message(&format!("{}\n", coloured(line, self.screen_style))),
        }
    }

    /// Prints a part of the text that is ready long before the rest. The JSON result comes whole, so there it is nothing.
    pub(crate) fn part(&self, text: &str) {
        if self.format == Format::Text {
            self.at_once(text.as_bytes());
        }
    }

    /// Ends the command: prints what it has to say and returns the code to exit with.
    ///
    /// A reader that closed the pipe is not an error. A result that could not be written for any other reason is one,
    /// unless the work has failed already, which is then the better thing to say.
    pub(crate) fn finish(&self, command: &str, outcome: &Outcome) -> Exit {
        match self.format {
            Format::Json => self.result_bytes(&json::result(command, outcome)),
            Format::Text => {
                self.result_bytes(outcome.text.as_bytes());
                if let Some(failure) = outcome.error.as_ref().filter(|_| !outcome.is_told) {
                    self.message(&text::failure(failure, self.screen_style));
                }
            }
        }
        match self.results().flush() {
            Err(error) if outcome.exit == Exit::Done => {
                let failure = Failure::new(
                    Exit::LocalIo,
                    "output.unwritable",
                    "the result could not be written to standard output",
                )
                .because(&error);
                self.message(&text::failure(&failure, self.screen_style));
                failure.exit
            }
            _ => outcome.exit,
        }
    }

    /// Replaces the line of progress; an empty one removes it.
    pub(crate) fn progress_line(&self, line: &str) {
        let mut screen = self.screen();
        let bytes = format!("\r\x1b[K{line}");
        screen.sink.write(bytes.as_bytes());
        screen.transient = !line.is_empty();
        drop(screen.sink.flush());
    }

    /// Writes one complete line or more to standard error, above the line of progress.
    pub(crate) fn message(&self, text: &str) {
        let mut screen = self.screen();
        if std::mem::take(&mut screen.transient) {
            screen.sink.write(b"\r\x1b[K");
        }
        screen.sink.write(text.as_bytes());
        // Standard error is the last resort: there is nobody to tell that it does not take the message.
        drop(screen.sink.flush());
    }

    /// Writes what somebody may be waiting for, or what must not be lost with the process.
    fn at_once(&self, bytes: &[u8]) {
        let mut results = self.results();
        results.write(bytes);
        results.hand_on();
    }

    fn result_bytes(&self, bytes: &[u8]) {
        self.results().write(bytes);
    }

    fn results(&self) -> MutexGuard<'_, Sink> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_event(line: &str) -> Event {
    Event::note("log").with("line", coloured(line, Style::Plain))
}

fn coloured(line: &str, style: Style) -> String {
    match style {
        Style::Ansi => format!("{line}\u{1b}[0m"),
        Style::Plain => cluster::watch::plain(line),
    }
}

/// Writes text to standard output outside of a command: help, and the version line.
pub(crate) fn plain(text: &str) {
    let mut sink = Sink::new(Box::new(std::io::stdout()));
    sink.write(text.as_bytes());
    drop(sink.flush());
}

/// Writes text to standard error outside of a command: mistakes on the command line.
pub(crate) fn plain_error(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}
