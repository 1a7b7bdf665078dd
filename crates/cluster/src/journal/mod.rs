//! The local journal: which runs this user has submitted, so that they can be found again.
//!
//! One file, `runs.json`, replaced whole under the lock of its folder. A version that this program does not know is never written
//! over. Where the file system has no locks two runs at the same moment may lose one entry; the file itself stays whole.

mod file;
mod run;

pub use run::{Run, RunState};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fsroot::{FolderLock, FolderLocking};

use crate::limits::{Limits, told};
use crate::submit::Key;

/// Pause between two looks at a lock that somebody holds.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Runs that are kept. Beyond that the oldest ones go that have ended, and then the oldest.
pub const RUNS_MAX: usize = 1_000;

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another run holds it.
    #[error("the journal {path:?} is held by another run for more than {limit}")]
    Locked {
        /// The journal's folder.
        path: PathBuf,
        /// The limit and its name.
        limit: String,
    },
    /// It is not what this program writes.
    #[error("the journal {path:?} cannot be read: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A later version of this program wrote it.
    #[error("the journal {path:?} has version {version}, this program knows {known}", known = file::VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The disk is full, or the file or its folder cannot be used.
    #[error("the journal cannot be used")]
    Files(#[from] fsroot::Error),
}

/// The journal of a user.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
    wait: Duration,
}

impl Journal {
    /// Names the journal in a folder of its own, which is made when something is first written.
    #[must_use]
    pub fn at(folder: &Path, limits: &Limits) -> Self {
        Self {
            folder: folder.to_owned(),
            wait: limits.journal,
        }
    }

    /// Reads all runs, oldest first. Nobody has to be waited for: the file is always whole.
    pub fn runs(&self) -> Result<Vec<Run>, JournalError> {
        file::read(&self.folder)
    }

    /// Writes the journal as it is, so that one which cannot be written is told while nothing depends on it yet.
    pub fn try_out(&self) -> Result<(), JournalError> {
        self.change(|_| ())
    }

    /// Finds the run with that key.
    pub fn find(&self, key: &Key) -> Result<Option<Run>, JournalError> {
        let runs = self.runs()?;
        Ok(runs.into_iter().find(|run| run.key == key.as_str()))
    }

    /// Notes a run before it is submitted. One that is known by that key is replaced.
    pub fn note(&self, run: Run) -> Result<(), JournalError> {
        self.change(|runs| {
            runs.retain(|one| one.key != run.key);
            runs.push(run);
        })
    }

    /// Changes a known run and says whether it is one.
    pub fn update(&self, key: &Key, change: impl FnOnce(&mut Run)) -> Result<bool, JournalError> {
        let mut is_known = false;
        self.change(|runs| {
            if let Some(run) = runs.iter_mut().find(|run| run.key == key.as_str()) {
                change(run);
                is_known = true;
            }
        })?;
        Ok(is_known)
    }

    /// Says which attempt comes next for a payload and a document in a namespace of a cluster: that of the last run if it has not
    /// ended, so that it is found again, else one more.
    pub fn next_attempt(&self, like: &Run) -> Result<u32, JournalError> {
        let runs = self.runs()?;
        let alike = runs.iter().filter(|run| run.is_like(like));
        let last = alike.max_by_key(|run| run.attempt);
        Ok(match last {
            None => 1,
            Some(run) if run.state.has_ended() => run.attempt.saturating_add(1),
            Some(run) => run.attempt,
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Run>)) -> Result<(), JournalError> {
        fsroot::make_private_dirs_ambient(&self.folder)?;
        let _lock = self.lock()?;
        let mut runs = file::read(&self.folder)?;
        change(&mut runs);
        shorten(&mut runs);
        file::write(&self.folder, &runs)
    }

    fn lock(&self) -> Result<Option<FolderLock>, JournalError> {
        let until = Instant::now() + self.wait;
        loop {
            match fsroot::lock_folder_ambient(&self.folder)? {
                FolderLocking::Taken(lock) => return Ok(Some(lock)),
                FolderLocking::Unsupported => return Ok(None),
                FolderLocking::Held if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
                FolderLocking::Held => {
                    return Err(JournalError::Locked {
                        path: self.folder.clone(),
                        limit: told("journal-timeout", self.wait),
                    });
                }
            }
        }
    }
}

fn shorten(runs: &mut Vec<Run>) {
    while runs.len() > RUNS_MAX {
        let oldest = runs.iter().position(|run| run.state.has_ended());
        runs.remove(oldest.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(key: &str, attempt: u32, state: RunState) -> Run {
        Run {
            key: key.to_owned(),
            table: "pets".to_owned(),
            server: "https://cluster".to_owned(),
            context: None,
            namespace: "lab".to_owned(),
            job: None,
            payload: "aa".to_owned(),
            document: "bb".to_owned(),
            attempt,
            submitted_at: jiff::Timestamp::UNIX_EPOCH,
            state,
        }
    }

    fn journal(folder: &Path) -> Journal {
        let limits = Limits {
            journal: Duration::from_millis(50),
            ..Limits::default()
        };
        Journal::at(&folder.join("deep/longshore"), &limits)
    }

    #[test]
    fn runs_are_noted_changed_and_found() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        assert_eq!(journal.runs().unwrap(), []);
        let key = Key::parse("k1").unwrap();
        assert_eq!(journal.find(&key).unwrap(), None);
        assert!(!journal.update(&key, |_| ()).unwrap());
        journal.note(run("k1", 1, RunState::Submitting)).unwrap();
        journal.note(run("k2", 1, RunState::Submitting)).unwrap();
        assert!(
            journal
                .update(&key, |run| run.state = RunState::Failed)
                .unwrap()
        );
        assert_eq!(
            journal.find(&key).unwrap(),
            Some(run("k1", 1, RunState::Failed))
        );
        journal.note(run("k1", 2, RunState::Running)).unwrap();
        let keys: Vec<_> = journal
            .runs()
            .unwrap()
            .into_iter()
            .map(|run| run.key)
            .collect();
        assert_eq!(keys, ["k2", "k1"]);
    }

    #[test]
    fn a_run_that_has_ended_makes_the_next_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        let like = run("", 0, RunState::Submitting);
        assert_eq!(journal.next_attempt(&like).unwrap(), 1);
        journal.note(run("k1", 1, RunState::Running)).unwrap();
        assert_eq!(journal.next_attempt(&like).unwrap(), 1, "it is found again");
        for (ended, expected) in [
            (RunState::Failed, 2),
            (RunState::Succeeded, 2),
            (RunState::Gone, 2),
            (RunState::Ended, 2),
            (RunState::Refused, 1),
            (RunState::Submitting, 1),
        ] {
            journal.note(run("k1", 1, ended)).unwrap();
            assert_eq!(journal.next_attempt(&like).unwrap(), expected, "{ended:?}");
        }
        let mut other = like.clone();
        other.document = "cc".to_owned();
        assert_eq!(journal.next_attempt(&other).unwrap(), 1);
    }

    #[test]
    fn a_held_journal_is_read_and_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        journal.note(run("k1", 1, RunState::Running)).unwrap();
        let _held = fsroot::lock_folder_ambient(&journal.folder).unwrap();
        assert_eq!(journal.runs().unwrap().len(), 1);
        let error = journal.note(run("k2", 1, RunState::Running)).unwrap_err();
        assert!(error.to_string().contains("--journal-timeout"), "{error}");
        assert!(journal.try_out().is_err());
        assert_eq!(journal.runs().unwrap().len(), 1);
    }

    #[test]
    fn what_it_does_not_understand_it_does_not_write_over() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        journal.note(run("k1", 1, RunState::Running)).unwrap();
        let path = journal.folder.join("runs.json");
        let check = |text: &str, fits: fn(&JournalError) -> bool| {
            std::fs::write(&path, text).unwrap();
            for error in [
                journal.runs().unwrap_err(),
                journal.note(run("k2", 1, RunState::Running)).unwrap_err(),
            ] {
                assert!(fits(&error), "{error:?}");
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        };
        check("", |error| matches!(error, JournalError::Corrupt { .. }));
        check("{\"runs\": [", |error| {
            matches!(error, JournalError::Corrupt { .. })
        });
        check("{\"version\": 1}", |error| {
            matches!(error, JournalError::Corrupt { .. })
        });
        check("{\"version\": 2, \"whatever\": []}", |error| {
            matches!(error, JournalError::Newer { version: 2, .. })
        });
    }

    #[test]
    fn runs_that_ended_go_first() {
        let mut runs: Vec<_> = (0..RUNS_MAX + 2)
            .map(|index| {
                let state = if index == 5 {
                    RunState::Succeeded
                } else {
                    RunState::Running
                };
                run(&index.to_string(), 1, state)
            })
            .collect();
        shorten(&mut runs);
        assert_eq!(runs.len(), RUNS_MAX);
        let keys: Vec<_> = runs.iter().take(5).map(|run| run.key.as_str()).collect();
        assert_eq!(keys, ["1", "2", "3", "4", "6"]);
    }

    #[test]
    fn writers_side_by_side_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // Each write waits for a disk that others use too; how long is not what this is about.
        let limits = Limits {
            journal: Duration::from_secs(600),
            ..Limits::default()
        };
        let journal = Journal::at(folder.path(), &limits);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let journal = journal.clone();
                scope.spawn(move || {
                    for index in 0..10 {
                        let key = format!("{writer}-{index}");
                        journal.note(run(&key, 1, RunState::Running)).unwrap();
                    }
                });
            }
        });
        assert_eq!(journal.runs().unwrap().len(), 40);
    }
}
