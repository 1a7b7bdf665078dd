//! Finding the CSV file, and the tokenizer that old text datasets have beside it.

use fsroot::{Kind, RelPath, Root};

use super::bucket::Bucket;
use super::directory::{Entry, is_used};
use super::near_miss::near_miss;
use super::{ManifestFile, Stamp, extension, show, unreadable};
use crate::csv::listed;
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::task::{Contract, Family};

/// Finds the manifest.
pub(super) fn find(
    root: &Root,
    bare_csv: Option<RelPath>,
    contract: &Contract,
    top: &[Entry],
    bucket: Option<&Bucket>,
    findings: &mut Findings,
) -> Option<ManifestFile> {
    let name = match (bare_csv, contract.family) {
        (Some(name), _) => name.as_bytes().to_vec(),
        (None, Family::Tabular) => only_csv(top, findings)?,
        (None, family) => family.manifest().as_bytes().to_vec(),
    };
    let stored = bucket.and_then(|bucket| bucket.stored(&name));
    let path = stored.or_else(|| RelPath::new(&name).ok())?;
    let shown = show(&name);
    match root.stat(&path) {
        Ok((Kind::File, meta)) => Some(ManifestFile {
            stored: path,
            shown: shown.into(),
            stamp: Stamp::of(&meta),
        }),
        Ok((kind, _)) => {
            let message = format!("{shown} is a {kind}, not a regular file.");
            let remedy = match kind {
                Kind::Symlink => {
                    format!("Put a regular file there: `cp -L` copies what {shown} points at.")
                }
                _ => format!("Move it away, and put a regular file called {shown} there."),
            };
            findings.add_remedied(Rule::ManifestKind, Place::file(shown), message, remedy);
            None
        }
        Err(fsroot::Error::NotFound { .. }) => {
            missing(root, contract, top, findings);
            None
        }
        Err(error) => {
            unreadable(&shown, &error, findings);
            None
        }
    }
}

/// Finds the tokenizer, if it is a regular file.
pub(super) fn tokenizer(root: &Root, top: &[Entry]) -> Option<ManifestFile> {
    let entry = top
        .iter()
        .find(|entry| *entry.name == *b"tokenizer.json" && entry.kind == Kind::File)?;
    let stored = match &entry.stored {
        Some(stored) => stored.clone(),
        None => RelPath::new(&entry.name).ok()?,
    };
    let (_, meta) = root.stat(&stored).ok()?;
    Some(ManifestFile {
        stored,
        shown: "tokenizer.json".into(),
        stamp: Stamp::of(&meta),
    })
}

/// A table's folder has one `.csv`, whatever it is called. A link counts, so that it is refused and not overlooked.
fn only_csv(top: &[Entry], findings: &mut Findings) -> Option<Vec<u8>> {
    let is_csv = |entry: &&Entry| {
        entry.kind != Kind::Directory && extension(&entry.name).as_deref() == Some(".csv")
    };
    let candidates: Vec<_> = top.iter().filter(is_csv).collect();
    let message = match candidates.as_slice() {
        [one] => return Some(one.name.to_vec()),
        [] => "The folder has no .csv file; a table is exactly one.".to_owned(),
        several => {
            let names: Vec<_> = several.iter().map(|entry| show(&entry.name)).collect();
            let names = listed(names.iter().map(String::as_str));
            format!(
                "The folder has {} .csv files, and a table is exactly one: {names}.",
                several.len()
            )
        }
    };
    findings.add_remedied(
        Rule::ManifestMissing,
        Place::nowhere(),
        message,
        "Leave exactly one .csv file in the folder, or point at the file itself.",
    );
    None
}

fn missing(root: &Root, contract: &Contract, top: &[Entry], findings: &mut Findings) {
    let manifest = contract.family.manifest();
    let directories: Vec<_> = contract
        .directories
        .iter()
        .map(|directory| format!("{}/", directory.name))
        .collect();
    let message = format!(
        "There is no {manifest} in the folder; expected are {manifest} and {}.",
        directories.join(", ")
    );
    let needed = |name: &str| is_used(contract, name.as_bytes());
    let could_be = top.iter().filter(|entry| entry.kind != Kind::Directory);
    let misspelled = near_miss(manifest, needed, could_be);
    let deeper = top.iter().find(|entry| {
        entry.kind == Kind::Directory
            && RelPath::new(&entry.name)
                .and_then(|path| path.join(manifest))
                .is_ok_and(|path| matches!(root.stat(&path), Ok((Kind::File, _))))
    });
    let remedy = match (misspelled, deeper) {
        (Some(other), _) => format!("Rename {other} to {manifest}."),
        (None, Some(entry)) => format!(
            "Point at {} inside the folder, which has one.",
            show(&entry.name)
        ),
        (None, None) => format!("Put {manifest} there, with a column `filename`."),
    };
    findings.add_remedied(
        Rule::ManifestMissing,
        Place::file(manifest),
        message,
        remedy,
    );
}
