//! Holds the errors of a push and `docs/push-protocol.md` together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use ::cluster::far::StartError;
use ::cluster::journal::JournalError;
use ::cluster::limits::Limits;
use ::cluster::preflight::{Severity, TABLE};
use ::cluster::push::PushError;
use ::cluster::stage::StageError;
use ::cluster::submit::{Key, SubmitError};
use ::cluster::target::{PluginError, TargetError};
use ::cluster::transfer::TransferError;
use ::cluster::tunnel::TunnelError;
use ::cluster::watch::{Outcome, Target, WatchError};

use super::{of_rule, push, run_outcome};
use crate::failure::{Failure, Retry};
use crate::signals::Signals;

type Pairs = BTreeSet<(String, u8)>;

fn transfer() -> Vec<TransferError> {
    let what = String::new;
    let path = what;
    vec![
        TransferError::Refused { reason: what() },
        TransferError::RetriesUsedUp {
            budget: Duration::ZERO,
            last: what(),
        },
        TransferError::Held { holder: what() },
        TransferError::LockLost,
        TransferError::Ingesting { holder: what() },
        TransferError::Destination { path: path() },
        TransferError::RunChanged { record: what() },
        TransferError::NoSpace { what: what() },
        TransferError::NoInodes { what: what() },
        TransferError::ReadOnly { what: what() },
        TransferError::NotWritable { what: what() },
        TransferError::MissingProgram { program: what() },
        TransferError::MissingCompressor { program: what() },
        TransferError::FarIo { what: what() },
        TransferError::Unreadable {
            path: path(),
            evidence: what(),
        },
        TransferError::Corrupted { path: path() },
        TransferError::SourceChanged {
            path: path(),
            what: what(),
        },
        TransferError::Scratch {
            directory: PathBuf::new(),
            cause: what(),
        },
        TransferError::NotVerified,
        TransferError::Start(StartError::Gone(what())),
        TransferError::Start(StartError::Forbidden(what())),
        TransferError::Start(StartError::Unauthorized(what())),
        TransferError::Start(StartError::NoUpgrade(what())),
        TransferError::Start(StartError::Unreachable {
            reason: what(),
            retry_after: None,
        }),
    ]
}

fn submit() -> Vec<SubmitError> {
    let (what, key) = (String::new, || Key::parse("k").unwrap());
    vec![
        SubmitError::Token(what()),
        SubmitError::Unauthorized(what()),
        SubmitError::Denied(what()),
        SubmitError::Rejected(what()),
        SubmitError::Malformed(what()),
        SubmitError::Unexpected(what()),
        SubmitError::Conflict {
            key: key(),
            reason: what(),
        },
        SubmitError::Unanswered {
            key: key(),
            reason: what(),
        },
        SubmitError::Replayed {
            key: key(),
            job: what(),
            namespace: what(),
            how: what(),
        },
        SubmitError::ReplayUnseen {
            job: what(),
            namespace: what(),
            reason: what(),
        },
        SubmitError::Tunnel(TunnelError::Service {
            service: what(),
            reason: what(),
        }),
        SubmitError::Tunnel(TunnelError::NobodyReady {
            service: what(),
            seen: 0,
        }),
        SubmitError::Tunnel(TunnelError::Forbidden(what())),
        SubmitError::Tunnel(TunnelError::Unauthorized(what())),
        SubmitError::Tunnel(TunnelError::NoUpgrade(what())),
        SubmitError::Tunnel(TunnelError::Gone {
            pod: what(),
            reason: what(),
        }),
        SubmitError::Tunnel(TunnelError::Unreachable {
            reason: what(),
            retry_after: None,
        }),
    ]
}

fn watch() -> Vec<WatchError> {
    let what = String::new;
    vec![
        WatchError::Gone {
            namespace: what(),
            job: what(),
            was_seen: true,
        },
        WatchError::CannotStart {
            pod: what(),
            reason: what(),
            message: what(),
        },
        WatchError::Undetermined {
            pod: what(),
            job: what(),
            limit: what(),
        },
        WatchError::Forbidden(what()),
        WatchError::Unauthorized(what()),
        WatchError::Unreachable {
            limit: what(),
            reason: what(),
        },
    ]
}

/// Everything that can end a push once it has begun.
fn in_a_push() -> Vec<PushError> {
    let what = String::new;
    let plugin = |error| PushError::Credential(TargetError::Plugin(error));
    let file = PathBuf::new;
    let job = || ::cluster::submit::Accepted {
        job: what(),
        namespace: what(),
        is_replay: false,
    };
    let mut all = vec![
        plugin(PluginError::Failed {
            command: what(),
            status: what(),
            said: what(),
        }),
        plugin(PluginError::TooSlow {
            command: what(),
            limit: Duration::ZERO,
        }),
        plugin(PluginError::NeedsTerminal { command: what() }),
        PushError::JobRuns {
            namespace: what(),
            job: what(),
        },
        PushError::DestinationUnanswered {
            path: what(),
            key: what(),
            namespace: what(),
        },
        PushError::JobUnseen(WatchError::Forbidden(what())),
        PushError::Record(what()),
        PushError::PodsLost {
            pod: what(),
            reason: what(),
        },
        PushError::Stopped,
        PushError::StoppedSubmitting {
            key: Key::parse("k").unwrap(),
        },
        PushError::Journal(JournalError::Locked {
            path: file(),
            limit: what(),
        }),
        PushError::Journal(JournalError::Corrupt {
            path: file(),
            reason: what(),
        }),
        PushError::Journal(JournalError::Newer {
            path: file(),
            version: 9,
        }),
        PushError::Journal(JournalError::Files(fsroot::Error::DiskFull {
            operation: "write",
            path: file(),
            source: std::io::ErrorKind::StorageFull.into(),
        })),
        StageError::TooSlow {
            pod: what(),
            limit: Duration::ZERO,
            waiting: what(),
            events: Vec::new(),
            events_forbidden: false,
        }
        .into(),
    ];
    all.extend(transfer().into_iter().map(PushError::from));
    all.extend(submit().into_iter().map(PushError::from));
    all.extend(watch().into_iter().map(|error| PushError::Watch {
        job: Box::new(job()),
        error: Box::new(error),
    }));
    all
}

fn outcomes() -> Vec<Failure> {
    let failed = Outcome::Failed {
        reason: String::new(),
        detail: None,
    };
    let job = Target {
        namespace: String::new(),
        job: String::new(),
    };
    let told = |outcome| run_outcome(&outcome, &Limits::default(), &job);
    [failed, Outcome::CompletedWithFailures]
        .into_iter()
        .filter_map(told)
        .collect()
}

/// The rows of the page: each id with its exit code.
fn documented() -> Pairs {
    let page = include_str!("../../../../docs/push-protocol.md");
    let (_, section) = page.split_once("## What the user is told").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let mut pairs = Pairs::new();
    for row in rows.skip(1) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ids = cells[2].split(',').map(|id| id.trim().trim_matches('`'));
        for (id, code) in ids.zip(cells[3].split(',')) {
            if !id.is_empty() {
                pairs.insert((id.to_owned(), code.trim().parse().unwrap()));
            }
        }
    }
    pairs
}

/// Everything that ends a push, as it is told.
fn failures() -> Vec<Failure> {
    let signals = Signals::default();
    let failures = in_a_push().into_iter().map(|error| push(&error, &signals));
    failures.chain(outcomes()).collect()
}

/// Every finding of the checks before a push that ends it.
fn findings() -> impl Iterator<Item = Failure> {
    let rules = TABLE.iter().copied();
    let errors = rules.filter(|rule| rule.row().severity == Severity::Error);
    errors.map(|rule| of_rule(rule, String::new(), rule.row().course))
}

#[test]
fn an_id_has_one_code_and_one_outlook_whoever_says_it() {
    let mut known: BTreeMap<&str, (u8, Retry)> = BTreeMap::new();
    for failure in failures().into_iter().chain(findings()) {
        let told = (failure.exit.number(), failure.retry);
        let first = *known.entry(failure.id).or_insert(told);
        assert_eq!(told, first, "{}", failure.id);
    }
}

#[test]
fn the_page_lists_what_the_program_says() {
    let pair = |failure: Failure| (failure.id.to_owned(), failure.exit.number());
    let failures = failures();
    for failure in &failures {
        let is_stop = matches!(failure.id, "run.stopped");
        assert!(failure.remedy.is_some() || is_stop, "{}", failure.id);
    }
    let mut said: Pairs = failures.into_iter().map(pair).collect();
    let documented = documented();
    let missing: Vec<_> = said.difference(&documented).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    said.extend(findings().map(pair));
    // It wraps an error of its own that only a server can make.
    said.insert(("push.unanswered".to_owned(), 16));
    let unknown: Vec<_> = documented.difference(&said).collect();
    assert!(unknown.is_empty(), "on the page only: {unknown:?}");
}
