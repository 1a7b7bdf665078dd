//! The content of a dataset: everything that rules say about files and rows, in one pass over each.

mod columns;
mod manifest;

use std::sync::Arc;

use crate::age::Age;
use crate::digest::Hashing;
use crate::files::images::{self, Expected};
use crate::files::{Reading, measure, pairing, text, tokenizer, voc};
use crate::finding::Findings;
use crate::labels::Distribution;
use crate::layout::{Layout, extension};
use crate::observe::{Observer, Stage, Stopped, go_on};
use crate::request::Settings;
use crate::size::Size;
use crate::tabular::Schema;
use crate::task::{Contract, Family, Link};

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
        facts.extension = layout
            .primary(contract)
            .and_then(|directory| directory.files.first())
            .and_then(|file| extension(&file.name));
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
        if let (Some(directory), Some(referenced)) = (layout.primary(contract), referenced) {
            text::check(
                &layout.root,
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
    let mut image_sizes = Vec::new();
    for wanted in contract.directories {
        let Some(position) = layout
            .directories
            .iter()
            .position(|directory| directory.name == wanted.name)
        else {
            continue;
        };
        let directory = &mut layout.directories[position];
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
        let (sizes, common) = images::scan(root, directory, expected, hashing, observer, findings)?;
        if wanted.link == Link::Filename {
            facts.target_size = common;
            image_sizes = sizes;
        }
    }
    let Some(primary) = layout.primary(contract) else {
        return Ok(());
    };
    for wanted in contract.directories {
        let Some(directory) = layout.directory(wanted.name) else {
            continue;
        };
        match wanted.link {
            Link::Filename => {}
            Link::Stem => {
                pairing::by_stem(primary, directory, findings);
                voc::check(
                    &layout.root,
                    directory,
                    primary,
                    &image_sizes,
                    reading,
                    findings,
                )?;
            }
            Link::MaskOf { .. } => pairing::masks(primary, directory, findings),
        }
    }
    Ok(())
}
