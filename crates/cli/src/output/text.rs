//! The text form of events and errors, one fact a line.

use serde_json::Value;

use super::event::{Event, Level};
use super::printable::{printable, printable_lines};
use super::style::Style;
use crate::exit::Exit;
use crate::failure::Failure;

/// Renders an event: `warning: s3_orphan_chunks bucket=photos chunks=3 hint="…"`.
pub(super) fn event(event: &Event, style: Style) -> String {
    let label = match event.level {
        Level::Warning => style.warning("warning:"),
        Level::Note => style.note("note:"),
        Level::Finding => style.error("finding:"),
    };
    let mut line = format!("{label} {}", printable(&event.name));
    for (name, field) in &event.fields {
        line.push_str(&format!(" {name}={}", value(field)));
    }
    line.push('\n');
    line
}

/// What stands before a cause; its further lines begin below its first one.
const BECAUSE: &str = "  because: ";

/// Renders an error with its place, causes and remedy below it.
pub(super) fn failure(failure: &Failure, style: Style) -> String {
    let label = match failure.exit {
        Exit::PartsLeftOut => style.warning("incomplete:"),
        Exit::Interrupted | Exit::Terminated => style.warning("stopped:"),
        _ => style.error("error:"),
    };
    let message = printable_lines(&failure.message, BECAUSE.len());
    let mut text = format!("{label} {message} [{}]\n", failure.id);
    if !failure.place.is_empty() {
        let members: Vec<String> = failure
            .place
            .members()
            .into_iter()
            .map(|(name, field)| format!("{name} {}", value(field)))
            .collect();
        text.push_str(&format!("  {} {}\n", style.note("at:"), members.join(", ")));
    }
    for cause in &failure.causes {
        text.push_str(&format!(
            "  {} {}\n",
            style.note("because:"),
            printable_lines(cause, BECAUSE.len())
        ));
    }
    if let Some(remedy) = &failure.remedy {
        text.push_str(&format!(
            "  {} {}\n",
            style.note("remedy:"),
            printable(remedy)
        ));
    }
    text
}

/// Renders one value; words stay bare, escapes like `\x00` included, everything else has its JSON form.
fn value(field: &Value) -> String {
    match field {
        Value::String(text) if is_word(text) => text.clone(),
        other => printable(&other.to_string()).into_owned(),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || br"-_./:+@%~\".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_key_is_shown_as_it_is_typed() {
        assert_eq!(value(&r"a\x00b".into()), r"a\x00b");
        assert_eq!(value(&r"a \x00".into()), r#""a \\x00""#);
    }

    #[test]
    fn an_event_is_one_line_with_its_fields() {
        let warning = Event::warning("redis_orphan_ttl")
            .with("count", 3)
            .with("hint", "look there");
        assert_eq!(
            event(&warning, Style::Plain),
            "warning: redis_orphan_ttl count=3 hint=\"look there\"\n"
        );
    }

    #[test]
    fn nothing_in_a_field_reaches_the_terminal_raw() {
        let warning = Event::warning("s3_key_escaped").with("key", "a\u{9b}\x1b[2J\n\u{202e}");
        let line = event(&warning, Style::Plain);
        assert_eq!(line.lines().count(), 1);
        assert!(
            !line
                .trim_end()
                .contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{line}"
        );
    }

    #[test]
    fn an_error_names_place_cause_and_remedy() {
        let error = Failure::new(
            Exit::SnapshotDamaged,
            "snapshot.truncated",
            "the snapshot ends inside an entry",
        )
        .at("path", "a.fsm")
        .at("offset", 76)
        .because(&std::io::Error::other("cut"))
        .remedy("Copy the file again.");
        let expected = "error: the snapshot ends inside an entry [snapshot.truncated]\n  \
                        at: path a.fsm, offset 76\n  because: cut\n  remedy: Copy the file again.\n";
        assert_eq!(failure(&error, Style::Plain), expected);
    }

    #[test]
    fn a_cause_of_several_lines_stays_readable() {
        let mut error = Failure::new(Exit::LocalData, "credential.failed", "it failed");
        error
            .causes
            .push("session expired\nlog in again\n".to_owned());
        let expected = "error: it failed [credential.failed]\n  because: session expired\n           log in again\n";
        assert_eq!(failure(&error, Style::Plain), expected);
    }

    #[test]
    fn colours_only_wrap_the_label() {
        let line = event(&Event::note("staging_removed"), Style::Ansi);
        assert_eq!(line, "\x1b[36mnote:\x1b[0m staging_removed\n");
    }
}
