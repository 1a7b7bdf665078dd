//! The journal's part in a push.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::record::Attempt;
use super::{Event, Observer, Order};
use crate::Connection;
use crate::cause::chain;
use crate::journal::{Journal, JournalError, Run, RunState};
use crate::submit::{Accepted, Key};
use crate::watch::{self, Outcome, WatchError};

/// What is noted of one push, where there is a journal.
pub(super) struct Log<'a> {
    journal: Option<&'a Journal>,
    observer: &'a dyn Observer,
    run: Run,
}

impl<'a> Log<'a> {
    pub(super) fn new(
        connection: &Connection,
        namespace: &str,
        order: &'a Order,
        manifest_sha256: &str,
        observer: &'a dyn Observer,
    ) -> Self {
        let target = connection.target();
        Self {
            journal: order.journal.as_ref(),
            observer,
            run: Run {
                key: String::new(),
                table: order.table.to_string(),
                server: target.server.clone(),
                context: target.context.clone(),
                namespace: namespace.to_owned(),
                job: None,
                payload: manifest_sha256.to_owned(),
                document: HEXLOWER.encode(&Sha256::digest(&order.document)),
                attempt: 0,
                submitted_at: Timestamp::now(),
                state: RunState::Submitting,
            },
        }
    }

    /// Says which attempt comes next, after a look at a Job that had not ended when it was last looked at.
    pub(super) async fn next_attempt(
        &self,
        connection: &Arc<Connection>,
    ) -> Result<u32, JournalError> {
        let Some(journal) = self.journal else {
            return Ok(1);
        };
        let runs = journal.runs()?;
        let alike = runs.iter().filter(|run| run.is_like(&self.run));
        if let Some(last) = alike.max_by_key(|run| run.attempt)
            && last.state == RunState::Running
            && let Some(state) = now(connection, last).await
            && let Ok(key) = Key::parse(&last.key)
        {
            journal.update(&key, |run| run.state = state)?;
        }
        journal.next_attempt(&self.run)
    }

    /// Notes the run before it is submitted.
    pub(super) fn begin(&mut self, key: &Key, attempt: Attempt) -> Result<(), JournalError> {
        self.run.key = key.as_str().to_owned();
        self.run.attempt = attempt.number().unwrap_or(1);
        self.run.submitted_at = Timestamp::now();
        match self.journal {
            Some(journal) => journal.note(self.run.clone()),
            None => Ok(()),
        }
    }

    pub(super) fn accepted(&self, job: &Accepted) {
        self.change(|run| {
            run.job = Some(job.job.clone());
            run.namespace.clone_from(&job.namespace);
            run.state = RunState::Running;
        });
    }

    pub(super) fn ended_before(&self) {
        self.change(|run| run.state = RunState::Ended);
    }

    pub(super) fn refused(&self) {
        self.change(|run| run.state = RunState::Refused);
    }

    pub(super) fn ended(&self, outcome: &Outcome) {
        let state = match outcome {
            Outcome::Succeeded => RunState::Succeeded,
            Outcome::CompletedWithFailures => RunState::CompletedWithFailures,
            Outcome::Failed { .. } => RunState::Failed,
            Outcome::Detached(_) => return,
        };
        self.change(|run| run.state = state);
    }

    /// What is not written now can be found out later, so it is no error.
    fn change(&self, change: impl FnOnce(&mut Run)) {
        let (Some(journal), Ok(key)) = (self.journal, Key::parse(&self.run.key)) else {
            return;
        };
        if let Err(error) = journal.update(&key, change) {
            self.observer.event(Event::Warning {
                id: "push_journal",
                message: format!(
                    "the journal does not know what became of the run: {}",
                    chain(&error)
                ),
            });
        }
    }
}

/// What has become of a run, if it has ended.
async fn now(connection: &Arc<Connection>, run: &Run) -> Option<RunState> {
    let target = watch::Target {
        namespace: run.namespace.clone(),
        job: run.job.clone()?,
    };
    let client = connection.client().await.ok()?;
    match watch::look(&client, &target, connection.limits()).await {
        Ok(look) => look.end.map(|end| match end {
            watch::JobEnd::Complete => RunState::Succeeded,
            watch::JobEnd::Failed { .. } => RunState::Failed,
        }),
        Err(WatchError::Gone { .. }) => Some(RunState::Gone),
        Err(_) => None,
    }
}
