//! Decodes the snapshots of real nodes and compares the trees with what the nodes answered.

mod common;

use codec::{Input, OnBad};
use common::{Events, decode, options};
use testkit::shared::read_snapshot;
use testkit::truth::{Family, Truth, compare_tree};

const REDIS: [Family; 2] = [Family::RedisStrings, Family::RedisHll];

fn check(set: &str, on_bad: OnBad, families: &[Family]) {
    let Some(shared) = testkit::shared_dir("golden") else {
        return;
    };
    let directory = shared.join("golden").join(set);
    let truth = Truth::read(&directory);
    let inputs: Vec<Input> = truth
        .files()
        .iter()
        .map(|facts| {
            Input::memory(
                facts.file.as_str(),
                read_snapshot(&directory.join(&facts.file)),
            )
        })
        .collect();
    let temporary = tempfile::tempdir().unwrap();
    let destination = temporary.path().join("dump");
    let mut options = options(temporary.path());
    options.on_bad = on_bad;
    let events = Events::default();
    let report = decode(&inputs, &destination, &options, &events).unwrap();
    assert!(
        !events.names().contains(&"left_out"),
        "{set}: a real node's keys and objects are whole"
    );
    assert!(report.counts.add_up());
    let differences = compare_tree(&truth, &destination, families);
    assert!(differences.is_empty(), "{set}: {differences:#?}");
}

#[test]
fn redis_simple() {
    check("redis-simple", OnBad::Stop, &REDIS);
}

#[test]
fn redis_interleaved() {
    check("redis-interleaved", OnBad::Stop, &REDIS);
}

#[test]
fn redis_wide_in_part() {
    check("redis-wide", OnBad::LeaveOut, &REDIS);
}

#[test]
fn follower() {
    check("follower", OnBad::Stop, &REDIS);
}

#[test]
fn s3_basic() {
    check("s3-basic", OnBad::Stop, &[Family::S3]);
}

#[test]
fn s3_multipart() {
    check("s3-multipart", OnBad::Stop, &[Family::S3]);
}

#[test]
fn s3_dataset() {
    check("s3-dataset", OnBad::Stop, &[Family::S3]);
}

#[test]
fn both_groups_of_a_cluster() {
    check("sharded", OnBad::LeaveOut, &Family::ALL);
}

#[test]
fn mixed_in_part() {
    check("mixed", OnBad::LeaveOut, &Family::ALL);
}
