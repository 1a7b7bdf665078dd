//! The target of a program that runs in a pod: its own account.

use std::path::PathBuf;

use kube::Config;
use kube::config::AuthInfo;

use super::{NamespaceSource, Surroundings, Target, TargetError, authority, pick};

/// Where every pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn target(surroundings: &Surroundings) -> Result<Target, TargetError> {
    let looked = Vec::new();
    let Some((host, port)) = &surroundings.service else {
        return Err(TargetError::NoKubeconfig { looked });
    };
    let folder = PathBuf::from(ACCOUNT);
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| TargetError::Unreadable { path, source })
    };
    let server = match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    };
    let mut config = Config::new(pick::url(&server)?);
    config.root_cert = Some(authority::parse(&read("ca.crt")?)?);
    config.root_cert_file = Some(folder.join("ca.crt"));
    config.auth_info = AuthInfo {
        token_file: Some(format!("{ACCOUNT}/token")),
        ..AuthInfo::default()
    };
    let namespace = String::from_utf8_lossy(&read("namespace")?)
        .trim()
        .to_owned();
    Ok(Target {
        context: None,
        namespace,
        namespace_source: NamespaceSource::Context,
        server,
        proxy: None,
        checks_certificate: true,
        config,
        plugin: None,
    })
}
