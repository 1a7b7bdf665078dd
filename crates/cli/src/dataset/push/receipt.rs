//! What was delivered, as a file that `sha256sum -c` understands.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cluster::push::{Pushed, Site};
use dataset::payload::{Entry, Payload};
use fsroot::{Existing, Mode, StagedOutput};

use super::Checked;
use crate::errors::{self, Side};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recovery;
use crate::run::Context;

/// How every receipt begins.
const MARK: &str = "# longshore receipt: ";

/// Lines that are put down at once.
const PIECE_BYTES: usize = 64 << 10;

/// Says what was delivered in comments, which `sha256sum -c` passes over.
pub(super) fn head(checked: &Checked, site: &Site, server: &str, pushed: &Pushed) -> String {
    let mut text = format!("{MARK}1\n");
    let mut comment = |what: &str, says: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "# {what}: {says}");
    };
    comment("table", &checked.settled.table);
    comment("cluster", &server);
    comment("namespace", &site.release.namespace);
    comment("release", &site.release.name);
    comment(
        "job",
        &format_args!("{}/{}", pushed.job.namespace, pushed.job.job),
    );
    comment("idempotency key", &pushed.key);
    comment("files", &pushed.receipt.files);
    comment("bytes", &pushed.receipt.bytes);
    comment("manifest sha256", &pushed.receipt.manifest_sha256);
    comment("verified", &pushed.times.verified);
    comment("published", &pushed.times.published);
    comment("submitted", &pushed.times.submitted);
    text
}

/// A line for a file of the folder, whose name stands there in its own bytes, with a comment before it if it has another name now.
fn file(entry: &Entry) -> Vec<u8> {
    let mut text = Vec::new();
    if entry.source != entry.archive_path {
        text.extend_from_slice(b"# the next one was delivered as ");
        text.extend(one_line(entry.archive_path.as_bytes()));
        text.push(b'\n');
    }
    text.extend(line(&entry.sha256_hex(), entry.source.as_bytes()));
    text
}

/// One line as `sha256sum` writes it: a name with a line break or backslash is escaped, and the line says so.
fn line(digest: &str, name: &[u8]) -> Vec<u8> {
    let escaped = one_line(name);
    let mark = if escaped == name { "" } else { "\\" };
    let mut line = format!("{mark}{digest}  ").into_bytes();
    line.extend(escaped);
    line.push(b'\n');
    line
}

fn one_line(name: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            other => line.push(*other),
        }
    }
    line
}

/// Says what would keep a receipt from being written there, before there is anything to write.
pub(super) fn try_out(path: &Path, context: &Context) -> Result<(), Failure> {
    begin(path, context)?
        .discard()
        .map_err(|error| errors::files(&error, Side::Output))
}

/// Writes the file under its final name when it is whole: the head, and a line for each file of the folder.
pub(super) fn write(
    path: &Path,
    head: &str,
    payload: &Payload,
    context: &Context,
) -> Result<(), Failure> {
    let failed = |error: fsroot::Error| errors::files(&error, Side::Output);
    let mut output = begin(path, context)?;
    let mut text = head.as_bytes().to_vec();
    for entry in payload.entries() {
        text.extend(file(&entry.map_err(|error| errors::spill(&error))?));
        if text.len() >= PIECE_BYTES {
            output.append(&text).map_err(failed)?;
            text.clear();
        }
    }
    output.append(&text).map_err(failed)?;
    output.publish().map(drop).map_err(failed)
}

fn begin(path: &Path, context: &Context) -> Result<StagedOutput, Failure> {
    let begun = StagedOutput::begin(path, Existing::Replace, Mode::Shared);
    let (output, recoveries) = begun.map_err(|error| errors::files(&error, Side::Output))?;
    recovery::tell(&recoveries, &context.output);
    match is_replaceable(path) {
        true => Ok(output),
        // What was begun goes away with it.
        false => Err(Failure::new(
            Exit::DestinationExists,
            "receipt.not-a-receipt",
            format!("\"{}\" is there and is no receipt", path.display()),
        )
        .at("path", path.display().to_string())
        .remedy("Name a new file with --receipt; only an older receipt is replaced.")),
    }
}

/// Whether nothing stands there, or an older receipt, or nothing is in it. A slip of the hand must not cost a file of the dataset.
fn is_replaceable(path: &Path) -> bool {
    let mut head = Vec::new();
    let length = MARK.len() as u64;
    match File::open(path).and_then(|file| file.take(length).read_to_end(&mut head)) {
        Ok(_) => head.is_empty() || head == MARK.as_bytes(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_escaped_as_sha256sum_does() {
        // printf x > $'a\nb\\c'; sha256sum $'a\nb\\c'
        assert_eq!(line("00", b"a\nb\\c"), b"\\00  a\\nb\\\\c\n");
        assert_eq!(line("00", b"plain name"), b"00  plain name\n");
        assert_eq!(line("00", b"\xff\t"), b"00  \xff\t\n");
    }
}
