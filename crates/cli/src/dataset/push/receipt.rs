//! What was delivered, as a file that `sha256sum -c` understands.

use std::fmt::Write as _;
use std::path::Path;

use cluster::push::{Pushed, Site};
use dataset::payload::{Entry, Payload};
use fsroot::{Existing, Mode, StagedOutput};

use super::Checked;
use crate::errors::{self, Side};
use crate::failure::Failure;
use crate::recovery;
use crate::run::Context;

/// Lines that are put down at once.
const PIECE_BYTES: usize = 64 << 10;

/// Says what was delivered in comments, which `sha256sum -c` passes over.
pub(super) fn head(checked: &Checked, site: &Site, server: &str, pushed: &Pushed) -> String {
    let mut text = String::new();
    let mut comment = |what: &str, says: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "# {what}: {says}");
    };
    comment("longshore receipt", &1);
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

/// A line for a file of the folder, with a comment before it if it has another name now.
fn file(entry: &Entry) -> String {
    let (source, delivered) = (entry.source.to_string(), entry.archive_path.to_string());
    let line = line(&entry.sha256_hex(), &source);
    match source == delivered {
        true => line,
        false => format!(
            "# the next one was delivered as {}\n{line}",
            one_line(&delivered)
        ),
    }
}

/// One line as `sha256sum` writes it: a name with a line break or backslash is escaped, and the line says so.
fn line(digest: &str, name: &str) -> String {
    let escaped = one_line(name);
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{digest}  {escaped}\n")
}

fn one_line(name: &str) -> String {
    name.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

/// Writes the file under its final name when it is whole: the head, and a line for each file of the folder.
pub(super) fn write(
    path: &Path,
    head: &str,
    payload: &Payload,
    context: &Context,
) -> Result<(), Failure> {
    let failed = |error: fsroot::Error| errors::files(&error, Side::Output);
    let begun = StagedOutput::begin(path, Existing::Replace, Mode::Shared);
    let (mut output, recoveries) = begun.map_err(failed)?;
    recovery::tell(&recoveries, &context.output);
    let mut text = head.to_owned();
    for entry in payload.entries() {
        text.push_str(&file(&entry.map_err(|error| errors::spill(&error))?));
        if text.len() >= PIECE_BYTES {
            output.append(text.as_bytes()).map_err(failed)?;
            text.clear();
        }
    }
    output.append(text.as_bytes()).map_err(failed)?;
    output.publish().map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_escaped_as_sha256sum_does() {
        // printf x > $'a\nb\\c'; sha256sum $'a\nb\\c'
        assert_eq!(line("00", "a\nb\\c"), "\\00  a\\nb\\\\c\n");
        assert_eq!(line("00", "plain name"), "00  plain name\n");
    }
}
