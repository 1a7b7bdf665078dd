//! Text files that rows name: encoding, blankness, and the structure of records.

use fsroot::Root;

use super::record;
use crate::csv::{Flaw, Gate, Offence};
use crate::digest::{self, Buffer, Hashing, Next, Unread};
use crate::finding::{Findings, Place};
use crate::layout::DataDirectory;
use crate::parallel::map_ordered_with;
use crate::rule::Rule;
use crate::task::Record;

/// Ingestors read the first part of a sample of this many files. With no more files than that, the sample is all of them.
const SAMPLE_FILES: usize = 500;
const SAMPLE_BYTES: u64 = 64 << 10;

/// A record of more than this is checked for its encoding only; no row of a table can hold it.
const RECORD_MAX_BYTES: usize = 16 << 20;

/// What a text is.
struct Content {
    offence: Option<Offence>,
    is_blank: bool,
    /// Everything, for tasks whose texts have a structure.
    record: Vec<u8>,
}

/// Checks the texts that rows name.
pub(crate) fn check(
    root: &Root,
    directory: &DataDirectory,
    referenced: &[bool],
    format: Option<Record>,
    hashing: &Hashing,
    findings: &mut Findings,
) {
    hashing.look_at(findings);
    let files: Vec<_> = directory
        .files
        .iter()
        .zip(referenced)
        .filter(|(_, referenced)| **referenced)
        .map(|(file, _)| file)
        .collect();
    let format = format.filter(|format| format.enforced);
    let everyone_reads_all = files.len() <= SAMPLE_FILES;
    let work = |buffer: &mut Buffer, index: usize| {
        let mut open = digest::open(root, directory, files[index])?;
        let mut reading = Reading::new(format.is_some());
        digest::read(&mut open, files[index], hashing, buffer, |piece| {
            reading.take(piece)
        })?;
        Ok::<_, Unread>(reading.finish())
    };
    map_ordered_with(files.len(), work, |index, result| {
        let shown = directory.shown(files[index]);
        let content = match result {
            Ok(content) => content,
            Err(unread) => return unread.report(shown, findings),
        };
        if let Some(offence) = content.offence {
            let rule = match everyone_reads_all && offence.offset < SAMPLE_BYTES {
                true => Rule::TextEncoding,
                false => Rule::TextEncodingBeyond,
            };
            let message = format!(
                "{shown} has {} at byte {}.",
                flaw(offence.flaw),
                offence.offset
            );
            findings.add(rule, Place::file(shown), message);
            return;
        }
        if content.is_blank {
            let message = format!("{shown} is blank.");
            findings.add(Rule::TextBlank, Place::file(shown.as_str()), message);
        }
        if let Some(format) = format {
            record::check(&content.record, format, &shown, findings);
        }
    });
}

/// Names what is wrong with bytes that should be text.
pub(crate) fn flaw(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Nul => "a NUL byte",
        Flaw::NotUtf8 => "something that is not UTF-8",
    }
}

/// What is known of a text so far.
struct Reading {
    gate: Gate,
    content: Content,
    keep: bool,
}

impl Reading {
    fn new(keep: bool) -> Reading {
        Reading {
            gate: Gate::default(),
            content: Content {
                offence: None,
                is_blank: true,
                record: Vec::new(),
            },
            keep,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Next {
        if let Err(offence) = self.gate.feed(piece) {
            self.content.offence = Some(offence);
            return Next::Stop;
        }
        // A piece may end inside a character, which then is not blank here; nothing else follows from it.
        self.content.is_blank &= crate::cell::trim(piece).is_empty();
        if self.keep && self.content.record.len() < RECORD_MAX_BYTES {
            self.content.record.extend_from_slice(piece);
        }
        Next::Read
    }

    fn finish(mut self) -> Content {
        if self.content.offence.is_none() {
            self.content.offence = self.gate.finish().err();
        }
        self.content
    }
}
