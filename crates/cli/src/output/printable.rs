//! Text from strangers on a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes text safe to show: what could move the cursor, change colours or reorder the line is escaped.
///
/// File names and keys may hold any of that, and a terminal obeys it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) {
            // Writing to a string cannot fail.
            let _infallible = write!(safe, "{}", character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Makes text of several lines safe to show: what follows the first line is indented by so many blanks.
pub(crate) fn printable_lines(text: &str, indent: usize) -> String {
    let lines = text.trim_end().lines().map(printable);
    let lines: Vec<Cow<'_, str>> = lines.collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

fn is_unsafe(character: char) -> bool {
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separates = matches!(character, '\u{2028}' | '\u{2029}');
    character.is_control() || reorders || separates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_reordering_characters_are_escaped() {
        assert_eq!(printable("plain ü"), "plain ü");
        assert_eq!(printable("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(printable("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(printable_lines("a\r\nb\x1b\n\n", 2), "a\n  b\\u{1b}");
        assert_eq!(printable_lines("", 2), "");
    }
}
