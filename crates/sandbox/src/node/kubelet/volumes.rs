//! From a pod's volumes to directories of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{env, token};
use crate::node::container::Mount;
use crate::node::pods::lock;
use crate::store::{namespace_of, str_at, uid_of};
use crate::{Sandbox, kinds};

/// A pod's volumes by name.
pub(super) type Volumes = BTreeMap<String, PathBuf>;

/// Makes or finds every volume of a pod. An error is the message of a `FailedMount` event.
pub(super) async fn prepare(sandbox: &Sandbox, pod: &Value) -> Result<Volumes, String> {
    let own = sandbox.config().data_dir.join("pods").join(uid_of(pod));
    let mut volumes = Volumes::new();
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        let name = str_at(volume, "/name").to_owned();
        let directory = own.join("volumes").join(&name);
        let failed =
            |why: String| format!("MountVolume.SetUp failed for volume \"{name}\" : {why}");
        let path = one(sandbox, pod, volume, directory).await.map_err(failed)?;
        volumes.insert(name, path);
    }
    Ok(volumes)
}

async fn one(
    sandbox: &Sandbox,
    pod: &Value,
    volume: &Value,
    directory: PathBuf,
) -> Result<PathBuf, String> {
    if let Some(claim) = volume.get("persistentVolumeClaim") {
        return claimed(sandbox, pod, str_at(claim, "/claimName")).await;
    }
    if let Some(host) = volume.get("hostPath") {
        let path = sandbox.host_path(str_at(host, "/path"));
        make(&path, 0o755)?;
        return Ok(path);
    }
    make(&directory, 0o2777)?;
    let files = if let Some(source) = volume.get("projected") {
        let mut all = Vec::new();
        for part in source["sources"].as_array().into_iter().flatten() {
            all.extend(files(sandbox, pod, part)?);
        }
        all
    } else {
        files(sandbox, pod, volume)?
    };
    for (path, bytes) in files {
        write(&directory, &path, &bytes)?;
    }
    Ok(directory)
}

/// The files of one source. An `emptyDir` has none.
fn files(sandbox: &Sandbox, pod: &Value, source: &Value) -> Result<Vec<(String, Vec<u8>)>, String> {
    for (kind, field, name) in [
        (&kinds::CONFIG_MAP, "configMap", "/name"),
        (&kinds::SECRET, "secret", "/name"),
        (&kinds::SECRET, "secret", "/secretName"),
    ] {
        let Some(source) = source
            .get(field)
            .filter(|source| !str_at(source, name).is_empty())
        else {
            continue;
        };
        let optional = source["optional"] == true;
        let mut data = env::data(sandbox, pod, kind, str_at(source, name), optional)?;
        let Some(items) = source["items"].as_array() else {
            return Ok(data.into_iter().collect());
        };
        return items
            .iter()
            .map(|item| {
                let key = str_at(item, "/key");
                let bytes = data
                    .remove(key)
                    .ok_or_else(|| format!("references non-existent config key: {key}"))?;
                Ok((str_at(item, "/path").to_owned(), bytes))
            })
            .collect();
    }
    if let Some(source) = source.get("serviceAccountToken") {
        let seconds = source["expirationSeconds"].as_u64().unwrap_or(3600);
        let token = token::of(sandbox, pod, seconds).ok_or("service account not found")?;
        return Ok(vec![(
            str_at(source, "/path").to_owned(),
            token.into_bytes(),
        )]);
    }
    let items = source["downwardAPI"]["items"]
        .as_array()
        .into_iter()
        .flatten();
    Ok(items
        .filter_map(|item| {
            let value = env::field(pod, str_at(item, "/fieldRef/fieldPath"))?;
            Some((str_at(item, "/path").to_owned(), value.as_bytes().to_vec()))
        })
        .collect())
}

/// The directory behind a bound claim.
async fn claimed(sandbox: &Sandbox, pod: &Value, name: &str) -> Result<PathBuf, String> {
    let store = sandbox.store();
    let text = |failure: crate::Failure| failure.message;
    let claim = store
        .get(&kinds::CLAIM, namespace_of(pod), name)
        .map_err(text)?;
    let volume = store
        .get(&kinds::VOLUME, "", str_at(&claim, "/spec/volumeName"))
        .map_err(text)?;
    let path = ["/spec/hostPath/path", "/spec/local/path"]
        .into_iter()
        .map(|field| str_at(&volume, field))
        .find(|path| !path.is_empty())
        .ok_or("the volume is neither hostPath nor local")?;
    let path = sandbox.host_path(path);
    if !path.exists() {
        // Without a sticky bit, so that one user can remove what another has written.
        make(&path, 0o2777)?;
    }
    let node = sandbox.node();
    if let Some(bytes) = sandbox.config().node.volume_bytes {
        let (keeper, _) = node
            .base(sandbox)
            .await
            .map_err(|error| error.to_string())?;
        let limited = node.limit(&keeper, &path, bytes).await;
        limited.map_err(|error| error.to_string())?;
    }
    lock(&node.pod(uid_of(pod)).volumes).push(path.clone());
    Ok(path)
}

fn make(path: &Path, mode: u32) -> Result<(), String> {
    let made = fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    made.map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file of a volume; its path comes from an object and stays below the directory.
fn write(directory: &Path, path: &str, bytes: &[u8]) -> Result<(), String> {
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(format!("path {path:?} leaves the volume"));
    }
    let file = directory.join(path);
    let parent = file.parent().unwrap_or(directory);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&file, bytes));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

/// Lists what a container mounts.
pub(super) fn mounts(container: &Value, volumes: &Volumes) -> Result<Vec<Mount>, String> {
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    mounts
        .map(|mount| {
            let name = str_at(mount, "/name");
            let volume = volumes
                .get(name)
                .ok_or_else(|| format!("volume {name:?} not found"))?;
            let below = str_at(mount, "/subPath");
            if below.starts_with('/') || below.split('/').any(|part| part == "..") {
                return Err(format!("subPath {below:?} leaves the volume"));
            }
            let source = if below.is_empty() {
                volume.clone()
            } else {
                volume.join(below)
            };
            if !source.exists() && !below.is_empty() {
                make(&source, 0o2777)?;
            }
            Ok(Mount {
                path: str_at(mount, "/mountPath").trim_end_matches('/').to_owned(),
                source,
                read_only: mount["readOnly"] == true,
            })
        })
        .collect()
}
