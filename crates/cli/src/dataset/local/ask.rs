//! Questions on a terminal, one line at a time.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::output::{Output, printable};
use crate::signals::Signals;

/// Between two looks at whether a signal came.
const PATIENCE: Duration = Duration::from_millis(50);

/// Somebody who answers.
pub(super) struct Asker<'a> {
    lines: Receiver<String>,
    output: &'a Output,
    signals: &'a Signals,
}

/// Nobody wants to answer any more: Ctrl-C, or the end of the input.
pub(super) struct Cancelled;

pub(super) type Answer<T> = Result<T, Cancelled>;

impl<'a> Asker<'a> {
    /// Begins to read standard input.
    ///
    /// A thread of its own waits there, because a signal does not end a read that has begun; it goes with the process.
    pub(super) fn new(output: &'a Output, signals: &'a Signals) -> Asker<'a> {
        let (sender, lines) = sync_channel(1);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Asker {
            lines,
            output,
            signals,
        }
    }

    /// Says something.
    pub(super) fn say(&self, text: &str) {
        self.output.message(&format!("{text}\n"));
    }

    /// Asks until the answer is one that `read` takes. No answer means `default`, if there is one.
    pub(super) fn text<T>(
        &self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Answer<T> {
        loop {
            let shown = default.filter(|default| !default.is_empty());
            let shown = shown.map(|default| format!(" [{}]", printable(default)));
            self.output
                .message(&format!("{question}{}: ", shown.unwrap_or_default()));
            let line = self.line()?;
            let answer = match (line.trim(), default) {
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            match read(answer) {
                Ok(answer) => return Ok(answer),
                Err(complaint) => self.say(&format!("  {complaint}")),
            }
        }
    }

    /// Asks for one of several, by number or by name.
    pub(super) fn choice(
        &self,
        question: &str,
        options: &[Offer],
        default: Option<usize>,
    ) -> Answer<usize> {
        self.say(question);
        for (number, option) in (1..).zip(options) {
            let about = match option.about.is_empty() {
                true => String::new(),
                false => format!(" – {}", option.about),
            };
            self.say(&format!(
                "  {number:>2}) {}{about}",
                printable(&option.name)
            ));
        }
        let default = default.filter(|index| *index < options.len());
        let shown = default.map(|index| (index + 1).to_string());
        self.text("  number or name", shown.as_deref(), |answer| {
            let by_number = answer
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            let by_name = || options.iter().position(|option| option.name == answer);
            let index = by_name().or(by_number.filter(|index| *index < options.len()));
            index.ok_or_else(|| format!("Please answer with a number from 1 to {}.", options.len()))
        })
    }

    /// Asks for yes or no; no answer means yes.
    pub(super) fn confirm(&self, question: &str) -> Answer<bool> {
        self.text(&format!("{question} [Y/n]"), None, |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "" | "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("Please answer yes or no.".to_owned()),
            }
        })
    }

    fn line(&self) -> Answer<String> {
        loop {
            if self.signals.stop() {
                self.say("");
                return Err(Cancelled);
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.say("");
                    return Err(Cancelled);
                }
            }
        }
    }
}

/// One of several answers.
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) about: String,
}

impl Offer {
    /// Makes an answer that needs no explanation.
    pub(super) fn plain(name: impl Into<String>) -> Offer {
        Offer {
            name: name.into(),
            about: String::new(),
        }
    }
}
