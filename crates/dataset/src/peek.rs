//! A look at a manifest's header, for whoever asks which column is meant.

use std::path::Path;
use std::sync::Arc;

use crate::csv::{Header, Records};
use crate::finding::Findings;
use crate::layout::{Layout, open_root};
use crate::task::Task;

/// Gives the column names of a dataset's manifest, trimmed and in file order; none if it cannot be found or read, which a check
/// explains.
pub fn columns(path: &Path, task: Task) -> Vec<Arc<str>> {
    header(path, task)
        .map(|header| header.names().to_vec())
        .unwrap_or_default()
}

fn header(path: &Path, task: Task) -> Option<Header> {
    let mut unused = Findings::new(Some(task), None);
    let (root, bare_csv) = open_root(path, Some(task.family()), &mut unused)?;
    let stored = Layout::manifest(&root, bare_csv, task.contract(), &mut unused)?.stored;
    let mut records = Records::new(root.open_file(&stored).ok()?.file).ok()?;
    while let Some(record) = records.next().ok()? {
        if !record.is_blank_line() {
            return Some(Header::new(&record));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_not_blank_is_the_header() {
        let dir = tempfile::tempdir().unwrap();
        let peek = || columns(dir.path(), Task::TabularRegression);
        assert!(peek().is_empty());
        std::fs::write(dir.path().join("t.csv"), "\n  \na, b \n1,2\n").unwrap();
        assert_eq!(peek(), ["a".into(), "b".into()]);
        let bare = columns(&dir.path().join("t.csv"), Task::TabularRegression);
        assert_eq!(bare, ["a".into(), "b".into()]);
        assert!(columns(dir.path(), Task::Seq2seq).is_empty());
    }
}
