use crate::FooterPolicy;
use crate::error::{Error, ErrorKind};
use crate::limits::{MAX_FSM_HEADER_PAYLOAD, MAX_PHYSICAL_MS, MIN_FSM_HEADER_PAYLOAD};
use crate::read_at::{ReadAt, read_exact_at};

const FSM_MAGIC: &[u8; 7] = b"EKVTHLC";
const NATIVE_MAGIC: &[u8; 8] = b"EKVPBBL1";
const STREAMING_MAGIC: &[u8; 8] = b"EKVMVCC2";
const SST_MAGIC: &[u8; 8] = b"EKVSSTI1";
const TOKEN_MAGIC: &[u8; 4] = b"EKVT";

/// The FSM header that a node puts in front of a store stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FsmHeader {
    /// 1 or 2.
    pub version: u8,
    /// Physical ceiling of the hybrid logical clock, Unix milliseconds; 0 when it was never set.
    pub ceiling_ms: u64,
    /// Raft index from which log entries are enveloped; version 2 only.
    pub cutover_index: Option<u64>,
}

/// The form of the store stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `EKVPBBL1`: one entry per version, as the node's database has them.
    Native,
    /// `EKVMVCC2`: all versions of a key together, from the in-memory store.
    Streaming {
        /// CRC-32 (IEEE) that everything behind it must have.
        checksum: u32,
        /// Compaction watermark.
        min_retained_ts: u64,
    },
    /// No store stream at all: an empty state machine.
    Empty,
}

/// The outer layers of a snapshot and where its entries start (`docs/snapshot-format.md`, layers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// The FSM header, if there is one.
    pub fsm: Option<FsmHeader>,
    /// The form of the store stream.
    pub store: Store,
    /// The store's commit watermark, a hybrid logical clock timestamp; 0 for an empty store.
    ///
    /// It runs up to ten seconds ahead of the wall clock and is no upper bound for the versions in the file.
    pub last_commit_ts: u64,
    /// Offset of the first entry.
    pub entries_offset: u64,
}

impl Layers {
    /// Recognises the layers of a snapshot from its content.
    ///
    /// `footer` matters only for a file without a store stream, where four bytes are all that is left to tell.
    ///
    /// # Errors
    ///
    /// Damage, unknown versions, and files of another kind, each with its own [`ErrorKind`].
    pub fn recognise(
        source: &(impl ReadAt + ?Sized),
        footer: FooterPolicy,
    ) -> Result<Layers, Error> {
        let size = source.size_bytes().map_err(|e| ErrorKind::Io(e).at(0))?;
        let mut cursor = Cursor { source, offset: 0 };
        if is_empty_payload(source, size)? {
            return Ok(Layers {
                fsm: None,
                store: Store::Empty,
                last_commit_ts: 0,
                entries_offset: 0,
            });
        }
        let mut magic = cursor.take::<8>("file's magic")?;
        let fsm = match magic.strip_prefix(FSM_MAGIC) {
            Some(&[version]) => {
                let header = fsm_header(&mut cursor, version)?;
                if is_empty_store(source, cursor.offset, size, footer)? {
                    return Ok(Layers {
                        fsm: Some(header),
                        store: Store::Empty,
                        last_commit_ts: 0,
                        entries_offset: cursor.offset,
                    });
                }
                magic = cursor.take::<8>("store stream's magic")?;
                Some(header)
            }
            _ => None,
        };
        let (store, last_commit_ts) = match &magic {
            NATIVE_MAGIC => (
                Store::Native,
                u64::from_le_bytes(cursor.take("store stream's header")?),
            ),
            STREAMING_MAGIC => streaming_header(&mut cursor)?,
            SST_MAGIC => return Err(ErrorKind::SstBundle.at(cursor.offset - 8)),
            other => return Err(foreign(source, *other, cursor.offset - 8, size)),
        };
        Ok(Layers {
            fsm,
            store,
            last_commit_ts,
            entries_offset: cursor.offset,
        })
    }

    /// Says whether a footer is due under `policy`.
    #[must_use]
    pub fn demands_footer(&self, policy: FooterPolicy) -> bool {
        match policy {
            FooterPolicy::WithHeader => self.fsm.is_some(),
            FooterPolicy::Required => true,
            FooterPolicy::Optional => false,
        }
    }
}

struct Cursor<'s, S: ?Sized> {
    source: &'s S,
    offset: u64,
}

impl<S: ReadAt + ?Sized> Cursor<'_, S> {
    fn take<const N: usize>(&mut self, inside: &'static str) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        let read = read_exact_at(self.source, self.offset, &mut bytes)
            .map_err(|e| ErrorKind::Io(e).at(self.offset))?;
        if read < N {
            return Err(ErrorKind::Truncated { inside }.at(self.offset + read as u64));
        }
        self.offset += N as u64;
        Ok(bytes)
    }
}

fn fsm_header<S: ReadAt + ?Sized>(
    cursor: &mut Cursor<'_, S>,
    version: u8,
) -> Result<FsmHeader, Error> {
    const INSIDE: &str = "FSM header";
    match version {
        b'1' => {
            let ceiling_ms = u64::from_be_bytes(cursor.take(INSIDE)?);
            Ok(FsmHeader {
                version: 1,
                ceiling_ms,
                cutover_index: None,
            })
        }
        b'2' => {
            let at = cursor.offset;
            let length = u16::from_be_bytes(cursor.take(INSIDE)?);
            if !(MIN_FSM_HEADER_PAYLOAD..=MAX_FSM_HEADER_PAYLOAD).contains(&length) {
                return Err(ErrorKind::HeaderLength { length }.at(at));
            }
            let ceiling_ms = u64::from_be_bytes(cursor.take(INSIDE)?);
            let cutover_index = u64::from_be_bytes(cursor.take(INSIDE)?);
            for _ in MIN_FSM_HEADER_PAYLOAD..length {
                cursor.take::<1>(INSIDE)?;
            }
            Ok(FsmHeader {
                version: 2,
                ceiling_ms,
                cutover_index: Some(cutover_index),
            })
        }
        other => Err(ErrorKind::UnknownHeaderVersion { version: other }.at(7)),
    }
}

fn streaming_header<S: ReadAt + ?Sized>(cursor: &mut Cursor<'_, S>) -> Result<(Store, u64), Error> {
    const INSIDE: &str = "store stream's header";
    let at = cursor.offset;
    let version = u32::from_le_bytes(cursor.take(INSIDE)?);
    if version != 1 {
        return Err(ErrorKind::StreamingVersion { version }.at(at));
    }
    let checksum = u32::from_le_bytes(cursor.take(INSIDE)?);
    let last_commit_ts = u64::from_le_bytes(cursor.take(INSIDE)?);
    let min_retained_ts = u64::from_le_bytes(cursor.take(INSIDE)?);
    Ok((
        Store::Streaming {
            checksum,
            min_retained_ts,
        },
        last_commit_ts,
    ))
}

/// A runtime file around nothing: four zero bytes, the CRC32C of no bytes.
fn is_empty_payload(source: &(impl ReadAt + ?Sized), size: u64) -> Result<bool, Error> {
    if size != 4 {
        return Ok(false);
    }
    let mut bytes = [0xff; 4];
    read_exact_at(source, 0, &mut bytes).map_err(|e| ErrorKind::Io(e).at(0))?;
    Ok(bytes == [0; 4])
}

/// An FSM header with no store stream behind it: an empty store, if the footer says that nothing was lost.
fn is_empty_store(
    source: &(impl ReadAt + ?Sized),
    header_end: u64,
    size: u64,
    footer: FooterPolicy,
) -> Result<bool, Error> {
    match size.checked_sub(header_end) {
        Some(0) => Ok(footer == FooterPolicy::Optional),
        Some(4) => Ok(crc_of_prefix(source, header_end)? == stored_footer(source, header_end)?),
        _ => Ok(false),
    }
}

/// Names what a file is that carries no magic of ours.
fn foreign(source: &(impl ReadAt + ?Sized), magic: [u8; 8], offset: u64, size: u64) -> Error {
    if offset == 0 {
        let value = u64::from_be_bytes(magic);
        // 8 bytes of milliseconds, or the same with a footer. A ceiling below 2001 is more likely something else.
        let plausible = (1_000_000_000_000..=MAX_PHYSICAL_MS).contains(&value);
        let whole = size == 8
            || (size == 12
                && matches!((crc_of_prefix(source, 8), stored_footer(source, 8)), (Ok(a), Ok(b)) if a == b));
        if plausible && whole {
            return ErrorKind::Oracle { ceiling_ms: value }.at(0);
        }
        if size == 17 && magic.starts_with(TOKEN_MAGIC) {
            return ErrorKind::Token.at(0);
        }
        if let Some(format) = packed_format(source, &magic) {
            return ErrorKind::Packed { format }.at(0);
        }
    }
    ErrorKind::BadMagic { found: magic }.at(offset)
}

fn packed_format(source: &(impl ReadAt + ?Sized), magic: &[u8; 8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 5] = [
        (&[0x1f, 0x8b], "gzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (b"BZh", "bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (b"PK\x03\x04", "zip"),
    ];
    if let Some((_, name)) = SIGNATURES
        .iter()
        .find(|(signature, _)| magic.starts_with(signature))
    {
        return Some(name);
    }
    let mut tar = [0; 5];
    let read = read_exact_at(source, 257, &mut tar).ok()?;
    (read == 5 && &tar == b"ustar").then_some("tar")
}

fn crc_of_prefix(source: &(impl ReadAt + ?Sized), length: u64) -> Result<u32, Error> {
    let mut crc = 0;
    let mut offset = 0;
    let mut buf = [0; 64];
    while offset < length {
        let want = usize::try_from((length - offset).min(64)).unwrap_or(64);
        let piece = buf.get_mut(..want).unwrap_or_default();
        let read = read_exact_at(source, offset, piece).map_err(|e| ErrorKind::Io(e).at(offset))?;
        if read < want {
            return Err(ErrorKind::Truncated {
                inside: "FSM header",
            }
            .at(offset + read as u64));
        }
        crc = crc32c::crc32c_append(crc, piece);
        offset += read as u64;
    }
    Ok(crc)
}

fn stored_footer(source: &(impl ReadAt + ?Sized), offset: u64) -> Result<u32, Error> {
    let mut cursor = Cursor { source, offset };
    Ok(u32::from_be_bytes(cursor.take("footer")?))
}
