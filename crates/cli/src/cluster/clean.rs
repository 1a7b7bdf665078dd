//! `longshore cluster clean`: what dead runs have left.

use std::fmt::Write as _;
use std::sync::Arc;

use cluster::Connection;
use cluster::clean::{self, Cleaned, KEPT, Mode};
use cluster::release;
use cluster::runtime::unless_stopped;
use cluster::stage::{Orphan, RunId, Said, Verdict};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::limits::{LimitArgs, Staging};
use super::reach::{self, ClusterArgs};
use crate::errors;
use crate::output::{Event, Outcome, printable};
use crate::run::{Context, Done};

/// Arguments of `cluster clean`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Only say which stage pods would be removed; the volume is not looked at, because that takes a pod
    #[arg(long)]
    dry_run: bool,

    /// Leave the volume alone, and make no pod for it
    #[arg(long)]
    pods_only: bool,

    /// Service account of the pod that cleans the volume [default: the one that ingests, as the release says]
    #[arg(long, value_name = "NAME")]
    ingestor_sa: Option<String>,

    /// Image of the pod that cleans the volume [default: a small one with a shell, pinned by its digest]
    #[arg(long, value_name = "IMAGE")]
    stage_pod_image: Option<String>,

    #[command(flatten)]
    limits: LimitArgs<Staging>,
}

/// Removes what can be removed and tells what is left.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let target = reach::target(&args.cluster, context)?;
    let mode = match args.dry_run {
        true => Mode::Look,
        false => Mode::Remove,
    };
    let run = RunId::draw().map_err(|error| errors::randomness(&error))?;
    let owner = context.environment.owner(run);
    let takes_volume = !args.dry_run && !args.pods_only;
    let (account, image) = (args.ingestor_sa.clone(), args.stage_pod_image.clone());
    let work = |connection: Arc<Connection>, stop: CancellationToken| async move {
        let looking = async {
            let found = release::find(&connection, account.as_deref()).await;
            let release = found.map_err(|error| errors::release(&error))?;
            let cleaned = clean::pods(&connection, &release.namespace, mode).await;
            let cleaned = cleaned.map_err(|error| errors::api(&error))?;
            Ok((release, cleaned))
        };
        let Some(looked) = unless_stopped(&stop, looking).await else {
            return Err(context.signals.failure());
        };
        let (release, cleaned) = looked?;
        if !takes_volume {
            return Ok((release, cleaned, None));
        }
        let said = |said: Said<'_>| tell(said, context);
        let tables = clean::volume(&connection, &release, owner, image, KEPT, &stop, &said).await;
        let tables = tables.map_err(|error| errors::clean(&error, &context.signals))?;
        Ok((release, cleaned, Some(tables)))
    };
    let (release, cleaned, tables) = reach::within(target, &args.limits.limits, context, work)??;
    let namespace = release.namespace;
    let pods: Vec<Value> = cleaned
        .pods
        .pods
        .iter()
        .map(|pod| member(pod, &cleaned))
        .collect();
    let mut text = summary(&namespace, &cleaned, mode);
    text.push_str(&volume(tables.as_deref()));
    Ok(Outcome::done(text)
        .with("namespace", namespace)
        .with("tables", tables)
        .with("dry_run", args.dry_run)
        .with("pods", pods))
}

/// What happens to the pod, while it does.
fn tell(said: Said<'_>, context: &Context) {
    match said {
        Said::Removed { .. } | Said::Created { .. } => {
            context.progress.phase("making the stage pod", None)
        }
        Said::Waiting { .. } => context.progress.phase("waiting for the stage pod", None),
        Said::NextImage { image, next, .. } => context.output.event(
            &Event::note("stage.other-image")
                .with("image", image)
                .with("next", next),
        ),
        Said::LeftBehind { pod, error } => context.output.event(
            &Event::warning("stage.left-behind")
                .with("pod", pod)
                .with("message", error.to_string()),
        ),
    }
}

/// Tells what was removed from the volume; nothing when it was not looked at.
fn volume(tables: Option<&[String]>) -> String {
    match tables {
        None => "The volume was not looked at.\n".to_owned(),
        Some([]) => "Nothing old is staged on the volume.\n".to_owned(),
        Some(tables) => tables
            .iter()
            .map(|table| format!("removed   what was staged of {}\n", printable(table)))
            .collect(),
    }
}

fn member(pod: &Orphan, cleaned: &Cleaned) -> Value {
    json!({
        "name": pod.name, "phase": pod.phase, "age": pod.age, "table": pod.table, "run": pod.run, "owner": pod.owner,
        "verdict": verdict(pod.verdict), "removed": cleaned.removed.contains(&pod.name),
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Removable => "over",
        Verdict::Foreign => "foreign",
        Verdict::InUse => "in_use",
    }
}

fn summary(namespace: &str, cleaned: &Cleaned, mode: Mode) -> String {
    let mut text = String::new();
    for pod in &cleaned.pods.pods {
        let word = match (pod.verdict, mode) {
            (Verdict::Removable, Mode::Remove) => "removed",
            (Verdict::Removable, Mode::Look) => "would go",
            (Verdict::Foreign, _) => "foreign",
            (Verdict::InUse, _) => "in use",
        };
        let owner = pod.owner.as_deref().unwrap_or("unknown");
        let line = format!("{} ({}, {} old, by {owner})", pod.name, pod.phase, pod.age);
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{word:<9} {}", printable(&line));
    }
    let foreign: Vec<&str> = cleaned
        .pods
        .pods
        .iter()
        .filter(|pod| pod.verdict == Verdict::Foreign)
        .map(|pod| pod.name.as_str())
        .collect();
    if !foreign.is_empty() {
        let names = foreign.join(" ");
        let _infallible = writeln!(
            text,
            "If nobody uses them: kubectl delete pod -n {namespace} {names}"
        );
    }
    match cleaned.pods.pods.is_empty() {
        true => format!("No stage pods in namespace {namespace}.\n"),
        false => text,
    }
}
