/// Where a body lies in a snapshot, and what is known of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueRef {
    /// Which of the inputs.
    pub(crate) source: u32,
    /// Offset of the body in the file, behind its envelope.
    pub(crate) offset: u64,
    /// Length of the body.
    pub(crate) length: u64,
    /// What the survey saw of it.
    pub(crate) seen: Seen,
}

/// What the survey saw of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of it, with this CRC32C.
    Whole(u32),
    /// So many bytes from its start; the rest is a gap in the input's ledger.
    Head(u8),
}

/// Bytes of a [`ValueRef`] in a sorter's record.
pub(crate) const VALUE_REF_BYTES: usize = 25;

impl ValueRef {
    /// Packs the reference into a sorter's record.
    pub(crate) fn to_bytes(self) -> [u8; VALUE_REF_BYTES] {
        let (kind, crc) = match self.seen {
            Seen::Whole(crc) => (u8::MAX, crc),
            Seen::Head(bytes) => (bytes, 0),
        };
        let mut out = [0; VALUE_REF_BYTES];
        let fields = self
            .source
            .to_be_bytes()
            .into_iter()
            .chain(self.offset.to_be_bytes())
            .chain(self.length.to_be_bytes())
            .chain(crc.to_be_bytes())
            .chain([kind]);
        for (to, from) in out.iter_mut().zip(fields) {
            *to = from;
        }
        out
    }

    /// Unpacks what [`ValueRef::to_bytes`] packed.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<ValueRef> {
        let (source, rest) = bytes.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (crc, kind) = rest.split_first_chunk::<4>()?;
        let seen = match kind {
            [u8::MAX] => Seen::Whole(u32::from_be_bytes(*crc)),
            [bytes] => Seen::Head(*bytes),
            _ => return None,
        };
        Some(ValueRef {
            source: u32::from_be_bytes(*source),
            offset: u64::from_be_bytes(*offset),
            length: u64::from_be_bytes(*length),
            seen,
        })
    }
}

/// The visible version of a user key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisibleRow<'a> {
    /// The key without its version suffix.
    pub(crate) user_key: &'a [u8],
    /// Number of the entry in its file, from 0.
    pub(crate) entry: u64,
    /// Offset of the entry in its file.
    pub(crate) offset: u64,
    /// Where the body lies.
    pub(crate) value: ValueRef,
    /// The body, unless it was left unread.
    pub(crate) body: Option<&'a [u8]>,
}
