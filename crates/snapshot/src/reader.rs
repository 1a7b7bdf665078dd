use crate::batch::{Batch, Gap, length_prefix};
use crate::error::{Error, ErrorKind};
use crate::ledger::{Checked, Footer, FooterPolicy, Ledger};
use crate::limits::{
    ENVELOPE_BYTES, MAX_GAPS, MAX_STREAM_KEY_BYTES, MAX_STREAM_VALUE_BYTES, MIN_GAP_BYTES,
    PROBE_BYTES, WINDOW_BYTES,
};
use crate::read_at::ReadAt;
use crate::streaming::Streaming;
use crate::{Layers, Store};

/// How much of an entry's body the caller wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it, whatever its length.
    Whole,
    /// At least this many bytes from its start; the rest may be left unread if it is long.
    Head(usize),
}

/// Cuts the entries of a store stream into batches of whole entries.
///
/// Reads forward in windows of 1 MiB. Where `keep` allows it, the tail of a long body is not read at all: the reader
/// jumps over it and leaves a gap in the ledger. Jumping changes what is read, never what is found.
pub struct Reader<'s, S: ?Sized> {
    source: &'s S,
    keep: fn(&[u8]) -> Keep,
    footer: FooterPolicy,
    demands_footer: bool,
    min_gap: u64,
    size: u64,
    ledger: Ledger,
    /// Offset of the next byte to read.
    position: u64,
    /// Where reading stops: the end of a range, or of all files.
    limit: u64,
    next_entry: u64,
    carry: Vec<u8>,
    window: usize,
    checked: Option<Checked>,
    streaming: Option<Streaming>,
    started: bool,
}

impl<'s, S: ReadAt + ?Sized> Reader<'s, S> {
    /// Reads all entries of a recognised snapshot, checksums included.
    ///
    /// `keep` is asked with each stream key whose body is long. A streaming store stream is always read whole, because
    /// its own checksum covers all of it.
    pub fn new(
        source: &'s S,
        layers: &Layers,
        footer: FooterPolicy,
        keep: fn(&[u8]) -> Keep,
    ) -> Result<Self, Error> {
        let size = source.size_bytes().map_err(|e| ErrorKind::Io(e).at(0))?;
        let streaming = match layers.store {
            Store::Streaming { checksum, .. } => Some(Streaming::new(checksum)),
            Store::Native | Store::Empty => None,
        };
        Reader {
            source,
            keep,
            footer,
            demands_footer: layers.demands_footer(footer),
            min_gap: MIN_GAP_BYTES.max(size / MAX_GAPS),
            size,
            ledger: Ledger::default(),
            position: 0,
            limit: u64::MAX,
            next_entry: 0,
            carry: Vec::new(),
            window: WINDOW_BYTES,
            checked: None,
            streaming,
            started: false,
        }
        .skip_header(layers)
    }

    /// Reads the entries between two entry boundaries of a native store stream again.
    ///
    /// Nothing is checked against a footer; `first_entry` is the number of the entry at `from`.
    pub fn range(
        source: &'s S,
        from: u64,
        to: u64,
        first_entry: u64,
        keep: fn(&[u8]) -> Keep,
    ) -> Result<Self, Error> {
        let size = source.size_bytes().map_err(|e| ErrorKind::Io(e).at(0))?;
        Ok(Reader {
            source,
            keep,
            footer: FooterPolicy::Optional,
            demands_footer: false,
            min_gap: MIN_GAP_BYTES.max(size / MAX_GAPS),
            size,
            ledger: Ledger::default(),
            position: from,
            limit: to,
            next_entry: first_entry,
            carry: Vec::new(),
            window: WINDOW_BYTES,
            checked: None,
            streaming: None,
            started: true,
        })
    }

    /// Fills `batch` with the next entries, reusing its memory.
    ///
    /// Returns `false`, with an empty batch, at the end of the stream.
    ///
    /// # Errors
    ///
    /// Any damage of the container, at the offset where it begins. What the entries hold is checked by
    /// [`Entry::row`](crate::Entry::row).
    pub fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        batch.clear();
        if self.checked.is_some() {
            return Ok(false);
        }
        batch.bytes.append(&mut self.carry);
        batch.first_entry = self.next_entry;
        batch.offset = self.position - batch.bytes.len() as u64;
        if self.streaming.is_some() {
            self.fill_streaming(batch)?;
        } else {
            self.fill_native(batch)?;
        }
        Ok(!batch.bytes.is_empty())
    }

    /// Returns the ledger of what was read, and what the end of the file says about its checksum.
    ///
    /// `None` as long as entries remain.
    #[must_use]
    pub fn finish(self) -> Option<(Ledger, Checked)> {
        let checked = self.checked?;
        Some((self.ledger, checked))
    }

    fn skip_header(mut self, layers: &Layers) -> Result<Self, Error> {
        let mut header = vec![0; usize::try_from(layers.entries_offset).unwrap_or(0)];
        let read = crate::read_exact_at(self.source, 0, &mut header)
            .map_err(|e| ErrorKind::Io(e).at(0))?;
        if read < header.len() {
            return Err(ErrorKind::Changed.at(read as u64));
        }
        self.ledger
            .push(0, read as u64, Some(crc32c::crc32c(&header)));
        self.position = layers.entries_offset;
        self.started = true;
        if let (Some(streaming), Store::Streaming { .. }) = (&mut self.streaming, layers.store) {
            streaming.cover_header(&header);
        }
        Ok(self)
    }

    /// Reads once, at most `want` bytes, behind what `bytes` holds. Returns `false` at the end.
    fn read_more(&mut self, bytes: &mut Vec<u8>, want: usize) -> Result<bool, Error> {
        // Room for what the file had when it was opened, and a little more to see that it ends there.
        let room = self.limit.saturating_sub(self.position);
        let room = room.min(self.size.saturating_sub(self.position) + 16);
        let want = usize::try_from(room).unwrap_or(usize::MAX).min(want);
        let filled = bytes.len();
        bytes.resize(filled + want, 0);
        let read = loop {
            let spare = bytes.get_mut(filled..).unwrap_or_default();
            match self.source.read_at(self.position, spare) {
                Ok(read) => break read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ErrorKind::Io(error).at(self.position)),
            }
        };
        bytes.truncate(filled + read);
        self.position += read as u64;
        Ok(read > 0)
    }

    fn fill_native(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let mut scan = Scan {
            at: 0,
            checked: 0,
            offset: batch.offset,
        };
        loop {
            self.cut_entries(batch, &mut scan)?;
            // A window's worth of whole entries is a batch; what is left over starts the next one.
            if scan.at > 0 && batch.bytes.len() >= self.window.min(WINDOW_BYTES) {
                break;
            }
            let want = self.window;
            self.window = (self.window * 4).min(WINDOW_BYTES);
            if !self.read_more(&mut batch.bytes, want)? {
                return self.end_of_stream(batch, &mut scan);
            }
        }
        self.settle(batch, &mut scan);
        Ok(())
    }

    /// Moves over all whole entries that are in memory, jumping over bodies that are not wanted.
    fn cut_entries(&mut self, batch: &mut Batch, scan: &mut Scan) -> Result<(), Error> {
        loop {
            let Some(found) = self.entry_at(&batch.bytes, scan)? else {
                return Ok(());
            };
            if let Some(kept) = self.leaves_unread(&batch.bytes, &found) {
                if kept > batch.bytes.len() {
                    return Ok(());
                }
                // Nobody may ever read what is jumped over, so that it is there has to be known now.
                if scan.offset + found.end > self.size {
                    return Err(ErrorKind::Truncated { inside: "value" }
                        .at_entry(self.size, self.next_entry));
                }
                self.jump(batch, scan, kept, found.end);
            } else if found.end <= batch.bytes.len() as u64 {
                scan.at = usize::try_from(found.end).unwrap_or(usize::MAX);
                self.next_entry += 1;
            } else {
                return Ok(());
            }
        }
    }

    /// Finds where the entry at the scan position ends, as far as its lengths are in memory.
    fn entry_at(&self, bytes: &[u8], scan: &Scan) -> Result<Option<Found>, Error> {
        let Some((key_start, key_len)) = length_prefix(bytes, scan.at) else {
            return Ok(None);
        };
        let offset = scan.offset + scan.at as u64;
        if key_len > MAX_STREAM_KEY_BYTES {
            return Err(
                ErrorKind::KeyTooLarge { length: key_len }.at_entry(offset, self.next_entry)
            );
        }
        let key_end = key_start as u64 + key_len;
        let at = usize::try_from(key_end).unwrap_or(usize::MAX);
        let Some((value_start, value_len)) = length_prefix(bytes, at) else {
            return Ok(None);
        };
        if value_len > MAX_STREAM_VALUE_BYTES {
            let offset = scan.offset + key_end;
            return Err(
                ErrorKind::ValueTooLarge { length: value_len }.at_entry(offset, self.next_entry)
            );
        }
        Ok(Some(Found {
            key_start,
            key_end: at,
            value_start,
            end: value_start as u64 + value_len,
        }))
    }

    /// Decides whether the entry's body is jumped over; returns the position in `bytes` up to which it is kept.
    ///
    /// Only lengths and the key decide, not what happens to be in memory: a second pass leaves the same bodies unread.
    fn leaves_unread(&self, bytes: &[u8], found: &Found) -> Option<usize> {
        let value_bytes = found.end - found.value_start as u64;
        if value_bytes < self.min_gap {
            return None;
        }
        match (self.keep)(bytes.get(found.key_start..found.key_end)?) {
            Keep::Whole => None,
            Keep::Head(body) => {
                let kept = found.value_start + ENVELOPE_BYTES + body;
                (found.end - kept as u64 >= self.min_gap).then_some(kept)
            }
        }
    }

    fn jump(&mut self, batch: &mut Batch, scan: &mut Scan, kept: usize, end: u64) {
        batch.bytes.truncate(kept);
        scan.at = kept;
        self.checksum(batch, scan);
        let missing = end - kept as u64;
        self.ledger.push(scan.offset + kept as u64, missing, None);
        batch.gaps.push(Gap { at: kept, missing });
        scan.offset += missing;
        self.position = scan.offset + kept as u64;
        self.next_entry += 1;
        // The next body is probably as long; reading ahead would read it in vain.
        self.window = PROBE_BYTES;
    }

    /// Keeps the incomplete rest for the next batch.
    fn settle(&mut self, batch: &mut Batch, scan: &mut Scan) {
        self.carry
            .extend_from_slice(batch.bytes.get(scan.at..).unwrap_or_default());
        batch.bytes.truncate(scan.at);
        self.checksum(batch, scan);
    }

    /// Enters what has been cut since the last call into the ledger.
    fn checksum(&mut self, batch: &Batch, scan: &mut Scan) {
        let piece = batch.bytes.get(scan.checked..scan.at).unwrap_or_default();
        if !piece.is_empty() {
            self.ledger.push(
                scan.offset + scan.checked as u64,
                piece.len() as u64,
                Some(crc32c::crc32c(piece)),
            );
        }
        scan.checked = scan.at;
    }

    fn end_of_stream(&mut self, batch: &mut Batch, scan: &mut Scan) -> Result<(), Error> {
        let rest = batch.bytes.get(scan.at..).unwrap_or_default();
        let end = scan.offset + batch.bytes.len() as u64;
        if rest.len() > 4
            || (rest.len() < 4 && !rest.is_empty())
            || self.limit != u64::MAX && !rest.is_empty()
        {
            return Err(ErrorKind::Truncated {
                inside: inside(rest),
            }
            .at_entry(end, self.next_entry));
        }
        let checked = match <[u8; 4]>::try_from(rest) {
            Ok(footer) => Checked::Footer(Footer {
                crc32c: u32::from_be_bytes(footer),
            }),
            Err(_) if self.demands_footer => return Err(ErrorKind::FooterMissing.at(end)),
            Err(_) => Checked::NoFooter,
        };
        batch.bytes.truncate(scan.at);
        self.checksum(batch, scan);
        self.checked = Some(checked);
        Ok(())
    }

    fn fill_streaming(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(mut streaming) = self.streaming.take() else {
            return Ok(());
        };
        let mut input = std::mem::take(&mut batch.bytes);
        let offset = batch.offset;
        let mut cut = streaming.rewrite(&input, offset, batch)?;
        while batch.bytes.is_empty() {
            if !self.read_more(&mut input, WINDOW_BYTES)? {
                self.streaming_end(
                    &streaming,
                    input.get(cut..).unwrap_or_default(),
                    offset + cut as u64,
                )?;
                break;
            }
            cut += streaming.rewrite(
                input.get(cut..).unwrap_or_default(),
                offset + cut as u64,
                batch,
            )?;
        }
        let consumed = input.get(..cut).unwrap_or_default();
        self.ledger
            .push(offset, cut as u64, Some(crc32c::crc32c(consumed)));
        self.carry.clear();
        if self.checked.is_none() {
            self.carry
                .extend_from_slice(input.get(cut..).unwrap_or_default());
        }
        self.streaming = Some(streaming);
        Ok(())
    }

    fn streaming_end(
        &mut self,
        streaming: &Streaming,
        rest: &[u8],
        offset: u64,
    ) -> Result<(), Error> {
        let end = offset + rest.len() as u64;
        let checked = match <[u8; 4]>::try_from(rest) {
            Ok(footer) if streaming.at_boundary() => Checked::Footer(Footer {
                crc32c: u32::from_be_bytes(footer),
            }),
            _ if !rest.is_empty() || !streaming.at_boundary() => {
                return Err(
                    ErrorKind::Truncated { inside: "entry" }.at_entry(end, streaming.entries())
                );
            }
            _ if self.demands_footer => return Err(ErrorKind::FooterMissing.at(end)),
            _ => Checked::NoFooter,
        };
        streaming.verify(end)?;
        self.checked = Some(checked);
        Ok(())
    }
}

impl<S: ?Sized> std::fmt::Debug for Reader<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.position)
            .field("next_entry", &self.next_entry)
            .field("footer", &self.footer)
            .finish_non_exhaustive()
    }
}

/// State of one pass over a batch's bytes. `offset + at` is the place in the file of position `at`.
struct Scan {
    /// Behind the last whole entry.
    at: usize,
    /// Up to here the bytes are in the ledger.
    checked: usize,
    /// Offset in the file of position 0, moved by every jump.
    offset: u64,
}

struct Found {
    key_start: usize,
    key_end: usize,
    value_start: usize,
    end: u64,
}

/// Names the part of an entry in which the input ends.
fn inside(rest: &[u8]) -> &'static str {
    let Some((key_start, key_len)) = length_prefix(rest, 0) else {
        return "key length";
    };
    let key_end = usize::try_from(key_len)
        .ok()
        .and_then(|len| key_start.checked_add(len));
    match key_end {
        Some(end) if end > rest.len() => "key",
        Some(end) if length_prefix(rest, end).is_none() => "value length",
        Some(_) => "value",
        None => "key",
    }
}
