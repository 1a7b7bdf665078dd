//! What a push came to, in words and as members of the result.

use std::fmt::Write as _;
use std::time::Duration;

use cluster::limits::Limits;
use cluster::preflight::ON_THE_VOLUME;
use cluster::push::{PushError, Pushed, Site};
use cluster::transfer::Probe;
use cluster::watch::{self, Detach, Summary};
use dataset::ingest::Intent;
use dataset::size::{amount, human_bytes};
use serde_json::{Map, Value, json};

use super::super::local::Checked;
use super::show::Show;
use crate::errors;
use crate::failure::Failure;
use crate::output::{Outcome, printable};
use crate::runs::tell;

/// The dataset, in the members that every result of a push has.
pub(super) fn of_dataset(checked: &Checked) -> Map<String, Value> {
    let report = &checked.report;
    let intent = report.settings.as_ref().and_then(|it| it.intent);
    let summary = report.summary.as_ref();
    let members = json!({
        "status": "error",
        "path": checked.settled.path,
        "table": checked.settled.table,
        "task": checked.settled.task,
        "intent": intent.map(Intent::name),
        "files": summary.map(|summary| summary.files),
        "bytes": summary.map(|summary| summary.bytes),
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The outcome of a dry run, which found nothing that stands in the way.
pub(super) fn looked(outcome: Outcome, probe: Option<&Probe>) -> Outcome {
    let mut text = "Nothing stands in the way of this push; nothing was changed.\n".to_owned();
    let mut not_checked = Vec::new();
    match probe {
        None => {
            not_checked = ON_THE_VOLUME.to_vec();
            for what in &not_checked {
                line(&mut text, "not checked", what);
            }
        }
        Some(probe) => {
            if let Some(bytes) = probe.free_bytes {
                line(&mut text, "free space", &human_bytes(bytes));
            }
            if let Some(inodes) = probe.free_inodes {
                line(&mut text, "free inodes", &inodes.to_string());
            }
            if let Some(holder) = &probe.held {
                line(&mut text, "lock", &format!("held by {holder}"));
            }
            for name in &probe.leftovers {
                line(&mut text, "leftover", name);
            }
            let compressors = match probe.compressors.is_empty() {
                true => "no program for it".to_owned(),
                false => format!("has {}", probe.compressors.join(", ")),
            };
            line(&mut text, "compression", &compressors);
        }
    }
    let volume = probe.map(|probe| {
        json!({
            "free_bytes": probe.free_bytes,
            "free_inodes": probe.free_inodes,
            "held_by": probe.held,
            "leftovers": probe.leftovers,
            "compressors": probe.compressors,
        })
    });
    Outcome { text, ..outcome }
        .with("status", "dry-run")
        .with("not_checked", not_checked)
        .with("volume", volume)
}

/// The outcome of a run that was accepted, and perhaps watched.
pub(super) fn pushed(outcome: Outcome, site: &Site, pushed: &Pushed, time: Duration) -> Outcome {
    let text = in_words(site, pushed);
    let receipt = &pushed.receipt;
    let report = pushed.report.as_ref();
    let summary = report.and_then(|report| report.summary.as_ref());
    let outcome = Outcome { text, ..outcome }
        .with(
            "status",
            report.map_or("detached", |report| tell::status(&report.outcome)),
        )
        .with("namespace", pushed.job.namespace.as_str())
        .with("job_name", pushed.job.job.as_str())
        .with("replay", pushed.job.is_replay)
        .with("idempotency_key", pushed.key.as_str())
        .with("sent_bytes", receipt.sent_bytes)
        .with("sessions", receipt.sessions)
        .with("manifest_sha256", receipt.manifest_sha256.as_str())
        .with("reclaimed", pushed.is_reclaimed)
        .with("seconds", time.as_secs_f64())
        .with("detached", detached(pushed))
        .with("summary", summary.map(tell::summary_member));
    match failure(pushed) {
        Some(failure) => outcome.but(failure),
        None => outcome,
    }
}

/// What is known of a push that ended in an error.
pub(super) fn failed(outcome: Outcome, error: &PushError, show: &Show<'_>) -> Outcome {
    let memory = show.memory();
    let status = match error {
        PushError::Submit(_) | PushError::StoppedSubmitting { .. } => "submit_error",
        PushError::Watch { .. } => "watch_error",
        _ => "error",
    };
    let (namespace, job) = memory.job.unzip();
    outcome
        .with("status", status)
        .with("namespace", namespace)
        .with("job_name", job)
        .with("idempotency_key", memory.key)
}

/// Why nobody watches.
fn detached(pushed: &Pushed) -> Option<&'static str> {
    match pushed.report.as_ref().map(|report| &report.outcome) {
        None => Some("requested"),
        Some(watch::Outcome::Detached(Detach::Asked)) => Some("signal"),
        Some(watch::Outcome::Detached(Detach::NotStarted)) => Some("not-started"),
        Some(watch::Outcome::Detached(Detach::TooLong)) => Some("too-long"),
        Some(_) => None,
    }
}

/// What is wrong with the run. One that nobody watches any more was delivered all the same.
fn failure(pushed: &Pushed) -> Option<Failure> {
    let outcome = &pushed.report.as_ref()?.outcome;
    let job = watch::Target {
        namespace: pushed.job.namespace.clone(),
        job: pushed.job.job.clone(),
    };
    match outcome {
        watch::Outcome::Detached(_) => None,
        ended => errors::run_outcome(ended, &Limits::default(), &job),
    }
}

fn in_words(site: &Site, pushed: &Pushed) -> String {
    let mut text = String::new();
    let receipt = &pushed.receipt;
    let files = format!(
        "{}, {}, each read back in the cluster with its digest",
        amount(receipt.files, "file"),
        human_bytes(receipt.bytes)
    );
    line(&mut text, "delivered", &files);
    line(
        &mut text,
        "release",
        &format!("{} in {}", site.release.name, site.release.namespace),
    );
    line(
        &mut text,
        "manifest",
        &format!("sha256:{}", receipt.manifest_sha256),
    );
    line(&mut text, "key", pushed.key.as_str());
    let job = format!("{}/{}", pushed.job.namespace, pushed.job.job);
    line(&mut text, "job", &job);
    let Some(report) = &pushed.report else {
        line(&mut text, "run", "accepted and not watched; it goes on");
        line(
            &mut text,
            "follow it",
            &format!("longshore run wait {}", pushed.key),
        );
        return text;
    };
    match &report.outcome {
        watch::Outcome::Succeeded => line(&mut text, "run", "complete"),
        watch::Outcome::CompletedWithFailures => line(&mut text, "run", "complete, with failures"),
        watch::Outcome::Failed { reason, .. } => {
            line(&mut text, "run", &format!("failed: {reason}"))
        }
        watch::Outcome::Detached(why) => {
            line(&mut text, "run", in_words_detached(*why));
            line(
                &mut text,
                "follow it",
                &format!("longshore run wait {}", pushed.key),
            );
        }
    }
    match &report.summary {
        Some(summary) => summary_lines(summary, &mut text),
        None if report.outcome == watch::Outcome::Succeeded => {
            line(
                &mut text,
                "summary",
                "the ingestor told none, so rows are not known",
            );
        }
        None => {}
    }
    match pushed.is_reclaimed {
        Some(true) => line(&mut text, "staged copy", "gone"),
        Some(false) => line(
            &mut text,
            "staged copy",
            "still there; the next push of this table replaces it",
        ),
        None if report.outcome == watch::Outcome::Succeeded => {
            line(&mut text, "staged copy", "another run has it by now");
        }
        None => {}
    }
    text
}

fn in_words_detached(why: Detach) -> &'static str {
    match why {
        Detach::Asked => "not watched any more; it goes on",
        Detach::NotStarted => {
            "not started yet, usually an image that is pulled or a busy cluster; it is queued"
        }
        Detach::TooLong => "still going on after the time for watching (--watch-timeout)",
    }
}

fn line(text: &mut String, what: &str, says: &str) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{what:<12} {}", printable(says));
}

fn summary_lines(summary: &Summary, text: &mut String) {
    let rows = format!(
        "{} of {} in the table ({:.1} %)",
        summary.inserted_records,
        amount(summary.total_records, "row"),
        summary.success_rate()
    );
    line(text, "rows", &rows);
    if let Some(table) = &summary.destination_table {
        line(text, "table", table);
    }
    for (what, count) in [
        ("skipped", summary.skipped_records),
        ("not copied", summary.file_transfer_failures),
        ("not loaded", summary.db_insert_failures),
    ] {
        if count > 0 {
            line(text, what, &count.to_string());
        }
    }
    if !summary.is_whole {
        line(text, "summary", "cut off; the counts are not all there");
    }
}
