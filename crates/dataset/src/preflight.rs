//! The content of a dataset: everything that rules say about files and rows, in one pass over each.

mod columns;
mod manifest;

use std::sync::Arc;

use crate::age::Age;
use crate::digest::Hashing;
use crate::files::images::{self, Expected};
use crate::files::stems::StemsWriter;
use crate::files::{Reading, measure, pairing, text, tokenizer, voc};
use crate::finding::Findings;
use crate::labels::Distribution;
use crate::layout::{Layout, extension};
use crate::observe::{Observer, Stage, Stopped, go_on};
use crate::request::Settings;
use crate::size::Size;
use crate::tabular::Schema;
use crate::task::{self, Contract, Family, Link};

/// What was learned about a dataset. Parts are absent where the data did not allow to learn them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Column names of the manifest, trimmed.
    pub columns: Vec<Arc<str>>,
    /// Data rows.
    pub rows: Option<u64>,
    /// The label column as the header spells it.
    pub label_column: Option<Arc<str>>,
    /// How often each label occurs.
    pub distribution: Option<Distribution>,
    /// The table's columns, declared or inferred.
    pub schema: Option<Schema>,
    /// The time column of a time-to-event table as the header spells it.
    pub time_column: Option<Arc<str>>,
    /// Groups of rows, where rows form groups.
    pub groups: Option<u64>,
    /// The size that images must have.
    pub target_size: Option<Size>,
    /// The extension of the data files, with its dot.
    pub extension: Option<String>,
}

/// Checks the content of a dataset whose files are known.
///
/// # Errors
/// Only if the check could not come to an end; whatever is wrong with the data is a finding.
pub fn preflight(
    layout: &mut Layout,
    settings: &Settings,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<Facts, Stopped> {
    read_content(layout, settings, &Hashing::new(false), observer, findings)
}

/// Does the same, and hashes on the way what is read whole, if that is wanted.
pub(crate) fn read_content(
    layout: &mut Layout,
    settings: &Settings,
    hashing: &Hashing,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<Facts, Stopped> {
    let contract = settings.task.contract();
    let mut facts = Facts {
        target_size: settings.target_size,
        extension: settings.extension.clone(),
        ..Facts::default()
    };
    if facts.extension.is_none() {
        let primary = layout.primary(contract);
        if let Some(directory) = primary.filter(|directory| !directory.files.is_empty()) {
            facts.extension = extension(&directory.files.finder().name(0)?);
        }
    }
    observer.stage(Stage::Files);
    let reading = Reading {
        hashing,
        limit_bytes: settings.record_max_bytes,
        observer,
    };
    check_files(layout, contract, settings, reading, &mut facts, findings)?;
    go_on(observer)?;
    observer.stage(Stage::Manifest);
    let referenced = manifest::check(layout, settings, &mut facts, observer, findings)?;
    go_on(observer)?;
    if contract.family == Family::Text {
        observer.stage(Stage::Texts);
        if let (Some((root, directory)), Some(referenced)) =
            (layout.primary_mut(contract), referenced)
        {
            text::check(
                root,
                directory,
                &referenced,
                contract.record,
                reading,
                findings,
            )?;
        }
        if settings.for_ingestor == Some(Age::Older) {
            tokenizer::check(&layout.root, layout.tokenizer.as_ref(), findings);
        }
    }
    Ok(facts)
}

/// Opens images and masks, pairs files, and reads annotations.
fn check_files(
    layout: &mut Layout,
    contract: &Contract,
    settings: &Settings,
    reading: Reading<'_>,
    facts: &mut Facts,
    findings: &mut Findings,
) -> Result<(), Stopped> {
    let Reading {
        hashing, observer, ..
    } = reading;
    let is_paired = |directory: &task::Directory| directory.link == Link::Stem;
    let mut image_stems = StemsWriter::new(&layout.room);
    let wants_stems = contract.directories.iter().any(is_paired);
    for wanted in contract.directories {
        let mut directories = layout.directories.iter_mut();
        let Some(directory) = directories.find(|directory| directory.name == wanted.name) else {
            continue;
        };
        let is_primary = wanted.link == Link::Filename;
        let rules = match wanted.link {
            Link::Filename if contract.family == Family::Image => Some(images::IMAGES),
            Link::MaskOf { .. } => Some(images::MASKS),
            _ => None,
        };
        let Some(rules) = rules else {
            measure::stamp(&layout.root, directory, observer, findings)?;
            continue;
        };
        let expected = Expected {
            size: facts.target_size,
            floor: settings.min_size,
            rules,
        };
        let root = &layout.root;
        let sized = |name: &[u8], size| match is_primary && wants_stems {
            true => image_stems.push(name, size),
            false => Ok(()),
        };
        let common = images::scan(
            root, directory, expected, hashing, observer, findings, sized,
        )?;
        if is_primary {
            facts.target_size = common;
        }
    }
    if wants_stems {
        check_annotations(layout, contract, image_stems, reading, findings)?;
    }
    let Some(primary) = layout.primary(contract) else {
        return Ok(());
    };
    let masks = contract.directories.iter();
    for wanted in masks.filter(|wanted| matches!(wanted.link, Link::MaskOf { .. })) {
        if let Some(directory) = layout.directory(wanted.name) {
            pairing::masks(primary, directory, &layout.room, findings)?;
        }
    }
    Ok(())
}

/// Pairs annotations with images, and reads them. `image_stems` has those of the images whose list was read.
fn check_annotations(
    layout: &mut Layout,
    contract: &Contract,
    mut image_stems: StemsWriter,
    reading: Reading<'_>,
    findings: &mut Findings,
) -> Result<(), Stopped> {
    let Some(primary) = layout.primary(contract) else {
        return Ok(());
    };
    primary.each_refused(|name| image_stems.push(name, None))?;
    let image_stems = image_stems.finish(&layout.room)?;
    let annotations = contract.directories.iter();
    for wanted in annotations.filter(|wanted| wanted.link == Link::Stem) {
        let (Some(primary), Some(directory)) =
            (layout.primary(contract), layout.directory(wanted.name))
        else {
            continue;
        };
        pairing::by_stem(primary, &image_stems, directory, &layout.room, findings)?;
        let mut directories = layout.directories.iter_mut();
        if let Some(directory) = directories.find(|directory| directory.name == wanted.name) {
            voc::check(&layout.root, directory, &image_stems, reading, findings)?;
        }
    }
    Ok(())
}
