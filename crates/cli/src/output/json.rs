//! The JSON form: one object a line, `type` first.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};

use super::event::Event;
use super::outcome::Outcome;
use crate::failure::{Failure, Place, Retry};

/// Renders an event as one line.
pub(super) fn event(event: &Event) -> Vec<u8> {
    line(&EventLine(event))
}

/// Renders the result as one line, the last of the output.
pub(super) fn result(command: &str, outcome: &Outcome) -> Vec<u8> {
    line(&ResultLine {
        kind: "result",
        command,
        exit_code: outcome.exit.number(),
        error: outcome.error.as_ref().map(ErrorMember::of),
        members: &outcome.members,
    })
}

struct EventLine<'a>(&'a Event);

impl Serialize for EventLine<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.0.level.word())?;
        map.serialize_entry("event", &self.0.name)?;
        for (name, value) in &self.0.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ResultLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    command: &'a str,
    exit_code: u8,
    error: Option<ErrorMember<'a>>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct ErrorMember<'a> {
    id: &'static str,
    message: &'a str,
    causes: &'a [String],
    retryable: bool,
    place: Option<&'a Place>,
    remedy: Option<&'a str>,
}

impl<'a> ErrorMember<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self {
            id: failure.id,
            message: &failure.message,
            causes: &failure.causes,
            retryable: failure.retry == Retry::MayHelp,
            place: (!failure.place.is_empty()).then_some(&failure.place),
            remedy: failure.remedy.as_deref(),
        }
    }
}

/// Values here are strings, numbers and maps with text keys, which always serialise; should that ever change, the
/// line says so in the same shape rather than vanish.
fn line(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value)
        .unwrap_or_else(|_| br#"{"type":"warning","event":"unserialisable_line"}"#.to_vec());
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn an_event_begins_with_its_type_and_keeps_the_order_of_its_fields() {
        let bytes = event(
            &Event::warning("s3_orphan_chunks")
                .with("bucket", "z")
                .with("a", 1),
        );
        let expected =
            "{\"type\":\"warning\",\"event\":\"s3_orphan_chunks\",\"bucket\":\"z\",\"a\":1}\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn a_result_carries_error_and_members() {
        let failure = Failure::new(Exit::LocalIo, "output.disk-full", "no space")
            .at("path", "/x")
            .remedy("Free some space.")
            .retryable();
        let outcome = Outcome::done("text").with("files", 2).but(failure);
        let expected = concat!(
            r#"{"type":"result","command":"snapshot decode","exit_code":12,"error":{"id":"output.disk-full","#,
            r#""message":"no space","causes":[],"retryable":true,"place":{"path":"/x"},"#,
            r#""remedy":"Free some space."},"files":2}"#,
            "\n"
        );
        let bytes = result("snapshot decode", &outcome);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
