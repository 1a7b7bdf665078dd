//! From a kubeconfig to one of its contexts.

use kube::Config;
use kube::config::{AuthInfo, Cluster, Kubeconfig};

use super::plugin::Plugin;
use super::{NamespaceSource, Surroundings, Target, TargetError, authority, proxy};

/// Follows a context to its cluster and user.
pub(super) fn pick(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Target, TargetError> {
    let known = || -> Vec<String> {
        let names = kubeconfig.contexts.iter();
        names.map(|context| context.name.clone()).collect()
    };
    let current = kubeconfig.current_context.as_deref();
    let name = context.or(current.filter(|name| !name.is_empty()));
    let Some(name) = name.map(str::to_owned) else {
        return Err(TargetError::NoContext { known: known() });
    };
    let found = kubeconfig.contexts.iter().find(|named| named.name == name);
    let Some(chosen) = found.and_then(|named| named.context.clone()) else {
        let known = known();
        return Err(TargetError::UnknownContext { name, known });
    };
    let found = kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == chosen.cluster);
    let Some(cluster) = found.and_then(|named| named.cluster.clone()) else {
        return Err(TargetError::UnknownCluster {
            context: name,
            cluster: chosen.cluster,
        });
    };
    let user = user(&kubeconfig, &name, chosen.user.as_deref())?;
    let namespace = chosen.namespace.filter(|namespace| !namespace.is_empty());
    let target = reach(cluster, user, surroundings)?;
    Ok(Target {
        context: Some(name),
        namespace_source: match namespace {
            Some(_) => NamespaceSource::Context,
            None => NamespaceSource::Default,
        },
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        ..target
    })
}

/// A context without a user asks without a name; one that names a user needs it.
fn user(
    kubeconfig: &Kubeconfig,
    context: &str,
    user: Option<&str>,
) -> Result<AuthInfo, TargetError> {
    let Some(user) = user.filter(|user| !user.is_empty()) else {
        return Ok(AuthInfo::default());
    };
    let found = kubeconfig
        .auth_infos
        .iter()
        .find(|named| named.name == user);
    match found {
        Some(named) => Ok(named.auth_info.clone().unwrap_or_default()),
        None => Err(TargetError::UnknownUser {
            context: context.to_owned(),
            user: user.to_owned(),
        }),
    }
}

fn reach(
    cluster: Cluster,
    mut user: AuthInfo,
    surroundings: &Surroundings,
) -> Result<Target, TargetError> {
    let server = cluster.server.clone().unwrap_or_default();
    let mut config = Config::new(url(&server)?);
    config.root_cert = authority::certificates(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.clone();
    let proxy = proxy::choose(&server, cluster.proxy_url.as_deref(), surroundings)?;
    if let Some(proxy) = &proxy {
        let url = proxy.url.parse();
        config.proxy_url = Some(url.map_err(|error| TargetError::BadProxy {
            proxy: proxy.shown.clone(),
            reason: format!("{error}"),
        })?);
    }
    if let Some(provider) = user.auth_provider.as_ref() {
        // The library starts a cloud's own program for others, without a limit of time.
        if provider.name != "oidc" {
            return Err(TargetError::Provider(provider.name.clone()));
        }
    }
    let has_own = user.token.is_some() || user.token_file.is_some() || user.username.is_some();
    let plugin = match user.exec.take() {
        Some(exec) if !has_own => Some(Plugin::of(exec, &cluster, surroundings.has_terminal)?),
        _ => None,
    };
    config.auth_info = user;
    Ok(Target {
        context: None,
        namespace: String::new(),
        namespace_source: NamespaceSource::Default,
        server,
        proxy: proxy.map(|proxy| proxy.shown),
        checks_certificate: !config.accept_invalid_certs,
        config,
        plugin,
    })
}

/// Reads a server's URL. The kind of the result is the library's.
pub(super) fn url<T: std::str::FromStr>(server: &str) -> Result<T, TargetError>
where
    T::Err: std::fmt::Display,
{
    let bad = |reason: String| TargetError::BadServer {
        server: server.to_owned(),
        reason,
    };
    if !server.starts_with("https://") && !server.starts_with("http://") {
        return Err(bad("it begins with neither https:// nor http://".to_owned()));
    }
    server
        .parse()
        .map_err(|error: T::Err| bad(error.to_string()))
}
