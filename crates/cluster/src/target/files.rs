//! Which kubeconfigs are read, and how several become one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use super::{Choice, Surroundings, TargetError};

/// Reads what there is; `None` when there is no file and the pod's own account is to be used.
pub(super) fn read(
    choice: &Choice,
    surroundings: &Surroundings,
) -> Result<Option<Kubeconfig>, TargetError> {
    if let Some(path) = choice.kubeconfig.as_ref().filter(|path| is_given(path)) {
        return one(path).map(Some);
    }
    let listed: Vec<&PathBuf> = surroundings
        .kubeconfig
        .iter()
        .filter(|path| is_given(path))
        .collect();
    let looked: Vec<PathBuf> = match (&surroundings.home, listed.is_empty()) {
        (_, false) => listed.into_iter().cloned().collect(),
        (Some(home), true) if is_given(home) => vec![home.join(".kube/config")],
        _ => Vec::new(),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in &looked {
        let next = match one(path) {
            Err(TargetError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
                continue;
            }
            next => next?,
        };
        merged = Some(match merged {
            Some(before) => before
                .merge(next)
                .map_err(|error| TargetError::Merge(error.to_string()))?,
            None => next,
        });
    }
    match merged {
        None if surroundings.service.is_none() => Err(TargetError::NoKubeconfig { looked }),
        merged => Ok(merged),
    }
}

/// An empty path must not become an explicit one: it would refuse to look any further.
fn is_given(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn one(path: &Path) -> Result<Kubeconfig, TargetError> {
    let path = path.to_owned();
    Kubeconfig::read_from(&path).map_err(|error| match error {
        KubeconfigError::ReadConfig(source, path) => TargetError::Unreadable { path, source },
        // The parser's own words quote the file, which holds secrets.
        KubeconfigError::Parse(error) => TargetError::Malformed {
            path,
            reason: "it is not YAML, or a value in it is of the wrong kind".to_owned(),
            line: error.location().map(|location| location.line()),
        },
        other => TargetError::Malformed {
            path,
            reason: other.to_string(),
            line: None,
        },
    })
}
