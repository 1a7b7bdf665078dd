//! Running a decode and listening to it.

#![allow(
    dead_code,
    reason = "each test file is a crate that uses a part of this"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use codec::{
    Adapters, BareStrings, Event, Input, Names, Observer, OnBad, Options, Progress, RawRows,
    Report, Scope, UnknownRows,
};
use dump::tree::TreeWriter;
use fsroot::Existing;
use snapshot::FooterPolicy;

/// Keeps every event.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Events {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(Event::name).collect()
    }
}

impl Observer for Events {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn progress(&self, _progress: Progress) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The options of a plain run.
pub(crate) fn options(scratch: &Path) -> Options {
    Options {
        adapters: Adapters::ALL,
        scope: Scope::default(),
        footer: FooterPolicy::WithHeader,
        unknown: UnknownRows::Report,
        raw: RawRows::Drop,
        on_bad: OnBad::Stop,
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

/// Decodes into a new directory.
pub(crate) fn decode(
    inputs: &[Input],
    destination: &Path,
    options: &Options,
    events: &Events,
) -> Result<Report, codec::Error> {
    let (tree, _) = TreeWriter::begin(destination, Existing::Refuse, &options.scratch)?;
    codec::decode(inputs, tree, options, events).map(|(report, _)| report)
}

/// The regular files of a tree by their paths in it.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Reads all files below a directory.
pub(crate) fn files(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap();
                files.insert(
                    name.to_string_lossy().into_owned(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}
