//! What the pod showed, as checks and findings.

use std::sync::Arc;
use std::time::Duration;

use dataset::size::human_bytes;

use super::mirror::{self, BLOCKS, Mirror, MirrorError};
use crate::Connection;
use crate::api::ApiError;
use crate::cause::chain;
use crate::exec::Container;
use crate::preflight::{Report, Rule, of_far, of_stage, of_start};
use crate::stage::{Plan, StageError, StagePod};
use crate::transfer::{Probe, Setup, command, probe};

const START: &str = "stage-pod-start";
const EXEC: &str = "exec";
const VOLUME: &str = "volume-inside";

/// The checks that need a pod.
pub(super) const CHECKS: [&str; 3] = [START, EXEC, VOLUME];

pub(super) fn not_opened(error: &StageError, report: &mut Report) {
    let before = report.findings.len();
    let rule = of_stage(error);
    let mut message = chain(error);
    if let StageError::NotReady { events, .. } | StageError::TooSlow { events, .. } = error {
        for event in events {
            message.push_str(&format!("; {event}"));
        }
    }
    report.find(rule, "pod/stage", message);
    report.end(START, before, "not ready");
    report.skip(&[EXEC, VOLUME], "there is no stage pod");
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

/// What was seen through exec.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The test of exec.
    pub(super) mirror: Option<Mirror>,
    /// The volume from inside.
    pub(super) probe: Option<Probe>,
}

/// Sends 4 MiB there and back, and looks at the volume.
pub(super) async fn look(
    connection: &Arc<Connection>,
    pod: &StagePod,
    setup: &Setup,
    report: &mut Report,
) -> Seen {
    let before = report.findings.len();
    let container = match pod.container(connection).await {
        Ok(container) => container,
        Err(error) => {
            report.find(Rule::Credential, format!("pod/{}", pod.name), chain(&error));
            report.end(EXEC, before, "no credential");
            report.not_checked(VOLUME, "no command can be run in the pod");
            return Seen::default();
        }
    };
    let stall = connection.limits().stall;
    let mirror = mirror(&container, pod, setup, stall, report).await;
    if mirror.is_none() {
        report.not_checked(VOLUME, "no command can be run in the pod");
        return Seen::default();
    }
    Seen {
        mirror,
        probe: volume(&container, pod, setup, report).await,
    }
}

/// Looks at programs, room, and whether the volume can be written to.
async fn volume(
    container: &Container,
    pod: &StagePod,
    setup: &Setup,
    report: &mut Report,
) -> Option<Probe> {
    let before = report.findings.len();
    let place = format!("pod/{}", pod.name);
    match probe(container, setup).await {
        Ok(seen) => {
            for finding in &seen.findings {
                report.find(of_far(finding), place.clone(), finding.to_string());
            }
            report.end(VOLUME, before, room(&seen));
            Some(seen)
        }
        Err(error) => {
            report.find(of_far(&error), place, chain(&error));
            report.end(VOLUME, before, "not seen");
            None
        }
    }
}

fn room(seen: &Probe) -> String {
    let bytes = seen
        .free_bytes
        .map_or_else(|| "unknown".to_owned(), human_bytes);
    let inodes = match seen.free_inodes {
        Some(count) => format!("{count} inodes"),
        None => "inodes not counted".to_owned(),
    };
    let compression = match seen.compressors.is_empty() {
        true => "no program for compression".to_owned(),
        false => format!("has {}", seen.compressors.join(", ")),
    };
    format!("{bytes} free, {inodes}, {compression}")
}

async fn mirror(
    container: &Container,
    pod: &StagePod,
    setup: &Setup,
    stall: Duration,
    report: &mut Report,
) -> Option<Mirror> {
    let before = report.findings.len();
    let seed = u64::from_str_radix(&setup.run, 16).unwrap_or(1);
    let done = mirror::run(container, command::mirror(setup, BLOCKS), seed, stall).await;
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
                MirrorError::Start(error) => of_start(error),
                MirrorError::Stalled(_) | MirrorError::Ended(_) => Rule::ExecBroken,
                MirrorError::Garbled(_) => Rule::ExecGarbled,
            };
            report.find(rule, place, chain(&error));
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
