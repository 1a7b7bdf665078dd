//! `longshore cluster clean`: what dead runs have left.

use std::fmt::Write as _;

use cluster::clean::{self, Cleaned, Mode};
use cluster::release;
use cluster::stage::{Orphan, Verdict};
use serde_json::{Value, json};

use super::limits::{LimitArgs, Staging};
use super::reach::{self, ClusterArgs};
use crate::errors;
use crate::output::{Outcome, printable};
use crate::run::{Context, Done};

/// Arguments of `cluster clean`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,

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
    let done = reach::look(
        target,
        &args.limits.limits,
        context,
        |connection| async move {
            let release = release::find(&connection, None)
                .await
                .map_err(|error| errors::release(&error))?;
            let cleaned = clean::pods(&connection, &release.namespace, mode).await;
            let cleaned = cleaned.map_err(|error| errors::api(&error))?;
            Ok((release.namespace, cleaned))
        },
    )?;
    let (namespace, cleaned) = done?;
    let pods: Vec<Value> = cleaned
        .pods
        .pods
        .iter()
        .map(|pod| member(pod, &cleaned))
        .collect();
    Ok(Outcome::done(summary(&namespace, &cleaned, mode))
        .with("namespace", namespace)
        .with("dry_run", args.dry_run)
        .with("pods", pods))
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
