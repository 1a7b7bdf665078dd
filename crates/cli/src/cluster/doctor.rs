//! `longshore cluster doctor`: every check that comes before a push.

use std::fmt::Write as _;

use cluster::doctor::{self, Examination, Inside};
use cluster::preflight::{self, Check, ON_THE_VOLUME, Outcome as Checked, Report, Severity};
use cluster::stage::{RunId, Said};
use cluster::token;
use serde_json::{Value, json};

use super::findings;
use super::limits::{LimitArgs, Staging};
use super::reach::{self, ClusterArgs};
use crate::errors;
use crate::output::{Outcome, Style, printable};
use crate::run::{Context, Done};

/// Arguments of `cluster doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Service account that ingests [default: what the release says]
    #[arg(long, value_name = "NAME")]
    ingestor_sa: Option<String>,

    /// Image of the stage pod [default: a small one with a shell, pinned by its digest]
    #[arg(long, value_name = "IMAGE")]
    stage_pod_image: Option<String>,

    /// Make no pod, and so no test from inside of one
    #[arg(long)]
    no_pod: bool,

    #[command(flatten)]
    limits: LimitArgs<Staging>,
}

/// Checks and tells everything together.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let target = reach::target(&args.cluster, context)?;
    let member = reach::member(&target);
    let run = RunId::draw().map_err(|error| errors::randomness(&error))?;
    let owner = context.environment.owner(run);
    let request = preflight::Request {
        account: args.ingestor_sa.clone(),
        stage: doctor::request(owner, args.stage_pod_image.clone()),
        token_lifetime: token::FOR_A_RUN,
    };
    let Examination { report, inside } = match args.no_pod {
        true => Examination {
            report: reach::look(
                target,
                &args.limits.limits,
                context,
                |connection| async move { preflight::run(&connection, &request).await },
            )?,
            inside: None,
        },
        false => reach::within(
            target,
            &args.limits.limits,
            context,
            |connection, stop| async move {
                doctor::examine(&connection, &request, &stop, &|said| {
                    context.progress.phase(words(said), None)
                })
                .await
            },
        )?,
    };
    if context.signals.stop() {
        return Err(context.signals.failure());
    }
    findings::tell(&report, &context.output);
    let outcome = Outcome::done(summary(&report, inside.as_ref(), context.output.style()))
        .with("kubeconfig", member)
        .with("server_version", report.server_version.clone())
        .with(
            "checks",
            report.checks.iter().map(check_member).collect::<Vec<_>>(),
        )
        .with("not_checked", not_checked(inside.as_ref()).to_vec())
        .with("pod", inside.as_ref().map(pod_member))
        .with("errors", report.count(Severity::Error))
        .with("warnings", report.count(Severity::Warning));
    Ok(match findings::failure(&report) {
        Some(failure) => outcome.but(failure),
        None => outcome,
    })
}

fn check_member(check: &Check) -> Value {
    let outcome = match check.outcome {
        Checked::Passed => "ok",
        Checked::Warned => "warning",
        Checked::Failed => "failed",
        Checked::NotChecked => "not_checked",
    };
    json!({"name": check.name, "outcome": outcome, "said": check.said})
}

fn pod_member(inside: &Inside) -> Value {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "image": inside.image, "node": inside.node, "ready_after_ms": millis(inside.ready_after),
        "exec": inside.mirror.map(|mirror| json!({
            "bytes": mirror.bytes, "there_ms": millis(mirror.there), "back_ms": millis(mirror.back),
        })),
        "volume": inside.probe.as_ref().map(|probe| json!({
            "free_bytes": probe.free_bytes, "free_inodes": probe.free_inodes, "compressors": probe.compressors,
        })),
    })
}

/// What happens to the pod, while it does.
fn words(said: Said<'_>) -> &'static str {
    match said {
        Said::Removed { .. } | Said::Created { .. } => "making the stage pod",
        Said::Waiting { .. } => "waiting for the stage pod",
        Said::NextImage { .. } => "trying another image",
        Said::LeftBehind { .. } => "leaving the stage pod behind",
    }
}

/// What nobody has looked at. The doctor has no table, so nothing of one is missing when it saw the volume.
fn not_checked(inside: Option<&Inside>) -> &'static [&'static str] {
    match inside.and_then(|inside| inside.probe.as_ref()) {
        Some(_) => &[],
        None => &ON_THE_VOLUME,
    }
}

fn summary(report: &Report, inside: Option<&Inside>, style: Style) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let word = format!("{:<12}", check.outcome.name());
        let word = match check.outcome {
            Checked::Failed => style.error(&word),
            Checked::Warned => style.warning(&word),
            Checked::Passed | Checked::NotChecked => word,
        };
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{:<15} {word} {}", check.name, printable(&check.said));
    }
    for what in not_checked(inside) {
        let _infallible = writeln!(text, "{:<15} {:<12} {what}", "", "not checked");
    }
    text
}
