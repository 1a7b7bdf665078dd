//! Runs, what happens to them, and what they counted, in words and as JSON.

use std::fmt::Write as _;

use cluster::journal::{Run, RunState};
use cluster::watch::{Event, Outcome as RunOutcome, Report, Summary};
use serde_json::{Value, json};

use crate::output::{self, Outcome, Output, Style, printable};

/// The word for a state, in both forms.
pub(crate) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Submitting => "submitting",
        RunState::Running => "running",
        RunState::Succeeded => "succeeded",
        RunState::CompletedWithFailures => "completed_with_failures",
        RunState::Failed => "failed",
        RunState::Ended => "ended",
        RunState::Refused => "refused",
        RunState::Gone => "gone",
    }
}

/// A run as a member of the result.
pub(crate) fn run_member(run: &Run) -> Value {
    json!({
        "key": run.key, "table": run.table, "server": run.server, "context": run.context, "namespace": run.namespace,
        "job_name": run.job, "attempt": run.attempt, "submitted_at": run.submitted_at.to_string(), "state": state(run.state),
    })
}

/// Shows what happens while a run is watched.
pub(crate) fn event(event: &Event, output: &Output) {
    let note = output::Event::note;
    let shown = match event {
        Event::Line(line) => return output.log_note(line),
        Event::Waiting {
            pod,
            reason,
            message,
        } => note("run_waiting")
            .with("pod", pod.as_str())
            .with("reason", reason.as_str())
            .with("message", message.as_str()),
        Event::Following { pod } => note("run_log").with("pod", pod.as_str()),
        Event::LogBroken(_) => return,
        Event::LogForbidden(reason) => {
            output::Event::warning("run_log_forbidden").with("reason", reason.as_str())
        }
        Event::PodFailed { pod, detail } => output::Event::warning("run_pod_failed")
            .with("pod", pod.as_str())
            .with("reason", detail.as_str()),
        Event::Unreachable(reason) => {
            output::Event::warning("server_unreachable").with("reason", reason.as_str())
        }
    };
    output.event(&shown);
}

/// The word for what came of a run.
pub(crate) fn status(outcome: &RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::CompletedWithFailures => "completed_with_failures",
        RunOutcome::Failed { .. } => "failed",
        RunOutcome::Detached(_) => "detached",
    }
}

/// Tells what came of a run; the caller adds the error, if it is one.
pub(crate) fn report(report: &Report, style: Style) -> Outcome {
    let text = match (&report.outcome, &report.summary) {
        (RunOutcome::Detached(_), _) => "The run goes on.\n".to_owned(),
        (_, Some(summary)) => panel(summary, style),
        (RunOutcome::Succeeded, None) if report.is_log_whole => {
            "The run has succeeded; its log has no summary.\n".to_owned()
        }
        (RunOutcome::Succeeded, None) => {
            "The run has succeeded; its log could not be read for a summary.\n".to_owned()
        }
        _ => String::new(),
    };
    let summary = match (&report.outcome, &report.summary) {
        (RunOutcome::Detached(_), _) | (_, None) => Value::Null,
        (_, Some(summary)) => summary_member(summary),
    };
    Outcome::done(text)
        .with("status", status(&report.outcome))
        .with("summary", summary)
        .with("log_read", report.is_log_whole)
        .with("pod", report.pod.clone())
}

/// What a run counted, as a member of the result.
pub(crate) fn summary_member(summary: &Summary) -> Value {
    json!({
        "ingestor_id": summary.ingestor_id, "destination_table": summary.destination_table,
        "total_records": summary.total_records, "processed_records": summary.processed_records,
        "inserted_records": summary.inserted_records, "sent_to_api": summary.sent_to_api,
        "skipped_records": summary.skipped_records, "file_transfer_failures": summary.file_transfer_failures,
        "db_insert_failures": summary.db_insert_failures, "success_rate": summary.success_rate(),
        "complete": summary.is_whole,
    })
}

fn panel(summary: &Summary, style: Style) -> String {
    let mut text = format!("{}\n", style.strong("Ingestion summary"));
    let mut row = |label: &str, value: &str| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "  {label:<24}{}", printable(value));
    };
    if let Some(id) = &summary.ingestor_id {
        row("Ingestor ID:", id);
    }
    if let Some(table) = &summary.destination_table {
        row("Table:", table);
    }
    for (label, count) in [
        ("Total records:", summary.total_records),
        ("Inserted:", summary.inserted_records),
        ("Sent to API:", summary.sent_to_api),
        ("Skipped:", summary.skipped_records),
        ("File transfer failures:", summary.file_transfer_failures),
        ("DB-insert failures:", summary.db_insert_failures),
    ] {
        row(label, &count.to_string());
    }
    row("Success rate:", &format!("{:.1}%", summary.success_rate()));
    if !summary.is_whole {
        row("Note:", "the log ended inside of the summary");
    }
    text
}
