//! Text files that rows name: encoding, blankness, and the structure of records.

use std::io::Read;

use fsroot::Root;

use super::record;
use crate::csv::{Flaw, Gate, Offence};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, unreadable};
use crate::parallel::map_ordered;
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
    findings: &mut Findings,
) {
    let files: Vec<_> = directory
        .files
        .iter()
        .zip(referenced)
        .filter(|(_, referenced)| **referenced)
        .map(|(file, _)| file)
        .collect();
    let format = format.filter(|format| format.enforced);
    let everyone_reads_all = files.len() <= SAMPLE_FILES;
    let work = |index: usize| {
        let open = directory.open(root, files[index])?;
        Ok::<_, fsroot::Error>(read(open.file, format.is_some()))
    };
    map_ordered(files.len(), work, |index, result| {
        let shown = directory.shown(files[index]);
        let content = match result {
            Ok(Ok(content)) => content,
            Ok(Err(error)) => {
                let message = format!("{shown} cannot be read: {error}.");
                findings.add(Rule::EntryUnreadable, Place::file(shown), message);
                return;
            }
            Err(error) => return unreadable(&shown, &error, findings),
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

fn read(mut source: impl Read, keep: bool) -> std::io::Result<Content> {
    let mut gate = Gate::default();
    let mut buffer = vec![0; 64 << 10];
    let mut content = Content {
        offence: None,
        is_blank: true,
        record: Vec::new(),
    };
    loop {
        let read = source.read(&mut buffer)?;
        let piece = &buffer[..read];
        let checked = match read {
            0 => gate.finish(),
            _ => gate.feed(piece),
        };
        if let Err(offence) = checked {
            content.offence = Some(offence);
            return Ok(content);
        }
        if read == 0 {
            return Ok(content);
        }
        // A piece may end inside a character, which then is not blank here; nothing else follows from it.
        content.is_blank &= crate::cell::trim(piece).is_empty();
        if keep && content.record.len() < RECORD_MAX_BYTES {
            content.record.extend_from_slice(piece);
        }
    }
}
