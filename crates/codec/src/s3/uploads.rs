//! `_incomplete_uploads/records.jsonl`: descriptors of uploads as they are.

use data_encoding::BASE64;
use dump::json::{Escape, Style, Writer};
use dump::object_name::INCOMPLETE_UPLOADS_DIRECTORY;
use dump::tree::{TreeFile, TreeWorker};
use spill::Sorted;

use super::index::RowRef;
use super::key;
use super::plan::Plan;
use super::worker::rel;
use crate::error::Error;
use crate::sources::Sources;

const WRITE_BYTES: usize = 256 << 10;

/// Writes one file for each bucket with descriptors; returns the number of lines.
///
/// A part descriptor whose upload has no record any more has `"leftover":true` as its last member.
pub(super) fn write(
    plan: &Plan,
    mut records: Sorted,
    sources: &Sources<'_>,
    writer: &mut TreeWorker,
) -> Result<u64, Error> {
    let mut open: Option<(Vec<u8>, TreeFile)> = None;
    let (mut lines, mut body, mut count) = (Vec::new(), Vec::new(), 0);
    while let Some((record, value)) = records.next()? {
        let (bucket, rest) = key::split_segment(record).map_err(|_| Error::Scratch("S3 upload"))?;
        let (kind, user_key) = rest.split_first().ok_or(Error::Scratch("S3 upload"))?;
        let (leftover, row) = value.split_first().ok_or(Error::Scratch("S3 upload"))?;
        let (row, _) = RowRef::split(row)?;
        if open
            .as_ref()
            .is_none_or(|(before, _)| before != bucket.encoded())
        {
            close(open.take(), &mut lines, writer)?;
            let directory = plan.directory(&bucket.decode());
            let path = format!("s3/{directory}/{INCOMPLETE_UPLOADS_DIRECTORY}/records.jsonl");
            open = Some((
                bucket.encoded().to_vec(),
                writer.create(&rel(path.as_bytes())?)?,
            ));
        }
        sources.read(&row.value, &mut body)?;
        let prefix = if *kind == 0 {
            key::UPLOAD_META
        } else {
            key::UPLOAD_PART
        };
        line_into(prefix, user_key, &body, *leftover != 0, &mut lines);
        count += 1;
        if let Some((_, file)) = &mut open
            && lines.len() >= WRITE_BYTES
        {
            file.append(&lines)?;
            lines.clear();
        }
    }
    close(open, &mut lines, writer)?;
    Ok(count)
}

fn close(
    open: Option<(Vec<u8>, TreeFile)>,
    lines: &mut Vec<u8>,
    writer: &mut TreeWorker,
) -> Result<(), Error> {
    if let Some((_, mut file)) = open {
        file.append(lines)?;
        lines.clear();
        writer.finish(file)?;
    }
    Ok(())
}

fn line_into(prefix: &[u8], user_key: &[u8], body: &[u8], leftover: bool, out: &mut Vec<u8>) {
    let mut json = Writer::new(out, Style::Compact, Escape::Plain);
    json.begin_object();
    json.name("prefix");
    json.string(prefix);
    json.name("key");
    json.string(BASE64.encode(user_key));
    json.name("value");
    json.string(BASE64.encode(body));
    if leftover {
        json.name("leftover");
        json.boolean(true);
    }
    json.end_object();
    out.push(b'\n');
}
