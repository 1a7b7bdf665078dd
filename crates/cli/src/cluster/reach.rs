//! Which cluster, and the way there.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{OsStringValueParser, TypedValueParser};
use cluster::Connection;
use cluster::limits::Limits;
use cluster::runtime::{self, unless_stopped};
use cluster::target::{Choice, NamespaceSource, Target, load};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::errors;
use crate::failure::Failure;
use crate::home;
use crate::run::Context;

/// Options that name a cluster.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ClusterArgs {
    /// Read only this kubeconfig [default: those of `KUBECONFIG`, else `~/.kube/config`]
    #[arg(long, value_name = "FILE", value_parser = path(), help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Use this context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,

    /// Namespace of the release [default: the context's]
    #[arg(long, short, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) namespace: Option<String>,
}

/// Takes an empty path too, which counts as not given.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Finds the target that the options and the environment name.
pub(crate) fn target(args: &ClusterArgs, context: &Context) -> Result<Target, Failure> {
    let home = context.environment.home.as_deref();
    let kubeconfig = args.kubeconfig.as_ref();
    let choice = Choice {
        kubeconfig: kubeconfig.map(|path| home::expand(path, home)),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
    };
    load(&choice, &context.environment.cluster).map_err(|error| errors::target(&error))
}

/// Connects and runs something that a signal may drop at any time, because it changes nothing.
pub(crate) fn look<T, F>(
    target: Target,
    limits: &Limits,
    context: &Context,
    work: impl FnOnce(Arc<Connection>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = T>,
{
    let looked = within(target, limits, context, |connection, stop| async move {
        unless_stopped(&stop, work(connection)).await
    })?;
    looked.ok_or_else(|| context.signals.failure())
}

/// Connects and runs something that is told when a signal came, and then cleans up.
pub(crate) fn within<T, F>(
    target: Target,
    limits: &Limits,
    context: &Context,
    work: impl FnOnce(Arc<Connection>, CancellationToken) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = T>,
{
    let signals = context.signals.clone();
    let limits = limits.clone();
    let ran = runtime::run(
        move || signals.stop(),
        |stop| async move {
            let opening = Connection::open(target, limits);
            match unless_stopped(&stop, opening).await {
                None => Err(None),
                Some(Err(error)) => Err(Some(error)),
                Some(Ok(connection)) => Ok(work(Arc::new(connection), stop).await),
            }
        },
    );
    match ran.map_err(|error| errors::runtime(&error))? {
        Ok(value) => Ok(value),
        Err(Some(error)) => Err(errors::target(&error)),
        Err(None) => Err(context.signals.failure()),
    }
}

/// The target as a member of the result.
pub(crate) fn member(target: &Target) -> Value {
    json!({
        "context": target.context,
        "server": target.server,
        "proxy": target.proxy,
        "certificate_checked": target.checks_certificate,
        "namespace": target.namespace,
        "namespace_source": source(target.namespace_source),
    })
}

fn source(source: NamespaceSource) -> &'static str {
    match source {
        NamespaceSource::Flag => "flag",
        NamespaceSource::Context => "context",
        NamespaceSource::Default => "default",
    }
}
