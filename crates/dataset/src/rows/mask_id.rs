//! Segmentation: the column that names each row's mask.

use std::sync::Arc;

use spill::Lookup;

use super::Row;
use super::filename::completed;
use crate::cell;
use crate::finding::Findings;
use crate::layout::{DataDirectory, Finder};
use crate::rule::Rule;

/// Checks the masks' names while rows pass.
#[derive(Debug)]
pub(crate) struct MaskIds<'a> {
    index: usize,
    name: Arc<str>,
    /// None if there are no masks at all, which is another finding.
    masks: Option<Masks<'a>>,
}

/// The masks that are there, and those that are there and not sent.
#[derive(Debug)]
struct Masks<'a> {
    files: Finder<'a>,
    refused: Lookup<'a>,
}

impl<'a> MaskIds<'a> {
    pub(crate) fn new(
        index: usize,
        name: Arc<str>,
        masks: Option<&'a DataDirectory>,
    ) -> MaskIds<'a> {
        let masks = masks.filter(|directory| !directory.is_vacant());
        MaskIds {
            index,
            name,
            masks: masks.map(|directory| Masks {
                files: directory.files.finder(),
                refused: directory.refused.lookup(),
            }),
        }
    }

    /// Checks the next row.
    pub(crate) fn row(
        &mut self,
        row: Row<'_>,
        findings: &mut Findings,
    ) -> Result<(), spill::Error> {
        let cell = row.record.cell(self.index);
        let value = cell::trim(cell);
        if value.is_empty() || cell::is_curated_missing(cell) {
            let message = format!("Data row {} names no mask.", row.number);
            findings.add(Rule::MaskIdEmpty, row.place(&self.name), message);
        } else if let Some(masks) = &mut self.masks
            && !masks.contains(&completed(value, ".png"))?
        {
            let message = format!(
                "Data row {} names a mask that is not in masks/.",
                row.number
            );
            findings.add(Rule::MaskIdNoSuchMask, row.place(&self.name), message);
        }
        Ok(())
    }
}

impl Masks<'_> {
    fn contains(&mut self, name: &[u8]) -> Result<bool, spill::Error> {
        Ok(self.files.find(name)?.is_some() || self.refused.find(name)?.is_some())
    }
}
