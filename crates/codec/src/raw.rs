//! Rows with an unknown key prefix, written as they are.

use data_encoding::BASE64URL_NOPAD;
use dump::json::{Escape, Style, Writer};
use dump::tree::{TreeFile, TreeWriter};
use snapshot::{Disposition, Entry, MvccRow, Operational, ReadAt, Reader, Store};

use crate::error::Error;
use crate::event::{Observer, Phase};
use crate::family::{self, Router};
use crate::options::Options;
use crate::redis::path;
use crate::row::{Seen, ValueRef};
use crate::sources::Sources;
use crate::survey::{Span, keep};
use crate::walk::{Meter, Visitor, walk};

const FILE: &str = "_raw/rows.jsonl";

/// Bytes of a body that are encoded at once; a multiple of three, so that the pieces join.
const ENCODED_AT_ONCE: usize = 192 << 10;

/// Writes every visible row with an unknown key prefix to `_raw/rows.jsonl`, in file order.
pub(crate) fn write(
    sources: &Sources<'_>,
    spans: &[Span],
    options: &Options,
    tree: &mut TreeWriter,
    observer: &dyn Observer,
) -> Result<(), Error> {
    if spans.iter().all(|span| span.start.is_none()) {
        return Ok(());
    }
    let total = spans
        .iter()
        .filter_map(|span| Some(span.end - span.start?.0))
        .sum();
    let meter = Meter::new(observer, Phase::Write, total);
    let mut worker = tree.worker();
    let mut lines = Lines {
        number: 0,
        sources,
        router: Router::default(),
        bare_strings: options.takes_bare_strings(),
        seen: Span::default(),
        file: worker.create(&path(FILE)?)?,
        text: Vec::new(),
        body: Vec::new(),
    };
    for ((number, source), span) in sources.iter().zip(spans) {
        let Some((start, first_entry)) = span.start else {
            continue;
        };
        let data: &dyn ReadAt = &*source.input.data;
        let reader = match source.layers.store {
            Store::Streaming { .. } => Reader::new(data, &source.layers, options.footer, keep),
            Store::Native | Store::Empty => Reader::range(data, start, span.end, first_entry, keep),
        };
        lines.number = number;
        lines.seen = Span::default();
        walk(
            source,
            reader.map_err(|error| source.snapshot_error(error))?,
            &mut lines,
            &meter,
        )?;
        if lines.seen.crc != span.crc {
            return Err(source.changed());
        }
    }
    worker.finish(lines.file)?;
    Ok(tree.absorb(worker)?)
}

struct Lines<'a, 'i> {
    number: u32,
    sources: &'a Sources<'i>,
    router: Router,
    bare_strings: bool,
    seen: Span,
    file: TreeFile,
    text: Vec<u8>,
    body: Vec<u8>,
}

impl Visitor for Lines<'_, '_> {
    fn operational(&mut self, _row: Operational) {}

    fn version(
        &mut self,
        _entry: &Entry<'_>,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) -> Result<(), Error> {
        let bare = self.bare_strings && family::may_be_bare(row.user_key);
        if disposition != Disposition::Visible || bare || self.router.route(row.user_key).is_some()
        {
            return Ok(());
        }
        self.seen.fold(row);
        self.text.clear();
        let mut line = Writer::new(&mut self.text, Style::Compact, Escape::Plain);
        line.begin_object();
        line.name("key");
        line.string(BASE64URL_NOPAD.encode(row.user_key));
        line.name("commit_ts");
        line.integer(row.commit_ts);
        line.name("value");
        line.string("");
        // The value's closing quote and the object's brace come behind the body, which can be long.
        self.text.pop();
        self.file.append(&self.text)?;
        self.append_body(row)?;
        Ok(self.file.append(b"\"}\n")?)
    }
}

impl Lines<'_, '_> {
    fn append_body(&mut self, row: &MvccRow<'_>) -> Result<(), Error> {
        let whole = row.body.len() as u64 == row.body_bytes;
        if whole {
            return Ok(self
                .file
                .append(BASE64URL_NOPAD.encode(row.body).as_bytes())?);
        }
        let value = ValueRef {
            source: self.number,
            offset: row.body_offset,
            length: row.body_bytes,
            seen: Seen::Head(u8::try_from(row.body.len()).unwrap_or(u8::MAX)),
        };
        let (file, mut waiting) = (&mut self.file, Vec::new());
        self.sources.stream(&value, &mut self.body, &mut |bytes| {
            waiting.extend_from_slice(bytes);
            let ready = waiting.len() - waiting.len() % 3;
            if ready >= ENCODED_AT_ONCE {
                file.append(
                    BASE64URL_NOPAD
                        .encode(waiting.get(..ready).unwrap_or_default())
                        .as_bytes(),
                )?;
                waiting.drain(..ready);
            }
            Ok(())
        })?;
        Ok(self
            .file
            .append(BASE64URL_NOPAD.encode(&waiting).as_bytes())?)
    }
}
