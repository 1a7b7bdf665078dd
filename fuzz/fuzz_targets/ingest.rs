//! Ingest documents, YAML and JSON.
#![no_main]

use dataset::ingest::{Place, validate};
use libfuzzer_sys::fuzz_target;

/// A place is a character of the text, or the end of one of its lines.
fn is_inside(place: Place, text: &str) -> bool {
    let ends = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let lines = text.split(ends).count() as u64;
    let longest = text.lines().map(|line| line.chars().count()).max();
    (1..=lines + 1).contains(&place.line)
        && (1..=longest.unwrap_or(0) as u64 + 2).contains(&place.column)
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match validate(bytes) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let Some(place) = error.place() {
                assert!(is_inside(place, &text), "{place} in {text:?}");
            }
        }
        Ok(found) => {
            let again = validate(bytes).unwrap();
            assert_eq!(found.violations, again.violations);
            let key = |violation: &dataset::ingest::Violation| {
                (violation.path.clone(), violation.message.clone())
            };
            assert!(found.violations.is_sorted_by_key(key));
            for violation in &found.violations {
                assert!(is_inside(violation.place, &text), "{violation} in {text:?}");
                assert!(!violation.expected.is_empty(), "{violation}");
            }
        }
    }
});
