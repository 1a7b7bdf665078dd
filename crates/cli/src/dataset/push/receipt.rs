//! What was delivered, as a file that `sha256sum -c` understands.

use std::fmt::Write as _;
use std::path::Path;

use cluster::push::{Pushed, Site};
use fsroot::{Existing, Mode, StagedOutput};

use super::{Checked, Parcel};
use crate::errors::{self, Side};
use crate::failure::Failure;
use crate::recovery;
use crate::run::Context;

/// Writes the receipt: comments, which `sha256sum -c` passes over, and a line for each file of the folder.
pub(super) fn text(
    checked: &Checked,
    parcel: &Parcel,
    site: &Site,
    server: &str,
    pushed: &Pushed,
) -> String {
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
    for entry in &parcel.payload.entries {
        let (source, delivered) = (entry.source.to_string(), entry.archive_path.to_string());
        if source != delivered {
            let _infallible = writeln!(
                text,
                "# the next one was delivered as {}",
                one_line(&delivered)
            );
        }
        text.push_str(&line(&entry.sha256_hex(), &source));
    }
    text
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

/// Writes the file under its final name when it is whole.
pub(super) fn write(path: &Path, text: &str, context: &Context) -> Result<(), Failure> {
    let write = || {
        let (mut output, recoveries) = StagedOutput::begin(path, Existing::Replace, Mode::Shared)?;
        recovery::tell(&recoveries, &context.output);
        output.append(text.as_bytes())?;
        output.publish().map(drop)
    };
    write().map_err(|error| errors::files(&error, Side::Output))
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
