//! The dataset path that the user gave.

use std::path::Path;

use fsroot::{RelPath, Root};

use super::cause;
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::task::Family;

/// Opens the dataset's directory, which may be reached through links. For a table the path may be that of the `.csv` file, whose
/// name is given too.
pub(crate) fn open_root(
    path: &Path,
    family: Option<Family>,
    findings: &mut Findings,
) -> Option<(Root, Option<RelPath>)> {
    let place = Place::file(path.display().to_string());
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => {
            let message = format!(
                "The dataset path {} cannot be opened: {error}.",
                path.display()
            );
            findings.add(Rule::RootUnreadable, place, message);
            return None;
        }
    };
    if meta.is_dir() {
        return open(path, place, findings).map(|root| (root, None));
    }
    let name = path.file_name().and_then(|name| {
        use std::os::unix::ffi::OsStrExt;
        RelPath::new(name.as_bytes()).ok()
    });
    let is_table = family.is_none_or(|family| family == Family::Tabular);
    match name {
        Some(name) if is_table && super::extension(name.as_bytes()).as_deref() == Some(".csv") => {
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            open(parent, place, findings).map(|root| (root, Some(name)))
        }
        _ => {
            let expected = match family {
                Some(Family::Image) => "a folder with labels.csv and images/",
                Some(Family::Text) => "a folder with labels.csv and the texts",
                Some(Family::Tabular) | None => "a folder, or a file whose name ends in .csv",
            };
            let message = format!(
                "{} is not a directory; expected is {expected}.",
                path.display()
            );
            findings.add(Rule::RootKind, place, message);
            None
        }
    }
}

fn open(path: &Path, place: Place, findings: &mut Findings) -> Option<Root> {
    match Root::open_ambient(path) {
        Ok(root) => Some(root),
        Err(error) => {
            let message = format!(
                "The dataset path {} cannot be opened: {}.",
                path.display(),
                cause(&error)
            );
            findings.add(Rule::RootUnreadable, place, message);
            None
        }
    }
}
