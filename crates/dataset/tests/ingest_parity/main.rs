//! The validator against the ingestor's own schema, on documents made for it.
//!
//! Three opinions are compared for every document: ours; the ingestor's schema, evaluated by `jsonschema`; and our published schema,
//! evaluated by `jsonschema`.

mod evaluate;
mod generate;

use std::collections::BTreeSet;

use dataset::ingest::{self, Violation};
use dataset::task::Task;
use evaluate::{Counts, Keyword, evaluate, keywords};
use generate::{Fill, Random, disturb, fail, valid};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How often each keyword has to hold, and how often to fail.
const TIMES_EACH_WAY: u64 = 200;

const ROUNDS: usize = 280;
const VALID_PER_TASK: usize = 3;
const BROKEN_AT_ONCE: usize = 3;

/// Rules of ours that the ingestor's schema does not have: table names and SQL types.
const ADDED: [&str; 3] = ["table.length", "table.pattern", "schema.type"];

/// Keywords that cannot fail here: a text that is no mapping is no document, and never gets as far as the schema.
const OUT_OF_REACH: [&str; 1] = ["/type"];

struct Bench {
    theirs_text: Value,
    theirs: Validator,
    published: Validator,
}

#[derive(Default)]
struct Tally {
    documents: u64,
    valid: u64,
    /// Documents that only our added rules refuse, or refuse for one more reason.
    deliberate: u64,
    counts: Counts,
}

fn bench() -> Option<Bench> {
    let shared = testkit::shared_dir("ingest document against the ingestor's schema")?;
    let bytes = std::fs::read(shared.join("parity/ingest.v1.json"))
        .expect("the ingestor's schema is there");
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        ingest::AGREES_WITH_SHA256,
        "the schema is another than the one that was compared with"
    );
    let theirs_text: Value = serde_json::from_slice(&bytes).expect("it is JSON");
    let ours_text: Value = serde_json::from_str(ingest::schema()).expect("ours is JSON");
    Some(Bench {
        theirs: jsonschema::draft7::new(&theirs_text).expect("it is a schema"),
        published: jsonschema::draft7::new(&ours_text).expect("ours is a schema"),
        theirs_text,
    })
}

#[test]
fn verdicts_and_paths_are_the_ingestors() {
    let Some(bench) = bench() else { return };
    let mut keywords = keywords(&bench.theirs_text);
    keywords.retain(|keyword| !OUT_OF_REACH.contains(&keyword.at.as_str()));
    let mut tally = Tally::default();
    let mut random = Random(0x10AD);
    for _ in 0..ROUNDS {
        for task in Task::ALL {
            for _ in 0..VALID_PER_TASK {
                bench.compare(&valid(task, Fill::Some, &mut random), &mut tally);
            }
            bench.compare(&disturbed(task, &mut random), &mut tally);
        }
        random.shuffle(&mut keywords);
        for several in keywords.chunks(BROKEN_AT_ONCE) {
            bench.compare(&broken(several, &mut random), &mut tally);
        }
    }
    tally.report(&keywords);
}

/// Does something to a few values anywhere. The document itself stays a mapping.
fn disturbed(task: Task, random: &mut Random) -> Value {
    let mut document = valid(task, Fill::Some, random);
    for _ in 0..1 + random.below(2) {
        let object = document.as_object_mut().expect("a mapping");
        let at = random.below(object.len());
        disturb(object.values_mut().nth(at).expect("one of them"), random);
    }
    document
}

/// Breaks several keywords of one document, of a task that one of them is about, if any.
fn broken(keywords: &[Keyword], random: &mut Random) -> Value {
    let about: Vec<_> = keywords
        .iter()
        .map(|keyword| keyword.tasks.as_slice())
        .filter(|ids| !ids.is_empty())
        .collect();
    let task = match about.as_slice() {
        [] => Task::ALL[random.below(Task::ALL.len())],
        about => {
            let ids = about[random.below(about.len())];
            Task::parse(&ids[random.below(ids.len())]).expect("a task")
        }
    };
    let mut document = valid(task, Fill::All, random);
    for keyword in keywords {
        fail(keyword, &mut document, random);
    }
    document
}

impl Bench {
    fn compare(&self, document: &Value, tally: &mut Tally) {
        let text = document.to_string();
        let violations = ingest::validate(text.as_bytes())
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .violations;
        let (added, ours): (Vec<_>, Vec<_>) = violations
            .into_iter()
            .partition(|found| ADDED.contains(&found.id));

        let theirs = evaluate(&self.theirs_text, document, "", &mut tally.counts);
        assert_eq!(
            theirs,
            self.theirs.is_valid(document),
            "the interpreter is wrong about\n{document:#}"
        );
        assert_eq!(
            theirs,
            self.published.is_valid(document),
            "the published schema disagrees about\n{document:#}"
        );
        assert_eq!(
            theirs,
            ours.is_empty(),
            "we disagree: {ours:?}\n{document:#}"
        );
        if !theirs {
            let ours: BTreeSet<_> = ours.into_iter().map(|found| found.path).collect();
            assert_eq!(
                ours,
                paths(&self.theirs, document),
                "other paths\n{document:#}"
            );
            assert_eq!(
                ours,
                paths(&self.published, document),
                "other paths than the published schema\n{document:#}"
            );
        }
        tally.documents += 1;
        tally.valid += u64::from(theirs);
        tally.deliberate += u64::from(!added.is_empty());
    }
}

/// Gives the paths of all leaves of the error tree, as our diagnostics spell them, without a value's type where something is wrong
/// below it.
fn paths(validator: &Validator, document: &Value) -> BTreeSet<String> {
    let mut leaves = Vec::new();
    for error in validator.iter_errors(document) {
        collect(&error, &mut leaves);
    }
    let below = |path: &str| {
        leaves
            .iter()
            .any(|(other, _): &(String, bool)| other.starts_with(&format!("{path}.")))
    };
    leaves
        .iter()
        .filter(|(path, is_type)| !(*is_type && below(path)))
        .map(|(path, _)| path.clone())
        .collect()
}

fn collect(error: &ValidationError<'_>, leaves: &mut Vec<(String, bool)>) {
    match error.kind() {
        ValidationErrorKind::OneOfNotValid { context } => {
            context
                .iter()
                .flatten()
                .for_each(|error| collect(error, leaves));
        }
        kind => {
            let path = spell(error.instance_path().as_str());
            leaves.push((path, matches!(kind, ValidationErrorKind::Type { .. })));
        }
    }
}

/// Spells a JSON pointer the way our diagnostics do.
fn spell(pointer: &str) -> String {
    let decode = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    match pointer.strip_prefix('/') {
        None => Violation::ROOT.to_owned(),
        Some(path) => path.split('/').map(decode).collect::<Vec<_>>().join("."),
    }
}

impl Tally {
    fn report(&self, keywords: &[Keyword]) {
        assert!(self.documents >= 10_000, "{} documents", self.documents);
        assert!(
            self.valid * 10 >= self.documents * 4,
            "{} of {} are valid",
            self.valid,
            self.documents
        );
        assert!(self.deliberate >= TIMES_EACH_WAY);
        let seldom: Vec<_> = keywords
            .iter()
            .map(|keyword| {
                (
                    &keyword.at,
                    self.counts.get(&keyword.at).copied().unwrap_or_default(),
                )
            })
            .filter(|(_, counts)| counts.iter().any(|count| *count < TIMES_EACH_WAY))
            .collect();
        assert!(seldom.is_empty(), "too seldom held or failed: {seldom:#?}");
    }
}
