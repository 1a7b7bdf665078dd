//! What must hold for every snapshot, however it is read and wherever it is cut.

mod common;

use std::collections::BTreeMap;
use std::io;

use common::read;
use proptest::prelude::*;
use snapshot::{Disposition, FooterPolicy, Keep, ReadAt};
use testkit::stream::{Header, Native, Row};

/// A source that never reads more than `at_most` bytes at once.
struct Trickle {
    bytes: Vec<u8>,
    at_most: usize,
}

impl ReadAt for Trickle {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf.len().min(self.at_most);
        self.bytes.read_at(offset, &mut buf[..most])
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.bytes.size_bytes()
    }
}

fn whole(_key: &[u8]) -> Keep {
    Keep::Whole
}

fn heads(_key: &[u8]) -> Keep {
    Keep::Head(5)
}

fn runtime_file(native: &Native) -> Vec<u8> {
    Header::V1 { ceiling_ms: 7 }.runtime_file(&native.build())
}

prop_compose! {
    /// Keys that are often prefixes of each other, with suffixes that look like versions.
    fn a_row()(
        stem in "[ab]{0,2}",
        tail in prop::option::of(0_u64..4),
        ts in 1_u64..6,
        deleted in any::<bool>(),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Row {
        let mut key = stem.into_bytes();
        if let Some(tail) = tail {
            key.extend((!tail).to_be_bytes());
        }
        if deleted { Row::tombstone(key, ts) } else { Row::live(key, ts, body) }
    }
}

proptest! {
    #[test]
    fn the_newest_version_is_found(rows in prop::collection::vec(a_row(), 0..40)) {
        let unique: BTreeMap<_, _> = rows.into_iter().map(|row| (row.stream_key(), row)).collect();
        // The rule, without any cleverness: the greatest timestamp of each key.
        let mut newest: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for key in unique.keys() {
            let user_key = key[..key.len() - 8].to_vec();
            let best = newest.entry(user_key).or_insert_with(|| key.clone());
            if key[key.len() - 8..] < best[best.len() - 8..] {
                *best = key.clone();
            }
        }
        let native = Native::new(100).rows(unique.into_values()).sorted();
        for row in read(&native.build(), FooterPolicy::WithHeader, whole).unwrap() {
            let is_newest = newest.values().any(|best| *best == row.key);
            prop_assert_eq!(row.disposition != Some(Disposition::Superseded), is_newest);
        }
    }

    #[test]
    fn chunks_do_not_matter(
        rows in prop::collection::vec(a_row(), 0..20),
        at_most in 1_usize..50,
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        damage in 0_u8..3,
    ) {
        let unique: BTreeMap<_, _> = rows.into_iter().map(|row| (row.stream_key(), row)).collect();
        let mut file = runtime_file(&Native::new(100).rows(unique.into_values()).meta_rows(5).sorted());
        match damage {
            1 => file.truncate(cut.index(file.len())),
            2 => { let at = flip.index(file.len()); file[at] ^= 0x10; }
            _ => {}
        }
        let at_once = read(&file, FooterPolicy::WithHeader, whole).map_err(|error| error.to_string());
        prop_assert_eq!(at_once.is_err(), damage > 0);
        let trickle = Trickle { bytes: file, at_most };
        let in_pieces = read(&trickle, FooterPolicy::WithHeader, whole).map_err(|error| error.to_string());
        prop_assert_eq!(at_once, in_pieces);
    }
}

#[test]
fn truncation_is_detected_at_every_byte() {
    let rows = (0..5).map(|n: u8| Row::live(vec![b'k', n], 3, vec![n; usize::from(n)]));
    let file = runtime_file(&Native::new(100).rows(rows).sorted());
    for length in 0..file.len() {
        let cut = file[..length].to_vec();
        assert!(
            read(&cut, FooterPolicy::WithHeader, whole).is_err(),
            "cut after {length} bytes"
        );
    }
    // Without header and footer a cut between two entries cannot be told from the end.
    let bare = Native::new(100)
        .rows((0..5).map(|n: u8| Row::live(vec![b'k', n], 3, [])))
        .sorted()
        .build();
    let boundaries: Vec<usize> = (0..=5).map(|n| 16 + n * (8 + 10 + 8 + 9)).collect();
    for length in 0..bare.len() {
        let cut = bare[..length].to_vec();
        let found = read(&cut, FooterPolicy::WithHeader, whole).is_ok();
        assert_eq!(
            found,
            boundaries.contains(&length),
            "cut after {length} bytes"
        );
    }
}

#[test]
fn long_bodies_can_stay_unread() {
    let body = |n: u8, length: usize| {
        (0..length)
            .map(|at| n ^ at.to_le_bytes()[1])
            .collect::<Vec<u8>>()
    };
    let lengths = [
        10,
        70_000,
        65_536,
        3,
        2_000_000,
        1 << 20,
        65_535,
        0,
        300_000,
    ];
    let rows = (0..)
        .zip(lengths)
        .map(|(n, length)| Row::live(vec![b'k', n], 3, body(n, length)));
    let file = runtime_file(&Native::new(100).rows(rows).sorted());
    let all = read(&file, FooterPolicy::WithHeader, whole).unwrap();
    assert_eq!(read(&file, FooterPolicy::WithHeader, heads).unwrap(), all);
    for at_most in [4_000, 65_536, 1_000_001] {
        let trickle = Trickle {
            bytes: file.clone(),
            at_most,
        };
        assert_eq!(
            read(&trickle, FooterPolicy::WithHeader, heads).unwrap(),
            all
        );
    }
    for row in &all {
        // A flipped bit in the middle of a body that is left unread is found by the footer.
        let mut damaged = file.clone();
        let at = usize::try_from(row.body_offset + row.body_bytes / 2).unwrap();
        damaged[at] ^= 1;
        assert!(
            read(&damaged, FooterPolicy::WithHeader, heads).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn truncation_is_detected_inside_bodies_that_stay_unread() {
    let rows = [
        Row::live("a", 3, vec![1; 100_000]),
        Row::live("b", 3, vec![2; 200_000]),
    ];
    let bare = Native::new(100).rows(rows).sorted().build();
    for missing in [1, 4, 5, 70_000, 199_000, 200_030, 250_000] {
        let mut cut = bare.clone();
        cut.truncate(bare.len() - missing);
        let read_whole = read(&cut, FooterPolicy::WithHeader, whole).unwrap_err();
        let left_unread = read(&cut, FooterPolicy::WithHeader, heads).unwrap_err();
        assert_eq!(
            (left_unread.offset, left_unread.to_string()),
            (read_whole.offset, read_whole.to_string()),
            "{missing} bytes are missing"
        );
    }
}
