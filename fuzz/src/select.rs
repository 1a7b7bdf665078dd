use std::collections::BTreeMap;

use snapshot::{
    Batch, Checked, Disposition, Error, FooterPolicy, Keep, Layers, ReadAt, Reader, Row, Selector,
};

/// Visible value of every user key.
pub type Visible = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads every row through the layers and returns the visible ones; bodies that `keep` cuts are cut in the result too.
pub fn read_rows(
    source: &dyn ReadAt,
    footer: FooterPolicy,
    keep: fn(&[u8]) -> Keep,
) -> Result<(u64, Visible), Error> {
    let layers = Layers::recognise(source, footer)?;
    let mut reader = Reader::new(source, &layers, footer, keep)?;
    let mut selector = Selector::new(layers.last_commit_ts);
    let (mut rows, mut visible) = (0, Visible::new());
    let mut batch = Batch::default();
    while reader.next_batch(&mut batch)? {
        for entry in batch.entries() {
            rows += 1;
            if let (Row::Mvcc(row), Some(Disposition::Visible)) = selector.next(&entry)? {
                let twice = visible.insert(row.user_key.to_vec(), row.body.to_vec());
                assert!(twice.is_none(), "two versions of one key are visible");
            }
        }
    }
    let (ledger, checked) = reader.finish().expect("the stream has ended");
    if let Checked::Footer(footer) = checked {
        ledger.verify(source, footer, |_| Ok::<(), Error>(()))?;
    }
    Ok((rows, visible))
}

/// The same by the rule alone: the greatest timestamp of each key counts.
pub fn visible(rows: &[testkit::stream::Row], last_commit_ts: u64) -> Visible {
    let mut newest: BTreeMap<&[u8], &testkit::stream::Row> = BTreeMap::new();
    for row in rows {
        let best = newest.entry(&row.user_key).or_insert(row);
        if row.commit_ts > best.commit_ts {
            *best = row;
        }
    }
    newest
        .into_values()
        .filter(|row| row.flags == 0 && (row.expire_at == 0 || row.expire_at > last_commit_ts))
        .map(|row| (row.user_key.clone(), row.body.clone()))
        .collect()
}
