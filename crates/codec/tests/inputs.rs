//! Inputs that come in other pieces, end too early, or do not fit into memory.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use codec::{Input, Report};
use common::{Events, Files, decode, files, options};
use proptest::prelude::*;
use snapshot::{FooterPolicy, ReadAt};
use testkit::rows::Node;
use testkit::stream::{Header, Native};

/// What a decode says and writes: files, or the error with its place.
fn outcome(input: Input, footer: FooterPolicy) -> Result<Files, String> {
    let temporary = tempfile::tempdir().unwrap();
    let mut options = options(temporary.path());
    options.footer = footer;
    let destination = temporary.path().join("dump");
    let report: Result<Report, _> = decode(&[input], &destination, &options, &Events::default());
    match report {
        Ok(_) => Ok(files(&destination)),
        Err(error) => {
            assert!(!destination.exists());
            Err(format!("{error:?}"))
        }
    }
}

fn node() -> Node {
    let mut node = Node::new(1);
    node.set(b"key", b"value", Some(1_800_000_000_000));
    node.create_bucket("b");
    node.put("b", b"small", b"body", Default::default());
    node.put("b", b"large", &[7; 100_000], Default::default());
    node
}

/// A source whose reads give as many bytes as a list of numbers says, over and over.
struct Pieces {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    reads: AtomicUsize,
}

impl ReadAt for Pieces {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        let most = self.sizes[read % self.sizes.len()].min(buffer.len());
        self.bytes.read_at(offset, &mut buffer[..most])
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

fn in_pieces(bytes: &[u8], sizes: &[usize]) -> Input {
    let mut input = Input::memory("snapshot.fsm", Vec::new());
    input.data = Box::new(Pieces {
        bytes: bytes.to_vec(),
        sizes: sizes.to_vec(),
        reads: AtomicUsize::new(0),
    });
    input
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The same tree, or the same error at the same place, however the input comes.
    #[test]
    fn pieces_do_not_matter(
        sizes in prop::collection::vec(1_usize..5000, 1..6),
        damage in prop::option::of((0.0_f64..1.0, 1_u8..)),
        cut in prop::option::weighted(0.3, 0.0_f64..1.0),
    ) {
        let mut bytes = node().runtime_file();
        let at = |part: f64, length: usize| (part * length as f64) as usize;
        if let Some((part, flip)) = damage {
            let at = at(part, bytes.len());
            bytes[at] ^= flip;
        }
        if let Some(part) = cut {
            bytes.truncate(at(part, bytes.len()));
        }
        let whole = outcome(Input::memory("snapshot.fsm", bytes.clone()), FooterPolicy::WithHeader);
        let pieces = outcome(in_pieces(&bytes, &sizes), FooterPolicy::WithHeader);
        prop_assert!(whole == pieces, "{:?}\n{:?}", whole.err(), pieces.err());
    }
}

/// A small file: a string, and the rows that come with it.
fn small() -> Native {
    let mut node = Node::new(1);
    node.set(b"k", b"v", None);
    let rows: Vec<_> = node.rows().iter().rev().take(5).cloned().collect();
    Native::new(1 << 60).rows(rows).sorted()
}

#[test]
fn a_file_with_footer_is_whole_or_refused() {
    let file = Header::V1 { ceiling_ms: 1 }.runtime_file(&small().build());
    let of = |bytes: &[u8]| outcome(Input::memory("s.fsm", bytes), FooterPolicy::WithHeader);
    assert!(of(&file).is_ok());
    for length in 0..file.len() {
        assert!(of(&file[..length]).is_err(), "cut to {length} bytes");
    }
}

/// Without a footer, a cut between two entries cannot be told from a shorter file, and every other one can.
#[test]
fn a_file_without_footer_can_lose_whole_entries_only() {
    let native = small();
    let stream = native.build();
    let mut boundaries = vec![16];
    for (key, value) in native.entries() {
        let entry = 8 + key.len() + 8 + value.len();
        boundaries.push(boundaries.last().unwrap() + entry);
    }
    assert_eq!(boundaries.last(), Some(&stream.len()));
    for length in 0..=stream.len() {
        let input = Input::memory("s.fsm", &stream[..length]);
        let found = outcome(input, FooterPolicy::Optional);
        assert_eq!(
            found.is_ok(),
            boundaries.contains(&length),
            "cut to {length} bytes: {found:?}"
        );
        let demanded = Input::memory("s.fsm", &stream[..length]);
        assert!(outcome(demanded, FooterPolicy::Required).is_err());
    }
}

/// Bytes at their places, and zeros everywhere else.
struct Sparse {
    pieces: BTreeMap<u64, Vec<u8>>,
    size_bytes: u64,
}

impl Sparse {
    fn push(&mut self, bytes: &[u8]) {
        self.pieces.insert(self.size_bytes, bytes.to_vec());
        self.size_bytes += bytes.len() as u64;
    }
}

impl ReadAt for Sparse {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size_bytes.saturating_sub(offset)).unwrap();
        let length = buffer.len().min(left);
        let end = offset + length as u64;
        buffer[..length].fill(0);
        let before = self.pieces.range(..offset).next_back();
        for (at, piece) in before.into_iter().chain(self.pieces.range(offset..end)) {
            for (place, byte) in (*at..).zip(piece) {
                if (offset..end).contains(&place) {
                    buffer[(place - offset) as usize] = *byte;
                }
            }
        }
        Ok(length)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.size_bytes)
    }
}

/// An object of so many chunks of 1 MiB, all zero.
fn object(chunks: u64) -> Sparse {
    const CHUNK: u64 = 1 << 20;
    let size = chunks * CHUNK;
    let name = testkit::rows::s3::ObjectName {
        bucket: b"b",
        generation: 1,
        key: b"k",
    };
    let manifest = format!(
        r#"{{"upload_id":"u","size_bytes":{size},"parts":[{{"part_no":1,"size_bytes":{size},"chunk_count":{chunks}}}]}}"#
    );
    let row = |key: Vec<u8>, body: &[u8]| testkit::stream::Row::live(key, 5, body);
    let mut rows: Vec<_> = (0..chunks)
        .map(|no| (row(name.blob_key("u", 1, no, 0), b""), CHUNK))
        .collect();
    let bucket = testkit::rows::s3::bucket_meta_key(b"b");
    rows.push((row(bucket, br#"{"generation":1}"#), 0));
    rows.push((row(name.head_key(), manifest.as_bytes()), 0));

    let mut stream = Sparse {
        pieces: BTreeMap::new(),
        size_bytes: 0,
    };
    stream.push(b"EKVPBBL1");
    stream.push(&9_u64.to_le_bytes());
    for (row, hole) in rows {
        let (key, value) = (row.stream_key(), row.stream_value());
        stream.push(&(key.len() as u64).to_le_bytes());
        stream.push(&key);
        stream.push(&(value.len() as u64 + hole).to_le_bytes());
        stream.push(&value);
        stream.size_bytes += hole;
    }
    stream
}

/// R17: a body is streamed; what a decode holds in memory does not grow with it.
///
/// The most that this process ever held is what the other tests need or what this one needs, so only growth counts.
#[test]
fn a_large_body_is_never_in_memory() {
    const CHUNKS: u64 = 192;
    let decode_object = |chunks: u64| {
        let temporary = tempfile::tempdir().unwrap();
        let mut input = Input::memory("large.fsm", Vec::new());
        input.data = Box::new(object(chunks));
        let destination = temporary.path().join("dump");
        let options = options(temporary.path());
        decode(&[input], &destination, &options, &Events::default()).unwrap();
        let body = fs::metadata(destination.join("s3/b/k")).unwrap();
        assert_eq!(body.len(), chunks << 20);
    };
    decode_object(8);
    let before = peak_bytes();
    decode_object(CHUNKS);
    let grown = peak_bytes() - before;
    assert!(grown < CHUNKS << 18, "{} MiB more", grown >> 20);
}

fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

/// Damage could have made a snapshot empty, so it is not called empty before its footer was compared.
#[test]
fn an_empty_snapshot_is_called_so_when_its_footer_is_right() {
    let sound = Header::V1 { ceiling_ms: 0 }.runtime_file(&Native::new(100).build());
    let mut damaged = sound.clone();
    // The last byte of the header: the clock's ceiling.
    damaged[15] ^= 1;
    for (bytes, expected) in [(sound, vec!["snapshot_empty"]), (damaged, vec![])] {
        let temporary = tempfile::tempdir().unwrap();
        let options = options(temporary.path());
        let events = Events::default();
        let input = Input::memory("snapshot.fsm", bytes);
        let result = decode(&[input], &temporary.path().join("dump"), &options, &events);
        assert_eq!(result.is_ok(), !expected.is_empty(), "{result:?}");
        assert_eq!(events.names(), expected);
    }
}
