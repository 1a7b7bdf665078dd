//! Starting and ending processes.

use std::process::Stdio;
use std::sync::Arc;

use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

use super::{Container, ContainerError};
use crate::node::channel::Exit;

/// Room in the pipe to a process, where the kernel grants it.
const PIPE_BYTES: usize = 1 << 20;

/// Which of its ends a process shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// It has an input.
    pub stdin: bool,
    /// Its output can be read.
    pub stdout: bool,
    /// Its errors can be read.
    pub stderr: bool,
}

/// A process that runs, or has.
#[derive(Debug)]
pub struct Started {
    /// Its input, if it was asked for.
    pub stdin: Option<ChildStdin>,
    /// Its output, if it was asked for.
    pub stdout: Option<ChildStdout>,
    /// Its errors, if they were asked for.
    pub stderr: Option<ChildStderr>,
    /// Its process group.
    pub group: Group,
    /// How it ended, once it has.
    pub exit: watch::Receiver<Option<Exit>>,
}

/// A process group that can be signalled. Safe to use after its end: the number is not given away while this knows of the process.
#[derive(Clone, Debug)]
pub struct Group {
    pid: Option<Pid>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Group {
    /// Kills it. `false` when it had ended before.
    pub fn kill(&self) -> bool {
        let has_ended = self.exit.borrow().is_some();
        match self.pid {
            Some(pid) if !has_ended => kill_process_group(pid, Signal::KILL).is_ok(),
            _ => false,
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        if let (false, Some(pid)) = (self.exit.borrow().is_some(), self.pid) {
            // As a container runtime does: the first process, not its children. It may just have ended.
            kill_process(pid, Signal::TERM).ok();
        }
    }

    /// Waits until its first process has ended.
    pub async fn ended(&self) {
        // A sender that is gone has nothing more to say either.
        drop(self.exit.clone().wait_for(Option::is_some).await);
    }
}

impl Container {
    /// Starts a process in the container, in a group of its own.
    ///
    /// # Errors
    /// When the container has stopped, or the program is not there.
    pub fn spawn(
        self: &Arc<Self>,
        argv: &[String],
        attach: Attach,
    ) -> Result<Started, ContainerError> {
        let mut command = self.command(argv)?;
        let end = |wanted| {
            if wanted {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        let mut child = command
            .stdin(end(attach.stdin))
            .stdout(end(attach.stdout))
            .stderr(end(attach.stderr))
            .process_group(0)
            .spawn()
            .map_err(ContainerError::system("start", &*argv.join(" ")))?;
        let (told, exit) = watch::channel(None);
        let id = child.id();
        if let Some(group) = id {
            self.keeper.begin(group);
        }
        let started = Started {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            group: Group {
                pid: id
                    .and_then(|id| i32::try_from(id).ok())
                    .and_then(Pid::from_raw),
                exit: exit.clone(),
            },
            exit,
        };
        if self.gone().is_cancelled() {
            // Whoever stopped the container meanwhile may have looked for its processes before this one was there.
            started.group.kill();
        }
        if let Some(stdin) = &started.stdin {
            // Only speed depends on it: every filling of a pipe is a switch to the process and back.
            fcntl_setpipe_size(stdin, PIPE_BYTES).ok();
        }
        let container = Arc::clone(self);
        tokio::spawn(async move {
            let status = child.wait().await;
            told.send_replace(Some(status.map_or(Exit::KILLED, Exit::of)));
            if let Some(group) = id {
                container.keeper.end(group);
            }
        });
        Ok(started)
    }
}
