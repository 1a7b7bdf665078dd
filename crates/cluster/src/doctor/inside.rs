//! What the pod showed, as checks and findings.

use std::sync::Arc;
use std::time::Duration;

use super::mirror::{self, BLOCKS, Mirror, MirrorError};
use crate::Connection;
use crate::api::ApiError;
use crate::cause::chain;
use crate::preflight::{Report, Rule, of_transport};
use crate::stage::{Cause, Gate, Plan, StageError, StagePod};
use crate::transfer::{Setup, command};

const START: &str = "stage-pod-start";
const EXEC: &str = "exec";

/// The checks that need a pod.
pub(super) const CHECKS: [&str; 2] = [START, EXEC];

pub(super) fn not_opened(error: &StageError, report: &mut Report) {
    let before = report.findings.len();
    let rule = match error {
        StageError::NotReady { cause, .. } => match cause {
            Cause::Pull { .. } => Rule::Image,
            Cause::Architecture { .. } => Rule::Architecture,
            _ => Rule::NotReady,
        },
        StageError::Refused { gate, .. } => match gate {
            Gate::Quota => Rule::Quota,
            Gate::PodSecurity => Rule::PodSecurity,
            Gate::Policy => Rule::Policy,
            Gate::Other => Rule::Admission,
        },
        StageError::Api(error) => of_transport(&error.refusal).unwrap_or(Rule::Refused),
        StageError::TooSlow { .. } | StageError::Stopped | StageError::NoRandomness(_) => {
            Rule::NotReady
        }
    };
    let mut message = chain(error);
    if let StageError::NotReady { events, .. } | StageError::TooSlow { events, .. } = error {
        for event in events {
            message.push_str(&format!("; {event}"));
        }
    }
    report.find(rule, "pod/stage", message);
    report.end(START, before, "not ready");
    report.not_checked(EXEC, "there is no stage pod");
}

pub(super) fn opened(pod: &StagePod, plan: &Plan, ready_after: Duration, report: &mut Report) {
    let before = report.findings.len();
    let wanted = plan.pulls.first().map(|pull| pull.image.as_str());
    if wanted != Some(pod.image.as_str()) {
        let message = format!(
            "the image {} could not be had or does not run; {}, which is on the node already, stands in for it",
            wanted.unwrap_or_default(),
            pod.image
        );
        report.find(Rule::OtherImage, format!("pod/{}", pod.name), message);
    }
    let node = pod.node.as_deref().unwrap_or("an unknown node");
    let said = format!("ready on {node} after {:.1} s", ready_after.as_secs_f64());
    report.end(START, before, said);
}

/// Sends 4 MiB there and back.
pub(super) async fn mirror(
    connection: &Arc<Connection>,
    pod: &StagePod,
    setup: &Setup,
    report: &mut Report,
) -> Option<Mirror> {
    let before = report.findings.len();
    let seed = u64::from_str_radix(&setup.run, 16).unwrap_or(1);
    let done = match pod.container(connection).await {
        Ok(container) => {
            let stall = connection.limits().stall;
            mirror::run(&container, command::mirror(setup, BLOCKS), seed, stall).await
        }
        Err(error) => Err(MirrorError::Start(chain(&error))),
    };
    let place = format!("pod/{}", pod.name);
    match done {
        Ok(mirror) => {
            let rate = |time: Duration| mirror.bytes as f64 / time.as_secs_f64().max(1e-3) / 1e6;
            let said = format!(
                "4 MiB there, hashed, and back: {:.0} MB/s, {:.0} MB/s",
                rate(mirror.there),
                rate(mirror.back)
            );
            report.end(EXEC, before, said);
            Some(mirror)
        }
        Err(error) => {
            let rule = match &error {
                MirrorError::Start(_) => Rule::ExecRefused,
                MirrorError::Stalled(_) | MirrorError::Ended(_) => Rule::ExecBroken,
                MirrorError::Garbled(_) => Rule::ExecGarbled,
            };
            report.find(rule, place, error.to_string());
            report.end(EXEC, before, "4 MiB there, hashed, and back");
            None
        }
    }
}

pub(super) fn not_closed(pod: &StagePod, error: &ApiError, report: &mut Report) {
    let message = format!(
        "the stage pod could not be deleted and ends by itself within 1,800 s: {}",
        chain(error)
    );
    report.find(Rule::LeftBehind, format!("pod/{}", pod.name), message);
}
