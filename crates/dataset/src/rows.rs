//! Rules that look at the manifest's rows, one file for each kind of row.

pub(crate) mod bio;
pub(crate) mod event;
pub(crate) mod feature;
pub(crate) mod filename;
pub(crate) mod group;
pub(crate) mod keypoint;
pub(crate) mod mask_id;

use std::sync::Arc;

use crate::csv::Record;
use crate::finding::Place;

/// A data row and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// Its fields.
    pub(crate) record: &'a Record<'a>,
    /// Its number, from 1, the header not counted.
    pub(crate) number: u64,
    /// The file's name for messages.
    pub(crate) file: &'a Arc<str>,
}

impl Row<'_> {
    /// Names a cell of the row.
    pub(crate) fn place(&self, column: &Arc<str>) -> Place {
        Place {
            file: Some(Arc::clone(self.file)),
            line: Some(self.record.line),
            row: Some(self.number),
            column: Some(Arc::clone(column)),
        }
    }
}
