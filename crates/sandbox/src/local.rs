//! A sandbox that outlives the command that starts it: its folder, its process, its end.
//!
//! The folder holds everything: `state.json` (who runs it), `kubeconfig`, `log`, and `data` with volumes and the SQL side. It is made
//! with mode 0700 by whoever starts the sandbox, and removed by whoever ends it.

mod report;

use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::fault::Script;
use crate::node::container::{self, ContainerError, Toolbox, Tools};
use crate::{Config, Failure, Sandbox, StartError, release};

pub use report::{Report, faults};

/// Version of the folder's contents. A program that finds another one leaves it alone.
const VERSION: u32 = 1;

/// How long a sandbox may take to start. Most take less than a second; a busy machine is no reason to give up.
const STARTING: Duration = Duration::from_secs(90);

/// How long it may take to end before it is killed, and then until it is gone.
const ENDING: Duration = Duration::from_secs(15);

/// How often a change is looked for.
const PERIOD: Duration = Duration::from_millis(20);

/// Room that the folder's disk has to have.
const ROOM_BYTES: usize = 4 << 20;

/// Why a sandbox was not started, found or ended.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is one already.
    #[error("a sandbox is running already")]
    Running(Box<State>),
    /// There is none.
    #[error("no sandbox is running")]
    NotRunning,
    /// The folder was made by another version of the program.
    #[error("the sandbox's folder has version {0}, and this program knows {VERSION}")]
    OtherVersion(u32),
    /// The folder holds no state, and was not made by this program.
    #[error("{0} is not a sandbox's folder")]
    NotOurs(PathBuf),
    /// Somebody else listens there.
    #[error("{0} is taken")]
    PortTaken(SocketAddr),
    /// The disk has no room.
    #[error("the disk is full")]
    DiskFull(PathBuf),
    /// A program that the image consists of is not installed.
    #[error(transparent)]
    Tool(ContainerError),
    /// Namespaces are needed and not allowed.
    #[error("volumes cannot be given a size here")]
    NoNamespaces,
    /// A fault script is none.
    #[error("{0}")]
    Faults(String),
    /// The process ended before it served.
    #[error("the sandbox ended before it was ready: {0}")]
    EndedEarly(String),
    /// It takes too long.
    #[error("the sandbox was not {0} within {1:?}")]
    TooSlow(&'static str, Duration),
    /// Starting it failed.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The release was refused.
    #[error(transparent)]
    Release(#[from] Failure),
    /// A file or process could not be worked with.
    #[error("cannot {what} {path}")]
    Io {
        /// The attempt.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LocalError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => LocalError::DiskFull(path),
        _ => LocalError::Io { what, path, source },
    }
}

/// What is known of a running sandbox. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Version of the folder.
    pub version: u32,
    /// The process.
    pub pid: i32,
    /// When the process began, in the kernel's ticks: tells it from a later one of the same number.
    pub began: u64,
    /// Address of the API server.
    pub server: String,
    /// Namespace of the release.
    pub namespace: String,
}

/// How long the release may take to come up before the sandbox says that it is up all the same.
const SETTLING: Duration = Duration::from_secs(60);

/// The same where a fault script may keep it from ever coming up.
const SETTLING_UNDER_FAULTS: Duration = Duration::from_secs(5);

/// How to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What is installed in images.
    pub tools: Tools,
    /// Namespace of the release.
    pub namespace: String,
    /// A fault script.
    pub faults: Option<String>,
    /// Size of every claim's volume; without it they have what the disk has.
    pub volume_bytes: Option<u64>,
}

/// Starts a sandbox in the background: `serve` is the command whose process it becomes, with the folder as its last argument.
///
/// # Errors
/// When there is one, or it cannot be started; then nothing is left.
pub fn up(folder: &Path, options: &Options, mut serve: Command) -> Result<State, LocalError> {
    if let Some(script) = &options.faults {
        parse(script)?;
    }
    let _turn = turn(folder)?;
    claim(folder)?;
    let started = start(folder, options, &mut serve);
    if started.is_err() {
        // Nothing runs in it.
        drop(fs::remove_dir_all(folder));
    }
    started
}

fn parse(script: &str) -> Result<Script, LocalError> {
    Script::parse(script).map_err(|error| LocalError::Faults(error.to_string()))
}

/// Waits until nobody else starts or ends a sandbox here: whoever starts one has a folder without a state for a while, which looks like a
/// dead one's. The lock is on the folder around it, so it leaves nothing, and goes with the process.
fn turn(folder: &Path) -> Result<fs::File, LocalError> {
    let around = folder.parent().unwrap_or(folder);
    fs::create_dir_all(around).map_err(io("make", around))?;
    let turn = fs::File::open(around).map_err(io("open", around))?;
    turn.lock().map_err(io("lock", around))?;
    Ok(turn)
}

/// Makes the folder; a dead sandbox's one is removed first.
fn claim(folder: &Path) -> Result<(), LocalError> {
    if folder.symlink_metadata().is_ok() {
        match status(folder) {
            Ok(state) => return Err(LocalError::Running(Box::new(state))),
            Err(LocalError::NotRunning) => {
                fs::remove_dir_all(folder).map_err(io("remove", folder))?;
            }
            Err(error) => return Err(error),
        }
    }
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    made.map_err(io("make", folder))?;
    write(&folder.join("options.json"), b"{}")
}

fn start(folder: &Path, options: &Options, serve: &mut Command) -> Result<State, LocalError> {
    let has_room = write(&folder.join("room"), &vec![0; ROOM_BYTES]);
    has_room?;
    drop(fs::remove_file(folder.join("room")));
    let toolbox = Toolbox::prepare(&folder.join("data/tools")).map_err(LocalError::Tool)?;
    toolbox.check(options.tools).map_err(LocalError::Tool)?;
    if options.volume_bytes.is_some() && !container::are_namespaces_allowed() {
        return Err(LocalError::NoNamespaces);
    }
    // The process itself would say it too, but only in its log.
    if let Err(error) = TcpListener::bind(options.listen) {
        return Err(match error.kind() {
            io::ErrorKind::AddrInUse => LocalError::PortTaken(options.listen),
            _ => StartError::Listen {
                address: options.listen,
                source: error,
            }
            .into(),
        });
    }
    let text = serde_json::to_vec(options).map_err(|error| io("write", folder)(error.into()))?;
    write(&folder.join("options.json"), &text)?;
    let log = folder.join("log");
    let output = create(&log)?;
    let errors = output.try_clone().map_err(io("write", &log))?;
    let mut child = serve
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(io("start", Path::new(serve.get_program())))?;
    let begun = Instant::now();
    loop {
        if let Ok(state) = status(folder) {
            return Ok(state);
        }
        if let Ok(Some(_)) = child.try_wait() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(LocalError::EndedEarly(said.trim().to_owned()));
        }
        if begun.elapsed() > STARTING {
            // It is ours, and of no use.
            drop(child.kill());
            drop(child.wait());
            return Err(LocalError::TooSlow("ready", STARTING));
        }
        std::thread::sleep(PERIOD);
    }
}

/// Says what runs.
///
/// # Errors
/// `NotRunning` when nothing does, whatever is left in the folder.
pub fn status(folder: &Path) -> Result<State, LocalError> {
    let path = folder.join("state.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(_) if !folder.exists() || folder.join("options.json").exists() => {
            return Err(LocalError::NotRunning);
        }
        Err(_) => return Err(LocalError::NotOurs(folder.to_owned())),
    };
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let version = value["version"]
        .as_u64()
        .and_then(|version| u32::try_from(version).ok());
    match version {
        Some(VERSION) => {}
        Some(other) => return Err(LocalError::OtherVersion(other)),
        None => return Err(LocalError::NotOurs(folder.to_owned())),
    }
    let Ok(state) = serde_json::from_value::<State>(value) else {
        return Err(LocalError::NotOurs(folder.to_owned()));
    };
    if began(state.pid) == Some(state.began) {
        Ok(state)
    } else {
        Err(LocalError::NotRunning)
    }
}

/// Ends the sandbox and removes its folder, volumes and SQL side included.
///
/// # Errors
/// When none runs, or it does not end.
pub fn down(folder: &Path) -> Result<State, LocalError> {
    if !folder.exists() {
        return Err(LocalError::NotRunning);
    }
    let _turn = turn(folder)?;
    let state = match status(folder) {
        Err(LocalError::NotRunning) if folder.exists() => {
            // A killed one: its processes are gone, its folder is not.
            fs::remove_dir_all(folder).map_err(io("remove", folder))?;
            return Err(LocalError::NotRunning);
        }
        known => known?,
    };
    let begun = Instant::now();
    let mut signal = Signal::TERM;
    while began(state.pid) == Some(state.began) {
        if let Some(pid) = Pid::from_raw(state.pid) {
            // It may have ended just now.
            kill_process(pid, signal).ok();
        }
        if begun.elapsed() > ENDING {
            signal = Signal::KILL;
        }
        if begun.elapsed() > ENDING * 2 {
            return Err(LocalError::TooSlow("gone", ENDING * 2));
        }
        std::thread::sleep(PERIOD * 5);
    }
    fs::remove_dir_all(folder).map_err(io("remove", folder))?;
    Ok(state)
}

/// Says whether this process is the administrator's.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says where the kubeconfig of a running sandbox is.
#[must_use]
pub fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("kubeconfig")
}

/// Says where the SQL side of a running sandbox is.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    release::database(&Config::new(folder.join("data")))
}

/// Is the sandbox: serves until `stop` says so. Called by the process that [`up`] starts.
///
/// # Errors
/// When it cannot start.
pub fn serve(folder: &Path, stop: impl Fn() -> bool) -> Result<(), LocalError> {
    let path = folder.join("options.json");
    let text = fs::read(&path).map_err(io("read", &path))?;
    let options: Options =
        serde_json::from_slice(&text).map_err(|error| io("read", &path)(error.into()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(io("start", folder))?;
    let served = runtime.block_on(serve_with(folder, &options, stop));
    // What still blocks is of no more use.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve_with(
    folder: &Path,
    options: &Options,
    stop: impl Fn() -> bool,
) -> Result<(), LocalError> {
    let ours = Ours::open(folder).map_err(io("open", folder))?;
    let mut config = Config::new(folder.join("data"));
    config.listen = options.listen;
    config.node.tools = options.tools;
    config.node.volume_bytes = options.volume_bytes;
    release::prepare(&mut config);
    let faults = config.node.faults.clone();
    if let Some(script) = &options.faults {
        faults.set(parse(script)?);
    }
    let running = Sandbox::start(config, Arc::new(faults.clone())).await?;
    release::install(running.sandbox(), &options.namespace)?;
    // Who is told that it is up goes on to use it.
    let settling = match options.faults {
        None => SETTLING,
        Some(_) => SETTLING_UNDER_FAULTS,
    };
    release::until_ready(running.sandbox(), &options.namespace, settling).await;
    if !ours.stands() {
        // Whoever started this one was killed, and another one has the place.
        running.stop().await;
        return Ok(());
    }
    let admin = running.sandbox().keys().admin().to_owned();
    let text = running.sandbox().kubeconfig(&admin, &options.namespace);
    write(&kubeconfig(folder), text.as_bytes())?;
    let pid = i32::try_from(std::process::id()).unwrap_or_default();
    let state = State {
        version: VERSION,
        pid,
        began: began(pid).unwrap_or_default(),
        server: format!("https://{}", running.sandbox().address()),
        namespace: options.namespace.clone(),
    };
    let text = serde_json::to_vec(&state).map_err(|error| io("write", folder)(error.into()))?;
    write(&folder.join("state.new"), &text)?;
    fs::rename(folder.join("state.new"), folder.join("state.json")).map_err(io("write", folder))?;
    // Without its folder, or with another one's state in it, nobody can find it any more.
    while !stop() && ours.stands() && ours.names(pid) {
        tokio::time::sleep(PERIOD).await;
    }
    running.stop().await;
    Ok(())
}

/// A folder as it was when it was opened. The handle keeps its number from being given to another one.
struct Ours {
    path: PathBuf,
    handle: fs::File,
}

impl Ours {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            handle: fs::File::open(path)?,
        })
    }

    /// Says whether the path still leads to it.
    fn stands(&self) -> bool {
        let number = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.handle.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) => number(ours) == number(there),
            _ => false,
        }
    }

    /// Says whether the state in it is that of this process.
    fn names(&self, pid: i32) -> bool {
        let text = fs::read(self.path.join("state.json")).unwrap_or_default();
        serde_json::from_slice::<State>(&text).is_ok_and(|state| state.pid == pid)
    }
}

/// A sandbox in this process, with the release, in a folder that goes with it.
///
/// For somebody who does not wait: it brings its own threads.
#[derive(Debug)]
pub struct Here {
    runtime: tokio::runtime::Runtime,
    running: crate::Running,
    folder: PathBuf,
}

impl Here {
    /// Starts one. `folder` must not exist; it is made with mode 0700.
    ///
    /// # Errors
    /// When it cannot be made, or the sandbox does not start; then nothing is left.
    pub fn start(folder: &Path, namespace: &str) -> Result<Self, LocalError> {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .map_err(io("make", folder))?;
        Self::begin(folder, namespace).inspect_err(|_| drop(fs::remove_dir_all(folder)))
    }

    fn begin(folder: &Path, namespace: &str) -> Result<Self, LocalError> {
        let data = folder.join("data");
        fs::create_dir(&data).map_err(io("make", &data))?;
        let mut config = Config::new(&data);
        release::prepare(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(io("start threads for", folder))?;
        let running = runtime.block_on(async {
            let running = Sandbox::start(config, Arc::new(crate::hook::NoFaults)).await?;
            release::install(running.sandbox(), namespace)?;
            release::until_ready(running.sandbox(), namespace, SETTLING).await;
            Ok::<_, LocalError>(running)
        })?;
        let admin = running.sandbox().keys().admin().to_owned();
        let text = running.sandbox().kubeconfig(&admin, namespace);
        write(&kubeconfig(folder), text.as_bytes())?;
        Ok(Self {
            runtime,
            running,
            folder: folder.to_owned(),
        })
    }

    /// Says where its kubeconfig is.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        kubeconfig(&self.folder)
    }

    /// Asks its SQL side.
    ///
    /// # Errors
    /// When it does not understand.
    pub fn query(&self, statement: &str) -> Result<release::Rows, release::SqlError> {
        release::query(
            &release::database(self.running.sandbox().config()),
            statement,
        )
    }

    /// Stops it and removes its folder.
    pub fn end(self) {
        self.runtime.block_on(self.running.stop());
        // It lies among temporary files; what cannot be removed is removed with those.
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn create(path: &Path) -> Result<fs::File, LocalError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(io("write", path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(io("write", path))
}

/// When a process began, if it runs: the 22nd field of its `stat`, counted behind its name, which may hold anything.
fn began(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // A dead process that nobody has asked after is dead.
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
