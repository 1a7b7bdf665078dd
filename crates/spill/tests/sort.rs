//! Sorting through files against sorting in memory.

use fsroot::faults::{Fault, Plan, Scope, arm};
use proptest::prelude::*;
use spill::{Error, Sorted, Sorter};

type Record = (Vec<u8>, Vec<u8>);

fn sorter(dir: &tempfile::TempDir, budget_bytes: usize) -> Sorter {
    Sorter::new(Some(dir.path().to_owned()), budget_bytes)
}

fn fill(mut sorter: Sorter, records: &[Record]) -> Sorted {
    for (key, value) in records {
        sorter.push(key, value).unwrap();
    }
    assert_eq!(sorter.len(), records.len() as u64);
    sorter.finish().unwrap()
}

fn read(sorted: &mut Sorted) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((key, value)) = sorted.next().unwrap() {
        records.push((key.to_vec(), value.to_vec()));
    }
    assert!(sorted.next().unwrap().is_none(), "the end stays the end");
    records
}

/// Pseudo-random, with many keys that share beginnings and some that are equal.
fn records(count: u64) -> Vec<Record> {
    (0..count)
        .map(|number| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let key = format!("!redis|string|{:06}", mixed % (count / 2 + 1));
            (key.into_bytes(), number.to_be_bytes().to_vec())
        })
        .collect()
}

fn record() -> impl Strategy<Value = Record> {
    let key = prop_oneof![
        proptest::collection::vec(0u8..3, 0..12),
        proptest::collection::vec(any::<u8>(), 0..300),
        proptest::collection::vec(0u8..2, 0..30)
            .prop_map(|tail| [b"shared prefix".to_vec(), tail].concat()),
    ];
    (key, proptest::collection::vec(0u8..3, 0..20))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_records_with_any_budget_are_sorted(
        records in proptest::collection::vec(record(), 0..200),
        budget_bytes in prop_oneof![Just(0usize), 1usize..100, 100usize..5000, Just(1 << 20)],
        presorted in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut records = records;
        let mut expected = records.clone();
        expected.sort();
        if presorted {
            records.clone_from(&expected);
        }
        let mut sorted = fill(sorter(&dir, budget_bytes), &records);
        prop_assert_eq!(sorted.len(), expected.len() as u64);
        prop_assert_eq!(&read(&mut sorted), &expected);
        sorted.rewind().unwrap();
        prop_assert_eq!(&read(&mut sorted), &expected);
    }

    #[test]
    fn merging_equals_sorting_all(
        parts in proptest::collection::vec(proptest::collection::vec(record(), 0..50), 0..6),
        budget_bytes in 0usize..2000,
        read_before in 0usize..10,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = parts.concat();
        expected.sort();
        let mut sorted: Vec<_> = parts
            .iter()
            .map(|part| fill(sorter(&dir, budget_bytes), part))
            .collect();
        for part in &mut sorted {
            for _ in 0..read_before {
                part.next().unwrap();
            }
        }
        let mut merged = Sorted::merge(sorted);
        prop_assert_eq!(merged.len(), expected.len() as u64);
        prop_assert_eq!(merged.is_empty(), expected.is_empty());
        prop_assert_eq!(read(&mut merged), expected);
    }
}

#[test]
fn more_runs_than_buffers_take_several_passes() {
    let dir = tempfile::tempdir().unwrap();
    let records = records(20_000);
    let mut expected = records.clone();
    expected.sort();
    // Two buffers at a time, hundreds of runs.
    assert_eq!(read(&mut fill(sorter(&dir, 4096), &records)), expected);
}

#[test]
fn large_keys_are_records_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..8u8)
        .rev()
        .flat_map(|last| {
            let mut large = vec![b'k'; 3 << 19];
            large.push(last);
            [(large, vec![last]), (vec![b'k', last], vec![])]
        })
        .collect();
    let mut expected = records.clone();
    expected.sort();
    assert_eq!(read(&mut fill(sorter(&dir, 64 << 10), &records)), expected);
}

#[test]
fn no_file_is_made_while_everything_fits() {
    let armed = arm(Scope::Thread, Plan::default());
    let dir = tempfile::tempdir().unwrap();
    let records = records(100);
    read(&mut fill(sorter(&dir, 1 << 20), &records));
    read(&mut fill(Sorter::new(None, 0), &records));
    assert_eq!(armed.log(), [""; 0]);
    read(&mut fill(sorter(&dir, 100), &records));
    assert_eq!(armed.log(), ["create scratch file"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_and_a_missing_directory_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let spill = |dir: Option<std::path::PathBuf>| {
        let mut sorter = Sorter::new(dir, 0);
        sorter.push(b"a", b"").unwrap();
        sorter.push(b"b", b"").unwrap_err()
    };
    let missing = spill(Some(dir.path().join("none")));
    assert!(matches!(missing, Error::Create { .. }), "{missing:?}");
    let _armed = arm(
        Scope::Thread,
        Plan {
            at: Some((0, Fault::DiskFull)),
            ..Plan::default()
        },
    );
    let full = spill(Some(dir.path().to_owned()));
    assert!(
        matches!(&full, Error::DiskFull { scratch_dir, .. } if scratch_dir == dir.path()),
        "{full:?}"
    );
}
