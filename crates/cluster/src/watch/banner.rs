//! The summary as the ingestor writes it for people: a banner in its log.

use super::lines::plain;
use super::summary::Summary;

const HEADER: &str = "📊 INGESTION SUMMARY 📊";
const RULE: char = '═';
const THIN: char = '─';
const RULE_CHARS: usize = 60;
const ID: &str = "Ingestor ID:";
const TABLE: &str = "Destination table:";

type Field = fn(&mut Summary) -> &mut u64;

/// Labels as they are written, U+FE0F included, and where their numbers go.
const FIELDS: [(&str, Field); 7] = [
    ("📈 Total Records Found:", |it| &mut it.total_records),
    ("✅ Successfully Processed:", |it| {
        &mut it.processed_records
    }),
    ("💾 Inserted to Database:", |it| &mut it.inserted_records),
    ("🚀 Sent to API:", |it| &mut it.sent_to_api),
    ("⏭️  Skipped Records:", |it| &mut it.skipped_records),
    ("📁 File Transfer Failures:", |it| {
        &mut it.file_transfer_failures
    }),
    ("❌ Failed DB Insertion:", |it| &mut it.db_insert_failures),
];

/// Reads a banner line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Banner {
    summary: Summary,
    state: State,
    /// A count was read; zero is one too.
    has_field: bool,
    /// The thin rule under the counts was seen.
    has_all: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    Inside,
    /// The closing rule was seen; everything after it is somebody else's.
    Closed,
}

impl Banner {
    /// Takes a line that was made clean.
    pub(super) fn line(&mut self, line: &str) {
        if self.state == State::Closed {
            return;
        }
        let line = plain(line);
        if line.contains(HEADER) {
            *self = Self {
                state: State::Inside,
                ..Self::default()
            };
        } else if self.state == State::Inside {
            self.inside(&line);
        }
    }

    fn inside(&mut self, line: &str) {
        if is_rule(line, RULE) {
            // The first one stands under the header, and one before the thin rule is the beginning of another banner.
            if self.has_all {
                self.state = State::Closed;
            }
        } else if is_rule(line, THIN) {
            self.has_all = self.has_field;
        } else if let Some(text) = after(line, ID) {
            self.summary.ingestor_id = Some(text.to_owned());
        } else if let Some(text) = after(line, TABLE) {
            self.summary.destination_table = Some(text.to_owned());
        } else if let Some((_, field)) = FIELDS.iter().find(|(label, _)| line.contains(label))
            && let Some(number) = number(line)
        {
            *field(&mut self.summary) = number;
            self.has_field = true;
        }
    }

    /// Returns what was read; a header without a count is no summary.
    pub(super) fn summary(&self) -> Option<Summary> {
        self.has_field.then(|| Summary {
            is_whole: self.state == State::Closed,
            ..self.summary.clone()
        })
    }
}

fn is_rule(line: &str, rule: char) -> bool {
    let longest = line.split(|one| one != rule).map(|run| run.chars().count());
    longest.max().is_some_and(|longest| longest >= RULE_CHARS)
}

fn after<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let (_, text) = line.split_once(label)?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Reads the number at the end of a line: digits with commas, then blanks.
fn number(line: &str) -> Option<u64> {
    let line = line.trim_end();
    let digits = line.rfind(|one: char| !one.is_ascii_digit() && one != ',');
    let begin = digits.map_or(0, |at| at + line.get(at..).map_or(0, first_len));
    let text = line.get(begin..)?;
    if !text.starts_with(|one: char| one.is_ascii_digit()) {
        return None;
    }
    text.replace(',', "").parse().ok()
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lines::{Lines, clean};
    use super::*;

    /// The sample of the format's description, with colours as the ingestor sets them.
    const SAMPLE: &str = "\
Waiting up to 120s for MySQL at mysql-client:3306...
All validations passed successfully

════════════════════════════════════════════════════════════
📊 INGESTION SUMMARY 📊
════════════════════════════════════════════════════════════
\u{1b}[1mIngestor ID:\u{1b}[0m                \u{1b}[96m0b7f3a52-9f0e-4a41-8d57-2f1a3c9e6b10\u{1b}[0m
\u{1b}[1mDestination table:\u{1b}[0m          \u{1b}[96mpets\u{1b}[0m
\u{1b}[1m📈 Total Records Found:\u{1b}[0m     \u{1b}[94m1,250\u{1b}[0m
\u{1b}[1m✅ Successfully Processed:\u{1b}[0m  \u{1b}[92m1,250\u{1b}[0m
\u{1b}[1m💾 Inserted to Database:\u{1b}[0m    \u{1b}[92m1,248\u{1b}[0m
\u{1b}[1m🚀 Sent to API:\u{1b}[0m             \u{1b}[92m1,248\u{1b}[0m
\u{1b}[1m⏭️  Skipped Records:\u{1b}[0m        \u{1b}[93m0\u{1b}[0m
\u{1b}[1m📁 File Transfer Failures:\u{1b}[0m  \u{1b}[91m2\u{1b}[0m
\u{1b}[1m❌ Failed DB Insertion:\u{1b}[0m     \u{1b}[91m0\u{1b}[0m
\u{1b}[1m❌ Failed to Send to API:\u{1b}[0m   \u{1b}[91m0\u{1b}[0m
────────────────────────────────────────────────────────────
📊 Success Rate: [█████████████████████████████░] 99.8%
────────────────────────────────────────────────────────────
⚠️  Ingestion completed with 2 failure(s), see logs.
════════════════════════════════════════════════════════════
";

    fn read(pieces: &[&[u8]]) -> Option<Summary> {
        let (mut lines, mut banner) = (Lines::default(), Banner::default());
        for piece in pieces {
            lines.take(piece, |line| banner.line(&clean(line)));
        }
        if let Some(rest) = lines.rest() {
            banner.line(&clean(&rest));
        }
        banner.summary()
    }

    fn sample() -> Summary {
        Summary {
            ingestor_id: Some("0b7f3a52-9f0e-4a41-8d57-2f1a3c9e6b10".to_owned()),
            destination_table: Some("pets".to_owned()),
            total_records: 1250,
            processed_records: 1250,
            inserted_records: 1248,
            sent_to_api: 1248,
            skipped_records: 0,
            file_transfer_failures: 2,
            db_insert_failures: 0,
            is_whole: true,
        }
    }

    #[test]
    fn the_sample_is_read() {
        assert_eq!(read(&[SAMPLE.as_bytes()]), Some(sample()));
        let unended = SAMPLE.trim_end();
        assert_eq!(read(&[unended.as_bytes()]), Some(sample()));
        assert!(sample().has_failures());
    }

    #[test]
    fn what_follows_a_banner_is_ignored() {
        let more = format!("{SAMPLE}📈 Total Records Found: 9\n{HEADER}\n");
        assert_eq!(read(&[more.as_bytes()]), Some(sample()));
    }

    #[test]
    fn a_banner_that_begins_again_begins_anew() {
        let (before, _) = SAMPLE.split_once("🚀").unwrap();
        let twice = format!("{before}\n{SAMPLE}");
        assert_eq!(read(&[twice.as_bytes()]), Some(sample()));
    }

    #[test]
    fn zeros_are_counts_and_a_bare_header_is_nothing() {
        let rule = RULE.to_string().repeat(RULE_CHARS);
        let thin = THIN.to_string().repeat(RULE_CHARS);
        let zeros =
            format!("{rule}\n{HEADER}\n{rule}\n📈 Total Records Found:     0\n{thin}\n{rule}\n");
        let found = read(&[zeros.as_bytes()]).unwrap();
        assert!(found.is_whole && found.total_records == 0);
        let bare = format!("{rule}\n{HEADER}\n{rule}\n{thin}\n{rule}\n");
        assert_eq!(read(&[bare.as_bytes()]), None);
    }

    #[test]
    fn a_cut_banner_is_not_whole() {
        let (before, _) = SAMPLE.split_once("🚀").unwrap();
        let found = read(&[before.as_bytes()]).unwrap();
        assert_eq!((found.total_records, found.is_whole), (1250, false));
        assert!(!found.has_failures());
    }

    #[test]
    fn numbers_stand_at_the_end() {
        let check = |line: &str, expected| assert_eq!(number(line), expected, "{line}");
        check("x: 1,250", Some(1250));
        check("x: 7  ", Some(7));
        check("é7", Some(7));
        check("x: 7 rows", None);
        check("x: ,7", None);
        check("x:", None);
        check("x: 18446744073709551615", Some(u64::MAX));
        check("x: 18446744073709551616", None);
    }

    proptest! {
        #[test]
        fn any_chunking_equals_the_whole(mut cuts in prop::collection::vec(0..SAMPLE.len(), 0..40), end in 0..=SAMPLE.len()) {
            let bytes = &SAMPLE.as_bytes()[..end];
            cuts.retain(|cut| *cut <= end);
            cuts.extend([0, end]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }
    }
}
