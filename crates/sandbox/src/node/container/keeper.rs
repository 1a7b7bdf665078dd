//! The process that outlives the sandbox by a moment.
//!
//! Nothing that a process does helps against its own SIGKILL, and the kernel's parent-death signal would have to be asked for
//! between fork and exec, which takes `unsafe`. A pipe needs neither: its end is what a dead process cannot withhold.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::tools::find_on_host;
use super::{ContainerError, Mounts};

/// The variable that marks what belongs to a sandbox. Its value is the sandbox's own.
pub const MARKER: &str = "LONGSHORE_SANDBOX";

const SCRIPT: &str = include_str!("keeper.sh");

/// Kills what the sandbox started when the sandbox is gone, and holds the namespaces that containers share.
#[derive(Debug)]
pub struct Keeper {
    pid: u32,
    namespaces: Option<Namespaces>,
    marker: String,
    /// Groups begin and end here. A pipe that is never full: a line is short and the reader does nothing else.
    pipe: Mutex<std::process::ChildStdin>,
    _child: Mutex<std::process::Child>,
}

#[derive(Debug)]
struct Namespaces {
    nsenter: std::path::PathBuf,
    unshare: std::path::PathBuf,
}

impl Keeper {
    /// Starts it. `id` tells this sandbox from others.
    ///
    /// # Errors
    /// When there is no shell, or namespaces are demanded and refused.
    pub async fn start(id: &str, mounts: Mounts) -> Result<Self, ContainerError> {
        let sh = find_on_host("sh").ok_or(ContainerError::ToolMissing("sh"))?;
        let mut refusal = None;
        if mounts != Mounts::Rewritten {
            match Namespaces::find() {
                Ok(namespaces) => {
                    let mut command = std::process::Command::new(&namespaces.unshare);
                    command.args(["--user", "--map-root-user", "--mount"]);
                    command.args(["--propagation", "private", "--"]).arg(&sh);
                    match Self::launch(command, id, Some(namespaces)).await {
                        Ok(keeper) => return Ok(keeper),
                        Err(error) => refusal = Some(error),
                    }
                }
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            Some(error) if mounts == Mounts::Real => {
                Err(ContainerError::NoNamespaces(error.to_string()))
            }
            _ => Self::launch(std::process::Command::new(sh), id, None).await,
        }
    }

    async fn launch(
        mut command: std::process::Command,
        id: &str,
        namespaces: Option<Namespaces>,
    ) -> Result<Self, ContainerError> {
        use std::os::unix::process::CommandExt as _;
        let marker = format!("{MARKER}={id}");
        let mut child = command
            .args(["-c", SCRIPT, "longshore-keeper", &marker])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C on the terminal is for the sandbox, which then says what is to be done.
            .process_group(0)
            .spawn()
            .map_err(ContainerError::system("start", command.get_program()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ContainerError::Stopped);
        };
        let stderr = child.stderr.take();
        // It answers in milliseconds, or ends.
        let answer = tokio::task::spawn_blocking(move || {
            use std::io::{BufRead as _, Read as _};
            let mut line = String::new();
            let said = std::io::BufReader::new(stdout).read_line(&mut line);
            if said.is_ok() && line == "ready\n" {
                return Ok(());
            }
            let mut why = String::new();
            if let Some(mut stderr) = stderr {
                // What cannot be read cannot be shown.
                drop(stderr.read_to_string(&mut why));
            }
            Err(ContainerError::Holder(why.trim().to_owned()))
        });
        answer.await.map_err(|_| ContainerError::Stopped)??;
        Ok(Self {
            pid: child.id(),
            namespaces,
            marker: id.to_owned(),
            pipe: Mutex::new(stdin),
            _child: Mutex::new(child),
        })
    }

    /// Says whether mount paths are real.
    #[must_use]
    pub fn has_namespaces(&self) -> bool {
        self.namespaces.is_some()
    }

    /// Returns the value of [`MARKER`].
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Says where a path in the keeper's mount namespace is found from outside of it.
    #[must_use]
    pub fn seen_from_outside(&self, path: &Path) -> std::path::PathBuf {
        seen_from_outside(self.pid, path)
    }

    pub(super) fn begin(&self, group: u32) {
        self.note('+', group);
    }

    pub(super) fn end(&self, group: u32) {
        self.note('-', group);
    }

    fn note(&self, change: char, group: u32) {
        use std::io::Write as _;
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(pipe, "{change} {group}") {
            tracing::warn!(%error, "the keeper is gone: processes would outlive a killed sandbox");
        }
    }

    /// Prepares a command in the namespaces that containers share.
    pub(super) fn enter(&self, pid: Option<u32>) -> Option<Command> {
        let namespaces = self.namespaces.as_ref()?;
        let mut command = std::process::Command::new(&namespaces.nsenter);
        command.args(["--preserve-credentials", "--user", "--mount", "--target"]);
        command.arg(pid.unwrap_or(self.pid).to_string()).arg("--");
        Some(command.into())
    }

    pub(super) fn unshare(&self) -> Option<&Path> {
        self.namespaces
            .as_ref()
            .map(|found| found.unshare.as_path())
    }

    /// Gives a directory a file system of its own, of that size, which lives as long as the sandbox.
    ///
    /// # Errors
    /// Without namespaces.
    pub async fn limit(&self, directory: &Path, bytes: u64) -> Result<(), ContainerError> {
        let options = format!("size={bytes},mode=2777");
        self.run(
            &["mount", "-t", "tmpfs", "-o", &options, "tmpfs"],
            None,
            directory,
        )
        .await
    }

    /// Runs a command on a path, in the shared namespaces or a container's.
    pub(super) async fn run(
        &self,
        words: &[&str],
        pid: Option<u32>,
        path: &Path,
    ) -> Result<(), ContainerError> {
        let mut command = self
            .enter(pid)
            .ok_or_else(|| ContainerError::NoNamespaces("they are off".to_owned()))?;
        let output = command.args(words).arg(path).stdin(Stdio::null()).output();
        let output = output
            .await
            .map_err(ContainerError::system("mount", path))?;
        if output.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ContainerError::Holder(why))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The pipe ends with this value, the keeper kills what is left and ends too; waiting here would only delay the caller.
        let child = self
            ._child
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        drop(child.try_wait());
    }
}

impl Namespaces {
    fn find() -> Result<Self, ContainerError> {
        let find = |name| find_on_host(name).ok_or(ContainerError::ToolMissing(name));
        find("mount")?;
        Ok(Self {
            nsenter: find("nsenter")?,
            unshare: find("unshare")?,
        })
    }
}

/// Says whether this user may make user and mount namespaces, and mount in them.
#[must_use]
pub fn are_namespaces_allowed() -> bool {
    let Ok(namespaces) = Namespaces::find() else {
        return false;
    };
    let mut command = std::process::Command::new(namespaces.unshare);
    command.args(["--user", "--map-root-user", "--mount", "--"]);
    command.args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
    command.stdin(Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
}

/// Says where a path of a process's mount namespace is found from outside.
pub(super) fn seen_from_outside(pid: u32, path: &Path) -> std::path::PathBuf {
    let mut seen = std::path::PathBuf::from(format!("/proc/{pid}/root"));
    seen.extend(path.strip_prefix("/"));
    seen
}

/// Waits for a helper's `ready` line.
pub(super) async fn ready(child: &mut Child) -> Result<(), ContainerError> {
    let stdout = child.stdout.take().ok_or(ContainerError::Stopped)?;
    let mut line = String::new();
    let said = BufReader::new(stdout).read_line(&mut line).await;
    if said.is_ok() && line == "ready\n" {
        return Ok(());
    }
    let mut why = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        use tokio::io::AsyncReadExt as _;
        // What cannot be read cannot be shown.
        drop(stderr.read_to_string(&mut why).await);
    }
    Err(ContainerError::Holder(why.trim().to_owned()))
}
