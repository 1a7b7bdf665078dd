//! Sizes of files that no rule opens, and the limits on what is sent.

use fsroot::Root;

use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, DataFile, Layout, Stamp, unreadable};
use crate::observe::{Observer, Stopped};
use crate::rule::Rule;
use crate::size::human_bytes;

/// Takes the stamps of a directory's files, but of those that have one.
pub(crate) fn stamp(
    root: &Root,
    directory: &mut DataDirectory,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<(), Stopped> {
    stamp_with(root, directory, observer, |shown, error| {
        unreadable(&shown, error, findings)
    })
}

/// Takes the stamps of all data files, so that limits can be judged before anything is read.
///
/// A file that gives none is left to whoever comes next, and is a finding there.
pub(crate) fn stamp_all(layout: &mut Layout, observer: &dyn Observer) -> Result<(), Stopped> {
    for directory in &mut layout.directories {
        stamp_with(&layout.root, directory, observer, |_, _| {})?;
    }
    Ok(())
}

fn stamp_with(
    root: &Root,
    directory: &mut DataDirectory,
    observer: &dyn Observer,
    mut fail: impl FnMut(String, &fsroot::Error),
) -> Result<(), Stopped> {
    let (folder, files) = directory.apart(root);
    let work = |(): &mut (), file: &DataFile| match file.stamp {
        Some(stamp) => Ok(stamp),
        None => folder.stat(file).map(|meta| Stamp::of(&meta)),
    };
    files.visit(
        observer,
        || (),
        work,
        |file, result| {
            if let Err(error) = &result {
                fail(folder.shown(file), error);
            }
            file.stamp = result.ok();
            Ok(())
        },
    )
}

/// Sums up what will be sent, and compares it with the limits. A limit is exceeded only above its value.
pub(crate) fn check_limits(
    layout: &Layout,
    with_tokenizer: bool,
    file_max_bytes: u64,
    total_max_bytes: u64,
    findings: &mut Findings,
) -> Result<u64, spill::Error> {
    let mut total = 0u64;
    let mut take = |shown: &mut dyn FnMut() -> Result<String, spill::Error>, bytes: u64| {
        total = total.saturating_add(bytes);
        if bytes > file_max_bytes {
            let shown = shown()?;
            let message = format!(
                "{shown} has {}; the limit for one file is {}.",
                human_bytes(bytes),
                human_bytes(file_max_bytes)
            );
            findings.add(Rule::FileSize, Place::file(shown), message);
        }
        Ok(())
    };
    let manifest = &layout.manifest;
    take(
        &mut || Ok(manifest.shown.to_string()),
        manifest.stamp.size_bytes,
    )?;
    for directory in &layout.directories {
        let mut finder = directory.files.finder();
        directory.files.each_size(|index, bytes| {
            let mut shown = || Ok(directory.shown(&finder.name(index)?));
            take(&mut shown, bytes)
        })?;
    }
    if let Some(tokenizer) = layout.tokenizer.as_ref().filter(|_| with_tokenizer) {
        take(
            &mut || Ok(tokenizer.shown.to_string()),
            tokenizer.stamp.size_bytes,
        )?;
    }
    if total > total_max_bytes {
        let message = format!(
            "The dataset has {}; the limit is {}.",
            human_bytes(total),
            human_bytes(total_max_bytes)
        );
        findings.add(Rule::TotalSize, Place::nowhere(), message);
    }
    Ok(total)
}
