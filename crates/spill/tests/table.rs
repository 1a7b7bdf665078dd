//! Tables and slots against the standard library's, in memory and through files.

use std::collections::BTreeMap;

use fsroot::faults::{Fault, Plan, Scope, arm};
use proptest::prelude::*;
use spill::{Error, Slots, Sorter, Table, TableWriter};

type Record = (Vec<u8>, Vec<u8>);

fn sorted(records: &[Record], dir: &tempfile::TempDir, budget_bytes: usize) -> Table {
    let mut sorter = Sorter::new(Some(dir.path().to_owned()), budget_bytes);
    for (key, value) in records {
        sorter.push(key, value).unwrap();
    }
    let sorted = sorter.finish().unwrap();
    Table::of(sorted, Some(dir.path().to_owned()), budget_bytes).unwrap()
}

/// Keys that share beginnings, empty ones, long ones, any bytes, and many that are equal.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(0u8..3, 0..4),
        proptest::collection::vec(any::<u8>(), 0..300),
        proptest::collection::vec(b'0'..=b'9', 1..5).prop_map(|tail| [
            b"picture_".to_vec(),
            tail,
            b".jpg".to_vec()
        ]
        .concat()),
        Just(b"a\nb\\c\0\xff".to_vec()),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let value = prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 0..20),
        Just(vec![7; 1000]),
    ];
    (key(), value)
}

fn budget() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0usize), 1usize..100, 100usize..5000, Just(1 << 20)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn records_are_found_by_number_and_by_key(
        mut records in proptest::collection::vec(record(), 0..200),
        wanted in proptest::collection::vec(key(), 0..30),
        numbers in proptest::collection::vec(0u64..300, 0..30),
        budget_bytes in budget(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let table = sorted(&records, &dir, budget_bytes);
        records.sort();
        prop_assert_eq!(table.len(), records.len() as u64);
        let mut first = BTreeMap::new();
        for (number, (key, _)) in (0u64..).zip(&records) {
            first.entry(key.clone()).or_insert(number);
        }
        let mut lookup = table.lookup();
        for (number, (key, value)) in (0..).zip(&records) {
            prop_assert_eq!(lookup.get(number).unwrap(), Some((&**key, &**value)));
        }
        // In order, as rows often are, and in any order.
        for (key, number) in &first {
            prop_assert_eq!(lookup.find(key).unwrap(), Some(*number));
        }
        let present = records.iter().map(|(key, _)| key).rev();
        for key in wanted.iter().chain(present) {
            prop_assert_eq!(lookup.find(key).unwrap(), first.get(key).copied());
        }
        let mut fresh = table.lookup();
        for number in numbers {
            let expected = usize::try_from(number).ok().and_then(|number| records.get(number));
            let expected = expected.map(|(key, value)| (&**key, &**value));
            prop_assert_eq!(fresh.get(number).unwrap(), expected);
        }
        prop_assert_eq!(lookup.get(records.len() as u64).unwrap(), None);
        prop_assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn slots_hold_what_was_written_last(
        len in 0u64..200,
        width in 1usize..40,
        writes in proptest::collection::vec((0u64..220, 0usize..9, any::<u8>()), 0..40),
        budget_bytes in budget(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut slots = Slots::new(Some(dir.path()), budget_bytes, width, len).unwrap();
        let mut model = vec![vec![0; width]; usize::try_from(len).unwrap()];
        let mut read = vec![1, 2, 3];
        for (first, count, byte) in writes {
            slots.write(first, &vec![byte; count * width]).unwrap();
            let from = usize::try_from(first).unwrap();
            for slot in model.iter_mut().skip(from).take(count) {
                slot.fill(byte);
            }
            slots.read(first, count as u64, &mut read).unwrap();
            let expected: Vec<_> = model.iter().skip(from).take(count).flatten().copied().collect();
            prop_assert_eq!(&read, &expected);
        }
        slots.read(0, u64::MAX, &mut read).unwrap();
        prop_assert_eq!(&read, &model.concat());
        prop_assert_eq!(slots.len(), len);
        prop_assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}

#[test]
fn without_a_directory_everything_stays_in_memory() {
    let mut writer = TableWriter::new(None, 0);
    for number in 0..1000u32 {
        writer.push(&number.to_be_bytes(), b"value").unwrap();
    }
    let table = writer.finish().unwrap();
    let found = table.lookup().find(&700u32.to_be_bytes()).unwrap();
    assert_eq!(found, Some(700));
    let mut slots = Slots::new(None, 0, 4, 1000).unwrap();
    slots.write(999, b"last").unwrap();
    let mut read = Vec::new();
    slots.read(998, 2, &mut read).unwrap();
    assert_eq!(read, b"\0\0\0\0last");
}

#[test]
fn a_disk_that_is_full_is_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let _armed = arm(
        Scope::Thread,
        Plan {
            at: Some((0, Fault::DiskFull)),
            ..Plan::default()
        },
    );
    let mut writer = TableWriter::new(Some(dir.path().to_owned()), 100);
    let error = (0..100u8).find_map(|byte| writer.push(&[byte; 8], b"").err());
    assert!(matches!(error, Some(Error::DiskFull { .. })), "{error:?}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap().path().join("gone");
    let slots = Slots::new(Some(&dir), 10, 4, 1000);
    let Err(Error::Create { scratch_dir, .. }) = slots else {
        panic!("{slots:?}");
    };
    assert_eq!(scratch_dir, dir);
}
