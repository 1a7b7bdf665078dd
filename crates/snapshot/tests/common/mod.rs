//! Reading a whole snapshot into something that can be compared.

use snapshot::{
    Batch, Checked, Disposition, Error, FooterPolicy, Keep, Layers, ReadAt, Reader, Row, Selector,
};

/// One row, as far as tests compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) disposition: Option<Disposition>,
    pub(crate) body_offset: u64,
    pub(crate) body_bytes: u64,
}

/// Reads everything, the footer included, leaving long bodies unread where `keep` allows it.
pub(crate) fn read(
    source: &dyn ReadAt,
    footer: FooterPolicy,
    keep: fn(&[u8]) -> Keep,
) -> Result<Vec<Seen>, Error> {
    let layers = Layers::recognise(source, footer)?;
    let mut reader = Reader::new(source, &layers, footer, keep)?;
    let mut selector = Selector::new(layers.last_commit_ts);
    let (mut batch, mut seen) = (Batch::default(), Vec::new());
    while reader.next_batch(&mut batch)? {
        for entry in batch.entries() {
            let (row, disposition) = selector.next(&entry)?;
            let (body_offset, body_bytes) = match row {
                Row::Operational(_) => (0, 0),
                Row::Mvcc(row) => (row.body_offset, row.body_bytes),
            };
            let key = entry.key.to_vec();
            seen.push(Seen {
                offset: entry.offset,
                key,
                disposition,
                body_offset,
                body_bytes,
            });
        }
    }
    let (ledger, checked) = reader.finish().expect("the stream has ended");
    if let Checked::Footer(footer) = checked {
        ledger.verify(source, footer, |_| Ok::<_, Error>(()))?;
    }
    Ok(seen)
}
