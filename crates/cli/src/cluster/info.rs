//! `longshore cluster info`: kubeconfig, release, token.

use std::fmt::Write as _;
use std::time::Duration;

use cluster::info::gather;
use cluster::release::{AccountSource, Release};
use cluster::target::Target;
use cluster::token::Token;
use serde_json::{Value, json};

use super::limits::{Asking, LimitArgs};
use super::reach::{self, ClusterArgs};
use crate::errors;
use crate::output::{Outcome, Style, printable};
use crate::run::{Context, Done};

/// Arguments of `cluster info`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Service account that ingests [default: what the release says]
    #[arg(long, value_name = "NAME")]
    ingestor_sa: Option<String>,

    /// How long the token is to hold that shows whether one can be had; servers give no less than 600 s
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    token_expiry_seconds: u32,

    #[command(flatten)]
    limits: LimitArgs<Asking>,
}

/// Tells what is found. What was found before a failure is told all the same.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let target = reach::target(&args.cluster, context)?;
    let style = context.output.style();
    let mut text = configuration(&target, style);
    let outcome = |text: String| Outcome::done(text).with("kubeconfig", reach::member(&target));
    let lifetime = Duration::from_secs(args.token_expiry_seconds.into());
    let account = args.ingestor_sa.clone();
    let found = reach::look(
        target.clone(),
        &args.limits.limits,
        context,
        |connection| async move { gather(&connection, account.as_deref(), lifetime).await },
    );
    let info = match found {
        Ok(info) => info,
        Err(failure) => {
            return Ok(outcome(text)
                .with("release", Value::Null)
                .with("token", Value::Null)
                .but(failure));
        }
    };
    let release = match &info.release {
        Ok(release) => release,
        Err(error) => {
            let failure = errors::release(error);
            return Ok(outcome(text)
                .with("release", Value::Null)
                .with("token", Value::Null)
                .but(failure));
        }
    };
    text.push_str(&release_block(release, style));
    let outcome = |text| outcome(text).with("release", release_member(release));
    Ok(match info.token {
        Some(Ok(token)) => {
            text.push_str(&token_block(&token, style));
            outcome(text).with("token", token_member(&token))
        }
        Some(Err(error)) => outcome(text)
            .with("token", Value::Null)
            .but(errors::token(&error)),
        None => outcome(text).with("token", Value::Null),
    })
}

fn block(title: &str, lines: &[(&str, String)], style: Style) -> String {
    let mut text = format!("{}\n", style.strong(&format!("{title}:")));
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "  {:<14} {}", format!("{name}:"), printable(value));
    }
    text
}

fn configuration(target: &Target, style: Style) -> String {
    let context = target.context.clone();
    let mut lines = vec![
        (
            "context",
            context.unwrap_or_else(|| "(the pod's own account)".to_owned()),
        ),
        ("server", target.server.clone()),
        ("namespace", target.namespace.clone()),
    ];
    if let Some(proxy) = &target.proxy {
        lines.push(("proxy", proxy.clone()));
    }
    if !target.checks_certificate {
        lines.push((
            "certificate",
            "not checked (insecure-skip-tls-verify)".to_owned(),
        ));
    }
    block("Kubeconfig", &lines, style)
}

fn release_block(release: &Release, style: Style) -> String {
    let account = match release.account.source {
        AccountSource::Usual => " (assumed)",
        AccountSource::Flag | AccountSource::Policy => "",
    };
    let digest = release.ingestor_digest.clone();
    let lines = [
        ("name", release.name.clone()),
        ("namespace", release.namespace.clone()),
        ("chart version", release.chart_version.clone()),
        ("app version", release.app_version.clone()),
        ("jobs-manager", release.url()),
        (
            "ingestor SA",
            format!("{}/{}{account}", release.namespace, release.account.name),
        ),
        (
            "ingestor img",
            digest.unwrap_or_else(|| "(not configured)".to_owned()),
        ),
    ];
    format!("\n{}", block("Parent release", &lines, style))
}

fn token_block(token: &Token, style: Style) -> String {
    let expires = token
        .expires
        .map_or_else(|| "never".to_owned(), |until| until.to_string());
    let lines = [
        ("source", token.source.name().to_owned()),
        ("sha256[:8]", token.fingerprint()),
        ("expires", expires),
    ];
    format!("\n{}", block("Ingestor SA token", &lines, style))
}

fn release_member(release: &Release) -> Value {
    let source = match release.account.source {
        AccountSource::Flag => "flag",
        AccountSource::Policy => "release",
        AccountSource::Usual => "assumed",
    };
    json!({
        "name": release.name, "namespace": release.namespace, "deployment": release.deployment,
        "chart_version": release.chart_version, "app_version": release.app_version,
        "service": release.service.name, "service_url": release.url(), "target_port": release.service.target_port,
        "ingestor_account": release.account.name, "ingestor_account_source": source,
        "ingestor_digest": release.ingestor_digest, "takes_submissions": release.has_http,
    })
}

/// Never the token itself.
fn token_member(token: &Token) -> Value {
    json!({
        "source": token.source.name(),
        "sha256_8": token.fingerprint(),
        "expires": token.expires.map(|until| until.to_string()),
    })
}
