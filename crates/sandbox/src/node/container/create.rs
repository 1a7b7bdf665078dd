//! Making a container: the place in which its processes run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::keeper::{self, seen_from_outside};
use super::rewrite::rewrite;
use super::tools::CONTAINER_PATH;
use super::{ContainerError, Keeper, MARKER, Toolbox, Tools};

const HOLDER: &str = include_str!("holder.sh");

/// The variable that marks what belongs to one container.
const CONTAINER_MARKER: &str = "LONGSHORE_CONTAINER";

/// Directories of the image's own, over which nothing is mounted: they are the machine's.
const OF_THE_IMAGE: [&str; 9] = [
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt", "/proc", "/dev",
];

/// A directory, or one file, at a path in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it appears; absolute.
    pub path: String,
    /// What appears, on this machine.
    pub source: PathBuf,
    /// Whether it cannot be written. Without namespaces nobody enforces it.
    pub read_only: bool,
}

/// What a container is made from.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Tells it from others on this machine.
    pub id: String,
    /// What is installed.
    pub tools: Tools,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// Where processes begin; `/`, or without namespaces its own directory, if it is empty.
    pub working_dir: String,
    /// A directory of its own.
    pub directory: PathBuf,
}

/// A place to run processes in.
#[derive(Debug)]
pub struct Container {
    pub(super) keeper: Arc<Keeper>,
    toolbox: Arc<Toolbox>,
    spec: Spec,
    place: Place,
    stopped: CancellationToken,
}

#[derive(Debug)]
enum Place {
    /// A mount namespace of its own, held by a process; the root in it.
    Real {
        pid: u32,
        root: PathBuf,
        /// Ends when its input does, that is with this value.
        _holder: Child,
    },
    /// Arguments are rewritten.
    Rewritten { mounts: Vec<(String, PathBuf)> },
}

impl Container {
    /// Makes a container in which nothing runs yet.
    ///
    /// # Errors
    /// When a tool is missing or a mount is not possible.
    pub async fn create(
        keeper: Arc<Keeper>,
        toolbox: Arc<Toolbox>,
        spec: Spec,
    ) -> Result<Self, ContainerError> {
        toolbox.check(spec.tools)?;
        let place = if keeper.has_namespaces() {
            Place::hold(&keeper, &toolbox, &spec).await?
        } else {
            let pairs = spec.mounts.iter();
            let mounts = pairs.map(|mount| (mount.path.clone(), mount.source.clone()));
            Place::Rewritten {
                mounts: mounts.collect(),
            }
        };
        Ok(Self {
            keeper,
            toolbox,
            spec,
            place,
            stopped: CancellationToken::new(),
        })
    }

    /// Prepares a command: program found, arguments rewritten, environment set.
    pub(super) fn command(&self, argv: &[String]) -> Result<Command, ContainerError> {
        if self.stopped.is_cancelled() {
            return Err(ContainerError::Stopped);
        }
        let (name, arguments) = argv.split_first().ok_or(ContainerError::NoCommand)?;
        let mut command = match &self.place {
            Place::Real { pid, root, .. } => {
                self.find(*pid, root, name)?;
                let unshare = self.keeper.unshare().ok_or(ContainerError::Stopped)?;
                let mut command = self
                    .keeper
                    .enter(Some(*pid))
                    .ok_or(ContainerError::Stopped)?;
                let directory = match self.spec.working_dir.as_str() {
                    "" => "/",
                    directory => directory,
                };
                command.arg(unshare).arg("--root").arg(root);
                command
                    .args(["--wd", directory, "--", name])
                    .args(arguments);
                command
            }
            Place::Rewritten { mounts } => {
                let name = rewrite(name, mounts);
                let program = self.toolbox.program(self.spec.tools, &name)?;
                let mut command = std::process::Command::new(program);
                if self.spec.tools == Tools::Busybox {
                    use std::os::unix::process::CommandExt as _;
                    // busybox goes by its name.
                    command.arg0(Path::new(&name).file_name().unwrap_or(name.as_ref()));
                }
                command.args(arguments.iter().map(|word| rewrite(word, mounts)));
                command.current_dir(self.working_dir(mounts));
                command.into()
            }
        };
        command.env_clear().env("PATH", self.path()?);
        command.env("HOME", "/").envs(self.spec.env.iter().cloned());
        command.env(MARKER, self.keeper.marker());
        command.env(CONTAINER_MARKER, &self.spec.id);
        Ok(command)
    }

    fn path(&self) -> Result<String, ContainerError> {
        match &self.place {
            Place::Real { .. } => Ok(CONTAINER_PATH.to_owned()),
            Place::Rewritten { .. } => self.toolbox.path(self.spec.tools),
        }
    }

    fn working_dir(&self, mounts: &[(String, PathBuf)]) -> PathBuf {
        let wanted = PathBuf::from(rewrite(&self.spec.working_dir, mounts));
        if wanted.is_absolute() && wanted.is_dir() {
            wanted
        } else {
            self.spec.directory.clone()
        }
    }

    /// Looks for a program as `execvp` will, so that its absence is an error of ours and not an exit code of a helper's.
    fn find(&self, pid: u32, root: &Path, name: &str) -> Result<(), ContainerError> {
        let outside = |path: &str| {
            let inside = root.join(path.trim_start_matches('/'));
            seen_from_outside(pid, &inside)
        };
        let is_there = |path: &str| outside(path).symlink_metadata().is_ok();
        let found = if name.contains('/') {
            // A link on the way, such as /bin, leads elsewhere when seen from outside.
            let usual = ["/bin/", "/sbin/", "/lib/"];
            is_there(name)
                || usual.iter().any(|dir| name.starts_with(dir)) && is_there(&format!("/usr{name}"))
        } else {
            CONTAINER_PATH
                .split(':')
                .any(|dir| is_there(&format!("{dir}/{name}")))
        };
        if found {
            Ok(())
        } else {
            Err(ContainerError::NotFound(name.to_owned()))
        }
    }

    /// Says whether mount paths are real.
    #[must_use]
    pub fn has_namespaces(&self) -> bool {
        matches!(self.place, Place::Real { .. })
    }

    /// Returns what is cancelled when nothing can be started any more.
    #[must_use]
    pub fn gone(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Makes every mount read-only, for all processes of the container. `false` where nothing is mounted.
    ///
    /// # Errors
    /// Without namespaces, and while a file of a mount is open for writing.
    pub async fn make_read_only(&self) -> Result<bool, ContainerError> {
        let Place::Real { pid, root, .. } = &self.place else {
            return Err(ContainerError::NoNamespaces("they are off".to_owned()));
        };
        for mount in &self.spec.mounts {
            let path = root.join(mount.path.trim_start_matches('/'));
            let words = ["mount", "-o", "remount,bind,ro"];
            self.keeper.run(&words, Some(*pid), &path).await?;
        }
        Ok(!self.spec.mounts.is_empty())
    }

    /// Kills every process that was born in the container, wherever it went. Nothing can be started in it any more.
    pub fn stop(&self) {
        if self.stopped.is_cancelled() {
            // Looking at every process of the machine is not cheap, and nothing was started since.
            return;
        }
        self.stopped.cancel();
        let marker = format!("{CONTAINER_MARKER}={}", self.spec.id);
        kill_marked(marker.as_bytes());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Place {
    async fn hold(keeper: &Keeper, toolbox: &Toolbox, spec: &Spec) -> Result<Self, ContainerError> {
        let root = spec.directory.join("root");
        std::fs::create_dir_all(&root).map_err(ContainerError::system("make", &root))?;
        let (Some(mut command), Some(unshare)) = (keeper.enter(None), keeper.unshare()) else {
            return Err(ContainerError::Stopped);
        };
        command.arg(unshare);
        command.args([
            "--mount",
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
            HOLDER,
        ]);
        command
            .arg("longshore-holder")
            .arg(&root)
            .arg(spec.tools.name());
        match spec.tools {
            Tools::Busybox => command.arg(toolbox.busybox()?),
            Tools::Host | Tools::Empty => command.arg(""),
        };
        // Parents before what is mounted below them.
        let mut mounts: Vec<&Mount> = spec.mounts.iter().collect();
        mounts.sort_by_key(|mount| mount.path.len());
        for mount in mounts {
            refuse_path(&mount.path)?;
            command.arg(&mount.path).arg(&mount.source);
            command.arg(if mount.read_only { "ro" } else { "rw" });
        }
        let mut holder = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(ContainerError::system("start", "nsenter"))?;
        keeper::ready(&mut holder).await?;
        let pid = holder.id().ok_or(ContainerError::Stopped)?;
        Ok(Self::Real {
            pid,
            root,
            _holder: holder,
        })
    }
}

/// Refuses what would be made, or mounted, in a directory of the machine.
fn refuse_path(path: &str) -> Result<(), ContainerError> {
    let plain = path.starts_with('/') && !path.split('/').any(|part| part == "..");
    let of_image = OF_THE_IMAGE
        .iter()
        .any(|dir| Path::new(path).starts_with(dir));
    if plain && !of_image && path.len() > 1 {
        Ok(())
    } else {
        Err(ContainerError::MountPath(path.to_owned()))
    }
}

/// Kills the processes whose environment has that line, and looks once more if there were any: one may have been starting another.
fn kill_marked(line: &[u8]) {
    for _ in 0..2 {
        let mut has_killed = false;
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return;
        };
        for process in processes.flatten() {
            let name = process.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == line)
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                // It may have ended by itself.
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
                has_killed = true;
            }
        }
        if !has_killed {
            return;
        }
    }
}
