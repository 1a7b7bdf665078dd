//! Decodes the snapshots of real nodes and compares the trees with what the nodes answered.

use std::path::Path;
use std::sync::Mutex;

use codec::{
    Adapters, BareStrings, Event, Input, Names, Observer, OnBad, Options, Progress, RawRows,
    Report, Scope, UnknownRows,
};
use dump::tree::TreeWriter;
use fsroot::Existing;
use snapshot::FooterPolicy;
use testkit::truth::{Family, Truth, compare_tree};

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Observer for Events {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn progress(&self, _progress: Progress) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

fn options(scratch: &Path, on_bad: OnBad) -> Options {
    Options {
        adapters: Adapters::ALL,
        scope: Scope::default(),
        footer: FooterPolicy::WithHeader,
        unknown: UnknownRows::Report,
        raw: RawRows::Drop,
        on_bad,
        drop_expired_at_ms: None,
        bare_strings: BareStrings::Unknown,
        names: Names::Native,
        s3: codec::s3::Settings::default(),
        scratch: scratch.to_owned(),
        cluster_id: None,
        index: None,
        wall_time: jiff::Timestamp::UNIX_EPOCH,
        producer: ("longshore".to_owned(), "test".to_owned()),
    }
}

fn decode(inputs: &[Input], destination: &Path, on_bad: OnBad) -> Result<Report, codec::Error> {
    let scratch = std::env::temp_dir();
    let (tree, _) = TreeWriter::begin(destination, Existing::Refuse, &scratch)?;
    codec::decode(inputs, tree, &options(&scratch, on_bad), &Events::default())
        .map(|(report, _)| report)
}

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
                testkit::shared::read_snapshot(&directory.join(&facts.file)),
            )
        })
        .collect();
    let temporary = tempfile::tempdir().unwrap();
    let destination = temporary.path().join("dump");
    let report = decode(&inputs, &destination, on_bad).unwrap();
    assert!(report.counts.add_up());
    let differences = compare_tree(&truth, &destination, families);
    assert!(differences.is_empty(), "{set}: {differences:#?}");
}

#[test]
fn redis_simple() {
    check(
        "redis-simple",
        OnBad::Stop,
        &[Family::RedisStrings, Family::RedisHll],
    );
}

#[test]
fn redis_interleaved() {
    check(
        "redis-interleaved",
        OnBad::Stop,
        &[Family::RedisStrings, Family::RedisHll],
    );
}

#[test]
fn redis_wide_in_part() {
    check(
        "redis-wide",
        OnBad::LeaveOut,
        &[Family::RedisStrings, Family::RedisHll],
    );
}

#[test]
fn follower() {
    check(
        "follower",
        OnBad::Stop,
        &[Family::RedisStrings, Family::RedisHll],
    );
}
