//! Jobs run pods until enough have succeeded or too many have failed, and say so in two writes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::events::{self, Severity};
use crate::store::{Deletion, Object, name_of, namespace_of, str_at};
use crate::{Sandbox, clock, kinds};

use super::{note, owner};

pub(super) fn look(sandbox: &Sandbox) {
    for job in sandbox.store().list(&kinds::JOB, None).0 {
        if job.pointer("/metadata/deletionTimestamp").is_none() {
            step(sandbox, &job);
        }
    }
}

/// What has become of a Job's pods.
struct Tally {
    active: Vec<Object>,
    ready: usize,
    succeeded: usize,
    failed: usize,
    last_failure: Option<Timestamp>,
}

impl Tally {
    fn count(sandbox: &Sandbox, job: &Value) -> Self {
        let mut tally = Self {
            active: Vec::new(),
            ready: 0,
            succeeded: 0,
            failed: 0,
            last_failure: None,
        };
        for pod in owner::controlled(sandbox, job, &kinds::POD) {
            match str_at(&pod, "/status/phase") {
                "Succeeded" => tally.succeeded += 1,
                "Failed" => tally.fail(&pod),
                // A pod that was deleted before its end counts as failed and is replaced.
                _ if pod.pointer("/metadata/deletionTimestamp").is_some() => tally.failed += 1,
                _ => {
                    tally.ready += usize::from(owner::is_ready(&pod));
                    tally.active.push(pod);
                }
            }
        }
        tally
    }

    fn fail(&mut self, pod: &Value) {
        self.failed += 1;
        let mut statuses = pod
            .pointer("/status/containerStatuses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let ended =
            statuses.find_map(|one| str_at(one, "/state/terminated/finishedAt").parse().ok());
        self.last_failure = self.last_failure.max(ended);
    }
}

fn number(job: &Value, pointer: &str) -> Option<usize> {
    job.pointer(pointer)
        .and_then(Value::as_u64)
        .and_then(|number| usize::try_from(number).ok())
}

fn has_condition(job: &Value, name: &str) -> bool {
    let mut conditions = job
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    conditions.any(|one| one["type"] == name && one["status"] == "True")
}

fn step(sandbox: &Sandbox, job: &Object) {
    if has_condition(job, "Complete") || has_condition(job, "Failed") {
        expire(sandbox, job);
        return;
    }
    let now = sandbox.clock().now();
    let tally = Tally::count(sandbox, job);
    let gone = counted_before(job, "failed").saturating_sub(tally.failed);
    let failed = tally.failed + gone;
    if let Some(verdict) = announced(job) {
        conclude(sandbox, job, &tally, failed, verdict, now);
        return;
    }
    let verdict = judge(job, &tally, failed, now);
    let mut conditions = job["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if let Some(verdict) = &verdict {
        conditions.push(verdict.condition(verdict.announcement(), now));
        for pod in &tally.active {
            note(
                "job pod",
                sandbox.store().delete(
                    &kinds::POD,
                    namespace_of(pod),
                    name_of(pod),
                    &Deletion::default(),
                ),
            );
        }
    } else if job["spec"]["suspend"] != true {
        start_pods(sandbox, job, &tally, failed, now);
    }
    write(sandbox, job, &tally, failed, &conditions, now, None);
}

fn counted_before(job: &Value, field: &str) -> usize {
    number(job, &format!("/status/{field}")).unwrap_or(0)
}

/// How a Job ends.
struct Verdict {
    is_success: bool,
    reason: String,
    message: String,
}

impl Verdict {
    /// The condition that is written first.
    fn announcement(&self) -> &'static str {
        if self.is_success {
            "SuccessCriteriaMet"
        } else {
            "FailureTarget"
        }
    }

    fn conclusion(&self) -> &'static str {
        if self.is_success {
            "Complete"
        } else {
            "Failed"
        }
    }

    fn condition(&self, name: &str, now: Timestamp) -> Value {
        let now = clock::seconds(now);
        json!({
            "type": name, "status": "True", "reason": self.reason, "message": self.message,
            "lastProbeTime": now, "lastTransitionTime": now,
        })
    }
}

fn judge(job: &Value, tally: &Tally, failed: usize, now: Timestamp) -> Option<Verdict> {
    let verdict = |is_success, reason: &str, message: &str| {
        Some(Verdict {
            is_success,
            reason: reason.to_owned(),
            message: message.to_owned(),
        })
    };
    let completions = number(job, "/spec/completions").unwrap_or(1);
    if tally.succeeded >= completions {
        return verdict(
            true,
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        );
    }
    if failed > number(job, "/spec/backoffLimit").unwrap_or(6) {
        return verdict(
            false,
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        );
    }
    let started: Option<Timestamp> = str_at(job, "/status/startTime").parse().ok();
    let limit = job
        .pointer("/spec/activeDeadlineSeconds")
        .and_then(Value::as_i64);
    if let (Some(started), Some(limit)) = (started, limit)
        && now.as_second() - started.as_second() >= limit
    {
        return verdict(
            false,
            "DeadlineExceeded",
            "Job was active longer than specified deadline",
        );
    }
    None
}

fn announced(job: &Value) -> Option<Verdict> {
    let conditions = job
        .pointer("/status/conditions")
        .and_then(Value::as_array)?;
    let found = conditions
        .iter()
        .find(|one| one["type"] == "SuccessCriteriaMet" || one["type"] == "FailureTarget")?;
    Some(Verdict {
        is_success: found["type"] == "SuccessCriteriaMet",
        reason: str_at(found, "/reason").to_owned(),
        message: str_at(found, "/message").to_owned(),
    })
}

/// The second write, once no pod runs any more.
fn conclude(
    sandbox: &Sandbox,
    job: &Object,
    tally: &Tally,
    failed: usize,
    verdict: Verdict,
    now: Timestamp,
) {
    if !tally.active.is_empty() {
        return;
    }
    let mut conditions = job["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    conditions.push(verdict.condition(verdict.conclusion(), now));
    write(
        sandbox,
        job,
        tally,
        failed,
        &conditions,
        now,
        Some(verdict.is_success),
    );
    let (severity, reason) = if verdict.is_success {
        (Severity::Normal, "Completed")
    } else {
        (Severity::Warning, verdict.reason.as_str())
    };
    let message = if verdict.is_success {
        "Job completed"
    } else {
        verdict.message.as_str()
    };
    events::record(sandbox, job, "job-controller", severity, reason, message);
}

fn start_pods(sandbox: &Sandbox, job: &Object, tally: &Tally, failed: usize, now: Timestamp) {
    let completions = number(job, "/spec/completions").unwrap_or(1);
    let parallelism = number(job, "/spec/parallelism").unwrap_or(1);
    let wanted = parallelism.min(completions.saturating_sub(tally.succeeded));
    if tally.active.len() >= wanted || is_backing_off(tally, failed, now) {
        return;
    }
    for _ in tally.active.len()..wanted {
        if !owner::make_pod(sandbox, job, "job-controller") {
            return;
        }
    }
}

/// After a failure the next pod waits 10 s, then 20 s, doubling up to six minutes.
fn is_backing_off(tally: &Tally, failed: usize, now: Timestamp) -> bool {
    let Some(last) = tally.last_failure else {
        return false;
    };
    let doublings = u32::try_from(failed.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(6);
    let wait = (10_i64 << doublings).min(360);
    last.saturating_add(SignedDuration::from_secs(wait))
        .is_ok_and(|until| now < until)
}

fn write(
    sandbox: &Sandbox,
    job: &Object,
    tally: &Tally,
    failed: usize,
    conditions: &[Value],
    now: Timestamp,
    ended: Option<bool>,
) {
    let written = sandbox
        .store()
        .modify(&kinds::JOB, namespace_of(job), name_of(job), |object| {
            let started = object["status"]["startTime"].clone();
            let mut status = json!({
                "ready": tally.ready, "terminating": 0, "uncountedTerminatedPods": {},
                "startTime": if started.is_null() { clock::seconds(now).into() } else { started },
            });
            for (field, number) in [
                ("active", tally.active.len()),
                ("succeeded", tally.succeeded),
                ("failed", failed),
            ] {
                if number > 0 {
                    status[field] = number.into();
                }
            }
            if ended == Some(true) {
                status["completionTime"] = clock::seconds(now).into();
            }
            if !conditions.is_empty() {
                status["conditions"] = conditions.into();
            }
            object["status"] = status;
            Ok(())
        });
    note("job status", written);
}

/// Deletes a Job whose time after its end is over.
fn expire(sandbox: &Sandbox, job: &Object) {
    let Some(limit) = job
        .pointer("/spec/ttlSecondsAfterFinished")
        .and_then(Value::as_i64)
    else {
        return;
    };
    let mut conditions = job
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let ended = conditions.find(|one| one["type"] == "Complete" || one["type"] == "Failed");
    let ended = ended.and_then(|one| str_at(one, "/lastTransitionTime").parse::<Timestamp>().ok());
    if ended.is_some_and(|ended| sandbox.clock().now().as_second() - ended.as_second() >= limit) {
        note(
            "expired job",
            sandbox.store().delete(
                &kinds::JOB,
                namespace_of(job),
                name_of(job),
                &Deletion::default(),
            ),
        );
    }
}
