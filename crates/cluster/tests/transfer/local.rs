//! A far side on this machine: the stage script in a shell of its own, with a volume and faults on demand.

#![allow(
    dead_code,
    reason = "every user of this module uses another part of it"
)]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cluster::far::{End, Event, Far, Process, StartError};
use cluster::transfer::{SCRIPT_VARIABLE, STAGE_SCRIPT, Setup};
use dataset::names::TableName;
use futures_util::future::{BoxFuture, Either};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Who reads the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    /// dash, with the programs of the machine.
    Dash,
    /// busybox, with nothing but its own programs.
    Busybox,
}

pub(crate) const SHELLS: [Shell; 2] = [Shell::Dash, Shell::Busybox];

/// What happens to one connection. Numbers count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// After so much input the client sees the connection lost, the process an end of input.
    CutInput(u64),
    /// After so much input the client sees the connection lost; the process sees nothing and stays.
    Abandon(u64),
    /// After so much input the client is told of success; the process sees an end of input.
    Success(u64),
    /// After so much output the connection is lost.
    CutOutput(u64),
    /// After so much output the rest of it is lost, and success is told.
    LostTail(u64),
    /// After so much input everything stands still.
    Hang(u64),
    /// After so much input the process and all its children are killed.
    Kill(u64),
    /// After so much input everything there is stopped.
    Stop(u64),
    /// Input and output pass one byte at a time.
    Drip,
}

/// A machine that runs the stage script: what a stage pod is in a cluster.
#[derive(Debug)]
pub(crate) struct LocalFar {
    shell: Shell,
    tools: Option<PathBuf>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    /// Process groups that were started.
    groups: Arc<Mutex<Vec<u32>>>,
    /// Everything that went in, of all processes.
    input_bytes: Arc<Mutex<u64>>,
    /// Put before the programs of the shell, so that a test can replace one.
    pub(crate) overrides: Option<PathBuf>,
    pub(crate) script: String,
}

impl LocalFar {
    /// Prepares a shell; `dir` is used for links to its programs.
    pub(crate) fn new(shell: Shell, dir: &Path) -> Self {
        Self {
            shell,
            tools: (shell == Shell::Busybox).then(|| busybox_tools(dir)),
            faults: Arc::default(),
            groups: Arc::default(),
            input_bytes: Arc::default(),
            overrides: None,
            script: STAGE_SCRIPT.to_owned(),
        }
    }

    /// Plans what happens to the next connections.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    pub(crate) fn input_bytes(&self) -> u64 {
        *self.input_bytes.lock().unwrap()
    }

    /// Process groups of all processes that were started, first to last.
    pub(crate) fn groups(&self) -> Vec<u32> {
        self.groups.lock().unwrap().clone()
    }

    /// Prepares a command as the pod would run it.
    pub(crate) fn command(&self, words: &[String]) -> Command {
        assert_eq!(words[0], "/bin/sh");
        let mut command = match self.shell {
            Shell::Dash => Command::new("dash"),
            Shell::Busybox => {
                let mut command = Command::new(self.tools.as_ref().unwrap().join("busybox"));
                command.arg("sh");
                command
            }
        };
        let path = match &self.tools {
            Some(tools) => tools.display().to_string(),
            None => "/usr/local/bin:/usr/bin:/bin".to_owned(),
        };
        let path = match &self.overrides {
            Some(first) => format!("{}:{path}", first.display()),
            None => path,
        };
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", path)
            .env(SCRIPT_VARIABLE, &self.script)
            .current_dir("/")
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Links the programs that busybox has, and none of the machine's.
fn busybox_tools(dir: &Path) -> PathBuf {
    let tools = dir.join("busybox-tools");
    std::fs::create_dir_all(&tools).unwrap();
    let list = std::process::Command::new("busybox")
        .arg("--list")
        .output()
        .expect("busybox is installed");
    let real = std::fs::canonicalize("/bin/busybox").unwrap();
    for name in String::from_utf8(list.stdout).unwrap().lines() {
        // Alpine's has no such thing.
        if name != "zstd" {
            std::os::unix::fs::symlink(&real, tools.join(name)).ok();
        }
    }
    tools
}

impl Far for LocalFar {
    fn start<'a>(&'a self, command: Vec<String>) -> BoxFuture<'a, Result<Process, StartError>> {
        Box::pin(async move {
            let fault = self.faults.lock().unwrap().pop_front();
            let child = self.command(&command).spawn().unwrap();
            self.groups.lock().unwrap().push(child.id().unwrap());
            let (input, taken) = mpsc::channel(cluster::far::INPUT_WAITING);
            let (told, events) = mpsc::channel(16);
            let counter = Arc::clone(&self.input_bytes);
            tokio::spawn(carry(
                child,
                taken,
                told,
                fault.unwrap_or(Fault::None),
                counter,
            ));
            Ok(Process { input, events })
        })
    }
}

/// Why a pump stopped.
#[derive(Debug, PartialEq)]
enum Stop {
    End,
    Fault,
}

async fn carry(
    mut child: Child,
    mut taken: mpsc::Receiver<Bytes>,
    told: mpsc::Sender<Event>,
    fault: Fault,
    counter: Arc<Mutex<u64>>,
) {
    let group = child.id().unwrap();
    let stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take().unwrap();
    let stderr = child.stderr.take().unwrap();
    // What stands still does not refuse what is sent either: the queue lives as long as this.
    let input = pump_in(&mut taken, stdin, fault, counter);
    let output = pump_out(stdout, &told, Event::Stdout, fault);
    let errors = pump_out(stderr, &told, Event::Stderr, Fault::None);
    tokio::pin!(input);
    let end = {
        let outputs = async {
            tokio::pin!(output, errors);
            // A connection that is lost takes both along at once.
            let both = futures_util::future::select(output, errors).await;
            match both {
                Either::Left((Stop::Fault, _)) => Stop::Fault,
                Either::Left((Stop::End, errors)) => errors.await,
                Either::Right((_, output)) => output.await,
            }
        };
        tokio::pin!(outputs);
        tokio::select! {
            biased;
            (stop, stdin) = &mut input => match (stop, fault) {
                (Stop::Fault, Fault::Success(_)) => {
                    drop(stdin);
                    Some(End::Success)
                }
                (Stop::Fault, Fault::CutInput(_)) => {
                    drop(stdin);
                    Some(End::Lost("cut".into()))
                }
                (Stop::Fault, Fault::Abandon(_)) => {
                    // The process must not notice.
                    std::mem::forget(stdin);
                    Some(End::Lost("cut".into()))
                }
                (Stop::Fault, Fault::Hang(_)) => std::future::pending().await,
                (Stop::Fault, Fault::Stop(_)) => {
                    signal(group, "STOP");
                    std::future::pending().await
                }
                (Stop::Fault, Fault::Kill(_)) => {
                    signal(group, "KILL");
                    outputs.await;
                    None
                }
                _ => {
                    drop(stdin);
                    match outputs.await {
                        Stop::Fault => Some(fault_end(fault)),
                        Stop::End => None,
                    }
                }
            },
            stop = &mut outputs => match stop {
                Stop::Fault => Some(fault_end(fault)),
                Stop::End => None,
            },
        }
    };
    if let Some(end) = end {
        told.send(Event::Ended(end)).await.ok();
        // Whoever started it is gone: it is waited for so that it does not stay as a zombie.
        drop(told);
        child.wait().await.ok();
        return;
    }
    let status = child.wait().await.unwrap();
    let end = match status.code() {
        Some(0) => End::Success,
        Some(code) => End::Exit(code),
        None => End::Exit(137),
    };
    told.send(Event::Ended(end)).await.ok();
}

fn fault_end(fault: Fault) -> End {
    match fault {
        Fault::LostTail(_) => End::Success,
        _ => End::Lost("cut".into()),
    }
}

async fn pump_in(
    taken: &mut mpsc::Receiver<Bytes>,
    mut stdin: tokio::process::ChildStdin,
    fault: Fault,
    counter: Arc<Mutex<u64>>,
) -> (Stop, tokio::process::ChildStdin) {
    let limit = match fault {
        Fault::CutInput(at)
        | Fault::Abandon(at)
        | Fault::Success(at)
        | Fault::Hang(at)
        | Fault::Stop(at)
        | Fault::Kill(at) => at,
        _ => u64::MAX,
    };
    let mut written = 0;
    if limit == 0 {
        return (Stop::Fault, stdin);
    }
    while let Some(mut bytes) = taken.recv().await {
        let left = usize::try_from(limit - written).unwrap_or(usize::MAX);
        bytes.truncate(left);
        *counter.lock().unwrap() += bytes.len() as u64;
        let sent = match fault {
            Fault::Drip => drip(&mut stdin, &bytes).await,
            _ => stdin.write_all(&bytes).await,
        };
        if sent.is_err() {
            // As on a real cluster: nobody tells that nothing is read any more.
            while taken.recv().await.is_some() {}
            return (Stop::End, stdin);
        }
        written += bytes.len() as u64;
        if written == limit {
            return (Stop::Fault, stdin);
        }
    }
    (Stop::End, stdin)
}

async fn drip(stdin: &mut tokio::process::ChildStdin, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stdin.write_all(&[*byte]).await?;
        stdin.flush().await?;
    }
    Ok(())
}

async fn pump_out(
    mut from: impl AsyncReadExt + Unpin,
    told: &mpsc::Sender<Event>,
    event: fn(Bytes) -> Event,
    fault: Fault,
) -> Stop {
    let limit = match fault {
        Fault::CutOutput(at) | Fault::LostTail(at) => at,
        _ => u64::MAX,
    };
    let mut buffer = vec![0; if fault == Fault::Drip { 1 } else { 64 << 10 }];
    let mut read = 0;
    loop {
        let left = usize::try_from(limit - read).unwrap_or(usize::MAX);
        if left == 0 {
            return Stop::Fault;
        }
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return Stop::End,
            Ok(count) => {
                let count = count.min(left);
                read += count as u64;
                let bytes = Bytes::copy_from_slice(&buffer[..count]);
                // Nobody listens, but the process goes on all the same.
                told.send(event(bytes)).await.ok();
            }
        }
    }
}

/// Sends a signal to a process group.
pub(crate) fn signal(group: u32, name: &str) {
    std::process::Command::new("kill")
        .args([&format!("-{name}"), "--", &format!("-{group}")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
}

/// Programs that do something else than they should, put before those of dash.
pub(crate) struct Programs {
    pub(crate) dir: PathBuf,
}

/// What happens when so many programs have been started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// Everything is killed instead of running it.
    KillBefore,
    /// Everything is killed after it has run.
    KillAfter,
    /// Everything stands still before it runs.
    StopBefore,
}

impl Programs {
    pub(crate) fn new(dir: &Path) -> Self {
        let dir = dir.join("programs");
        std::fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    /// Replaces a program by the body of a script; `real` in it runs the program.
    pub(crate) fn replace(&self, name: &str, body: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.dir.join(name);
        let text = format!("#!/usr/bin/dash\nreal() {{ /usr/bin/{name} \"$@\"; }}\n{body}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Strikes at the start of the `at`-th of some programs.
    pub(crate) fn strike(&self, names: &[&str], strike: Strike, at: u32) {
        let count = self.dir.join("count");
        std::fs::write(&count, format!("{at}\n")).unwrap();
        let count = count.display();
        let (signal, before, after) = match strike {
            Strike::KillBefore => ("KILL", "hit", "true"),
            Strike::KillAfter => ("KILL", "true", "hit"),
            Strike::StopBefore => ("STOP", "hit", "true"),
        };
        let body = format!(
            "read -r n < {count}\nn=$((n - 1))\necho $n > {count}\n\
             hit() {{ [ $n -ne 0 ] || {{ read -r _ _ _ _ g _ < /proc/self/stat; kill -{signal} -$g; }}; }}\n\
             {before}\nreal \"$@\"\nstatus=$?\n{after}\nexit $status"
        );
        for name in names {
            self.replace(name, &body);
        }
    }

    /// Tells whether there were so many.
    pub(crate) fn struck(&self) -> bool {
        let count = std::fs::read_to_string(self.dir.join("count")).unwrap();
        count.trim().parse::<i64>().unwrap() <= 0
    }

    /// Lets all programs be themselves again.
    pub(crate) fn restore(&self) {
        for entry in std::fs::read_dir(&self.dir).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

/// A volume with pods on it.
pub(crate) struct Volume {
    pub(crate) dir: tempfile::TempDir,
}

impl Volume {
    pub(crate) fn new() -> Self {
        let dir = match Path::new("/dev/shm").is_dir() {
            true => tempfile::tempdir_in("/dev/shm").unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(dir.path().join("shared")).unwrap();
        Self { dir }
    }

    pub(crate) fn shared(&self) -> PathBuf {
        self.dir.path().join("shared")
    }

    /// Describes a run in a pod, with short times.
    pub(crate) fn setup(&self, run: &str, pod: &str) -> Setup {
        let scratch = self.dir.path().join(format!("tmp-{run}-{pod}"));
        std::fs::create_dir_all(&scratch).unwrap();
        Setup {
            shared: self.shared().display().to_string(),
            scratch: scratch.display().to_string(),
            lock_watch: Duration::from_secs(2),
            lock_look: Duration::from_secs(1),
            stall: Duration::from_secs(10),
            retry: Duration::from_secs(30),
            pause: Duration::from_millis(20),
            ..Setup::new(TableName::fixed("cats"), run, pod)
        }
    }

    pub(crate) fn far(&self, shell: Shell) -> LocalFar {
        LocalFar::new(shell, self.dir.path())
    }

    pub(crate) fn published(&self) -> PathBuf {
        self.shared().join(".tracebloc-staging/cats")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.shared().join(".tracebloc-staging/.longshore/cats")
    }
}
