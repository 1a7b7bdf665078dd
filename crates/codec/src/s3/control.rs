//! The files of a bucket that are not objects.

use std::path::Path;

use dump::keymap::{self, Collector, Order, Record};
use dump::object_name::BUCKET_FILE;
use dump::tree::TreeWorker;
use spill::Sorted;

use super::names::Name;
use super::plan::Plan;
use super::sidecar::{self, Dated, Detail};
use super::worker::rel;
use super::write::{Shared, Tally};
use crate::error::Error;

/// Memory in which the lines of one KEYMAP file are sorted.
const KEYMAP_BUDGET_BYTES: usize = 4 << 20;

/// Writes `_bucket.json` of every bucket that exists.
pub(super) fn buckets(
    plan: &Plan,
    writer: &mut TreeWorker,
    shared: &Shared<'_>,
) -> Result<(), Error> {
    let detail = if plan.settings.extended_metadata {
        Detail::Extended
    } else {
        Detail::Common
    };
    let mut text = Vec::new();
    for (name, planned) in &plan.buckets {
        let Some(record) = &planned.record else {
            continue;
        };
        text.clear();
        if sidecar::bucket_into(name, record, detail, &mut text) == Dated::LeftOut {
            shared.tally(name, Tally::UnrepresentableDate, BUCKET_FILE.as_bytes());
        }
        writer.write(
            &rel(format!("s3/{}/{BUCKET_FILE}", planned.directory).as_bytes())?,
            &text,
        )?;
    }
    Ok(())
}

/// Writes the KEYMAP files from records of directory, path → name, key.
pub(super) fn keymaps(
    mut records: Sorted,
    scratch: &Path,
    writer: &mut TreeWorker,
) -> Result<(), Error> {
    let mut open: Option<(Vec<u8>, Collector)> = None;
    while let Some((record, value)) = records.next()? {
        let broken = || Error::Scratch("S3 name");
        let end = memchr::memchr(0, record).ok_or_else(broken)?;
        let (directory, encoded) = record.split_at(end);
        let (name, original) = value.split_first().ok_or_else(broken)?;
        let kind = Name::from_byte(*name)
            .and_then(Name::keymap_kind)
            .ok_or_else(broken)?;
        if open.as_ref().is_none_or(|(before, _)| before != directory) {
            write_keymap(open.take(), writer)?;
            open = Some((
                directory.to_vec(),
                Collector::new(Order::Encoded, scratch, KEYMAP_BUDGET_BYTES),
            ));
        }
        if let Some((_, collector)) = &mut open {
            let encoded = encoded.get(1..).unwrap_or_default().to_vec();
            collector.add(
                0,
                &Record {
                    encoded,
                    original: original.to_vec(),
                    kind,
                },
            )?;
        }
    }
    write_keymap(open, writer)
}

fn write_keymap(open: Option<(Vec<u8>, Collector)>, writer: &mut TreeWorker) -> Result<(), Error> {
    if let Some((directory, collector)) = open {
        let path = [directory.as_slice(), b"/", keymap::FILE_NAME.as_bytes()].concat();
        collector.write(writer, &rel(&path)?)?;
    }
    Ok(())
}
