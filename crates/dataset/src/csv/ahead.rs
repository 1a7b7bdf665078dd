//! Reading ahead: one thread cuts records while another looks at them.

use std::io::Read;
use std::sync::mpsc::{channel, sync_channel};

use super::records::{ReadError, Record, Records, Span};

/// Content of a batch. Large enough that waking the other thread does not count, small enough to stay in a cache on the way.
const BATCH_BYTES: usize = 512 << 10;

/// Batches on the way. Together with those in work they bound the memory.
const BATCHES: usize = 4;

/// Several records in two buffers, which are used again and again.
#[derive(Default)]
struct Batch {
    fields: Vec<u8>,
    ends: Vec<usize>,
    spans: Vec<Stretch>,
    /// Whether a backslash is somewhere in the contents. One search in all of them costs less than one in each record.
    with_backslash: bool,
}

/// One record of a batch: where its parts end, and the rest of it.
struct Stretch {
    fields_end: usize,
    ends_end: usize,
    span: Span,
}

/// Gives all further records to `each`, on this thread, while another one reads.
///
/// The outer error is that of `each`, which ends the reading; the inner one is that of the file, after the records before it.
pub(crate) fn read_ahead<R: Read + Send, E>(
    mut records: Records<R>,
    mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
) -> Result<Result<(), ReadError>, E> {
    let (full_sender, full) = sync_channel(BATCHES);
    let (empty_sender, empty) = channel::<Batch>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let mut batch = empty.try_recv().unwrap_or_default();
                let filled = batch.fill(&mut records);
                let is_last = batch.spans.is_empty();
                // A receiver that is gone has seen enough.
                if full_sender.send(Ok(batch)).is_err() || is_last && filled.is_ok() {
                    return;
                }
                if let Err(error) = filled {
                    drop(full_sender.send(Err(error)));
                    return;
                }
            }
        });
        for message in full {
            let batch: Batch = match message {
                Ok(batch) => batch,
                Err(error) => return Ok(Err(error)),
            };
            batch.each(&mut each)?;
            drop(empty_sender.send(batch));
        }
        Ok(Ok(()))
    })
}

impl Batch {
    fn fill<R: Read>(&mut self, records: &mut Records<R>) -> Result<(), ReadError> {
        self.fields.clear();
        self.ends.clear();
        self.spans.clear();
        self.with_backslash = true;
        while self.fields.len() < BATCH_BYTES && self.ends.len() < BATCH_BYTES {
            let Some(record) = records.next()? else {
                break;
            };
            let (bytes, ends, span) = record.parts();
            self.fields.extend_from_slice(bytes);
            self.ends.extend_from_slice(ends);
            self.spans.push(Stretch {
                fields_end: self.fields.len(),
                ends_end: self.ends.len(),
                span,
            });
        }
        self.with_backslash = memchr::memchr(b'\\', &self.fields).is_some();
        Ok(())
    }

    fn each<E>(&self, each: &mut impl FnMut(&Record<'_>) -> Result<(), E>) -> Result<(), E> {
        let (mut fields, mut ends) = (0, 0);
        for stretch in &self.spans {
            each(&Record::from_parts(
                &self.fields[fields..stretch.fields_end],
                &self.ends[ends..stretch.ends_end],
                stretch.span,
                self.with_backslash,
            ))?;
            (fields, ends) = (stretch.fields_end, stretch.ends_end);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = Vec<(u64, Vec<Vec<u8>>)>;

    fn seen(text: &[u8]) -> (Seen, Result<(), ReadError>) {
        let mut seen = Seen::new();
        let result = read_ahead(Records::new(text).unwrap(), |record| {
            seen.push((record.line, record.iter().map(<[u8]>::to_vec).collect()));
            Ok::<_, ()>(())
        });
        (seen, result.unwrap())
    }

    #[test]
    fn records_are_those_of_plain_reading() {
        let text: String = (0..50_000)
            .map(|row| format!("{row},\"x\ny\",z\n"))
            .collect();
        let mut expected = Seen::new();
        let mut records = Records::new(text.as_bytes()).unwrap();
        while let Some(record) = records.next().unwrap() {
            expected.push((record.line, record.iter().map(<[u8]>::to_vec).collect()));
        }
        let (seen, result) = seen(text.as_bytes());
        assert!(result.is_ok() && seen == expected);
    }

    #[test]
    fn an_error_comes_after_the_records_before_it() {
        let (seen, result) = seen(b"a\nb\n\"c");
        assert_eq!(seen.len(), 2);
        assert!(matches!(result, Err(ReadError::OpenQuote { line: 3 })));
    }

    #[test]
    fn whoever_has_seen_enough_ends_the_reading() {
        let endless = RowsForever;
        let mut rows = 0;
        let result = read_ahead(Records::new(endless).unwrap(), |_| {
            rows += 1;
            if rows == 100_000 {
                Err("enough")
            } else {
                Ok(())
            }
        });
        assert!(matches!(result, Err("enough")));
    }

    struct RowsForever;

    impl Read for RowsForever {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            for (byte, next) in buffer.iter_mut().zip(b"a\n".iter().cycle()) {
                *byte = *next;
            }
            Ok(buffer.len() / 2 * 2)
        }
    }
}
