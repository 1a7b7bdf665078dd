//! Documents as text.

use std::fmt::Write;

use super::node::{Kind, Value};
use super::scalar;

/// A part of a document that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text(String),
    Count(u32),
    Size([u32; 2]),
    /// Keys keep their order.
    Mapping(Vec<(String, Item)>),
}

impl Item {
    pub(super) fn text(text: impl Into<String>) -> Item {
        Item::Text(text.into())
    }
}

/// Writes block YAML. Text that a reader of YAML 1.1 or 1.2 could take for something else is in double quotes.
pub(super) fn yaml(item: &Item) -> String {
    let mut text = String::new();
    match item {
        Item::Mapping(entries) => block(entries, 0, &mut text),
        scalar => text = format!("{}\n", inline(scalar)),
    }
    text
}

fn block(entries: &[(String, Item)], indent: usize, text: &mut String) {
    for (key, item) in entries {
        let key = quote_if_needed(key);
        text.extend(std::iter::repeat_n(' ', indent));
        match item {
            Item::Mapping(entries) => {
                text.push_str(&format!("{key}:\n"));
                block(entries, indent + 2, text);
            }
            scalar => text.push_str(&format!("{key}: {}\n", inline(scalar))),
        }
    }
}

fn inline(item: &Item) -> String {
    match item {
        Item::Text(text) => quote_if_needed(text),
        Item::Count(count) => count.to_string(),
        Item::Size([width, height]) => format!("[{width}, {height}]"),
        Item::Mapping(_) => "{}".to_owned(),
    }
}

fn quote_if_needed(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// Narrower than YAML: ASCII without blanks or any character that means something, and nothing that means another type.
fn is_plain(text: &str) -> bool {
    let starts = text
        .starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '/' | '.'));
    starts
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_/.-()".contains(&byte))
        && matches!(scalar::resolve(text), Value::Text(_))
        && scalar::legacy_kind(text) == Kind::Text
}

fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            character if is_printable(character) => quoted.push(character),
            character => escape(character, &mut quoted),
        }
    }
    quoted.push('"');
    quoted
}

/// Readers refuse or fold some characters even between quotes.
fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a1}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn escape(character: char, quoted: &mut String) {
    let code = u32::from(character);
    // Writing to a string cannot fail.
    let _infallible = match code {
        0..=0xFF => write!(quoted, "\\x{code:02x}"),
        0x100..=0xFFFF => write!(quoted, "\\u{code:04x}"),
        _ => write!(quoted, "\\U{code:08x}"),
    };
}

/// Writes JSON with two blanks a level, ending with a line feed.
pub(super) fn json(item: &Item) -> String {
    let mut text = String::new();
    nested(item, 0, &mut text);
    text.push('\n');
    text
}

/// By hand, because a map of `serde_json` would sort the columns.
fn nested(item: &Item, indent: usize, text: &mut String) {
    let Item::Mapping(entries) = item else {
        return match item {
            Item::Text(value) => text.push_str(&json_text(value)),
            other => text.push_str(&inline(other)),
        };
    };
    let blanks = |count: usize| " ".repeat(count);
    for (position, (key, item)) in entries.iter().enumerate() {
        let before = if position == 0 { "{" } else { "," };
        text.push_str(&format!(
            "{before}\n{}{}: ",
            blanks(indent + 2),
            json_text(key)
        ));
        nested(item, indent + 2, text);
    }
    let end = if entries.is_empty() {
        "{}".to_owned()
    } else {
        format!("\n{}}}", blanks(indent))
    };
    text.push_str(&end);
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a text as key and value, and reads both with another reader.
    #[track_caller]
    fn check(text: &str) {
        let item = Item::Mapping(vec![
            (text.to_owned(), Item::text(text)),
            ("z".to_owned(), Item::Size([3, 4])),
        ]);
        let expected = serde_json::json!({ text: text, "z": [3, 4] });
        let read: serde_json::Value = serde_saphyr::from_str(&yaml(&item))
            .unwrap_or_else(|error| panic!("{text:?}: {error}\n{}", yaml(&item)));
        assert_eq!(read, expected, "{}", yaml(&item));
        let read: serde_json::Value = serde_json::from_str(&json(&item)).expect("JSON");
        assert_eq!(read, expected);
    }

    #[test]
    fn whatever_a_column_is_called_comes_back() {
        for text in [
            "",
            " ",
            " a",
            "a ",
            "y",
            "N",
            "yes",
            "on",
            "True",
            "null",
            "~",
            "12",
            "-1",
            "1e5",
            "0x1F",
            "1_000",
            "12:30:45",
            "2024-01-01",
            ".5",
            ".inf",
            ".nan",
            "- a",
            "-",
            "? a",
            ": a",
            "a: b",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "[a]",
            "{a}",
            "a,b",
            "'a'",
            "\"a\"",
            "a\\b",
            "a\nb",
            "a\tb",
            "a\rb",
            "\u{7}",
            "\u{85}",
            "\u{a0}",
            "größe",
            "時間",
            "\u{1f600}",
            "\u{2028}",
            "\u{feff}x",
            "\u{fffe}",
            "...",
            "---",
            "<<",
            "=",
            "VARCHAR(255)",
            "DECIMAL(10,2)",
        ] {
            check(text);
        }
    }

    #[test]
    fn text_is_bare_only_where_every_reader_sees_text() {
        for (text, written) in [
            ("VARCHAR(255)", "VARCHAR(255)"),
            (
                "/data/shared/.tracebloc-staging/t/labels.csv",
                "/data/shared/.tracebloc-staging/t/labels.csv",
            ),
            (".jpg", ".jpg"),
            ("age_2", "age_2"),
            ("y", "\"y\""),
            (".5", "\".5\""),
            ("DECIMAL(10,2)", "\"DECIMAL(10,2)\""),
            ("a b", "\"a b\""),
            ("\u{85}\u{2028}", "\"\\x85\\u2028\""),
        ] {
            assert_eq!(quote_if_needed(text), written);
        }
    }
}
