//! Text files that rows name: encoding, blankness, and the structure of records.

use fsroot::Root;

use super::{beyond_limit, record};
use crate::csv::{Flaw, Gate, Offence};
use crate::digest::{self, Buffer, Next, Unread};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, DataFile};
use crate::observe::Stopped;
use crate::rule::Rule;
use crate::task::Record;

/// Ingestors read the first part of a sample of this many files. With no more files than that, the sample is all of them.
const SAMPLE_FILES: usize = 500;
const SAMPLE_BYTES: u64 = 64 << 10;

/// What a text is.
struct Content {
    offence: Option<Offence>,
    is_blank: bool,
    /// Everything, for tasks whose texts have a structure; more than the limit if there is more.
    record: Vec<u8>,
}

/// Checks the texts that rows name.
pub(crate) fn check(
    root: &Root,
    directory: &mut DataDirectory,
    referenced: &[bool],
    format: Option<Record>,
    reading: super::Reading<'_>,
    findings: &mut Findings,
) -> Result<(), Stopped> {
    let super::Reading {
        hashing,
        limit_bytes,
        observer,
    } = reading;
    hashing.look_at(findings);
    let format = format.filter(|format| format.enforced);
    let files_read = referenced.iter().filter(|referenced| **referenced).count();
    let everyone_reads_all = files_read <= SAMPLE_FILES;
    let (folder, files) = directory.apart(root);
    let work = |buffer: &mut Buffer, file: &DataFile| {
        if referenced.get(file.index) != Some(&true) {
            return Ok(None);
        }
        let mut open = digest::open(folder, file)?;
        let kept_bytes = format.map(|_| limit_bytes);
        let mut reading = Reading::new(kept_bytes);
        let digest = digest::read(&mut open, hashing, buffer, |piece| reading.take(piece))?;
        Ok::<_, Unread>(Some((digest, reading.finish())))
    };
    files.visit(observer, Buffer::default, work, |file, result| {
        let content = match result {
            Ok(None) => return Ok(()),
            Ok(Some((digest, content))) => {
                file.digest = digest;
                content
            }
            Err(unread) => {
                unread.report(folder.shown(file), findings);
                return Ok(());
            }
        };
        let shown = folder.shown(file);
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
            return Ok(());
        }
        if content.is_blank {
            let message = format!("{shown} is blank.");
            findings.add(Rule::TextBlank, Place::file(shown.as_str()), message);
        }
        match format {
            Some(_) if content.record.len() as u64 > limit_bytes => {
                beyond_limit(&shown, limit_bytes, findings);
            }
            Some(format) => record::check(&content.record, format, &shown, findings),
            None => {}
        }
        Ok(())
    })
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
    /// The most that is kept, if anything is.
    kept_bytes: Option<u64>,
}

impl Reading {
    fn new(kept_bytes: Option<u64>) -> Reading {
        Reading {
            gate: Gate::default(),
            content: Content {
                offence: None,
                is_blank: true,
                record: Vec::new(),
            },
            kept_bytes,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Next {
        if let Err(offence) = self.gate.feed(piece) {
            self.content.offence = Some(offence);
            return Next::Stop;
        }
        // A piece may end inside a character, which then is not blank here; nothing else follows from it.
        self.content.is_blank &= crate::cell::trim(piece).is_empty();
        let kept = self.content.record.len() as u64;
        if self.kept_bytes.is_some_and(|most| kept <= most) {
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
