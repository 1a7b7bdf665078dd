//! Sizes of files that no rule opens, and the limits on what is sent.

use fsroot::Root;

use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, Layout, Stamp, unreadable};
use crate::parallel::map_ordered;
use crate::rule::Rule;
use crate::size::human_bytes;

/// Takes the stamps of a directory's files.
pub(crate) fn stamp(root: &Root, directory: &mut DataDirectory, findings: &mut Findings) {
    let here = &*directory;
    let mut stamps = Vec::with_capacity(here.files.len());
    map_ordered(
        here.files.len(),
        |index| here.stat(root, &here.files[index]),
        |index, result| {
            stamps.push(match result {
                Ok(meta) => Stamp::of(&meta),
                Err(error) => {
                    unreadable(&here.shown(&here.files[index]), &error, findings);
                    Stamp::default()
                }
            });
        },
    );
    for (file, stamp) in directory.files.iter_mut().zip(stamps) {
        file.stamp = stamp;
    }
}

/// Sums up what will be sent, and compares it with the limits. A limit is exceeded only above its value.
pub(crate) fn check_limits(
    layout: &Layout,
    with_tokenizer: bool,
    file_max_bytes: u64,
    total_max_bytes: u64,
    findings: &mut Findings,
) -> u64 {
    let mut total = 0u64;
    let mut take = |shown: &dyn Fn() -> String, bytes: u64| {
        total = total.saturating_add(bytes);
        if bytes > file_max_bytes {
            let shown = shown();
            let message = format!(
                "{shown} has {}; the limit for one file is {}.",
                human_bytes(bytes),
                human_bytes(file_max_bytes)
            );
            findings.add(Rule::FileSize, Place::file(shown), message);
        }
    };
    take(
        &|| layout.manifest.shown.to_string(),
        layout.manifest.stamp.size_bytes,
    );
    for directory in &layout.directories {
        for file in &directory.files {
            take(&|| directory.shown(file), file.stamp.size_bytes);
        }
    }
    if let Some(tokenizer) = layout.tokenizer.as_ref().filter(|_| with_tokenizer) {
        take(&|| tokenizer.shown.to_string(), tokenizer.stamp.size_bytes);
    }
    if total > total_max_bytes {
        let message = format!(
            "The dataset has {}; the limit is {}.",
            human_bytes(total),
            human_bytes(total_max_bytes)
        );
        findings.add(Rule::TotalSize, Place::nowhere(), message);
    }
    total
}
