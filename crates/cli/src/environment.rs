//! The process environment, read once and in one place.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use cluster::stage::{Owner, RunId};
use cluster::target::Surroundings;

/// What the program takes from its surroundings apart from the command line.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// `NO_COLOR` is set and not empty, or the terminal cannot do colours.
    pub(crate) no_color: bool,
    /// `SOURCE_DATE_EPOCH`, as it was set.
    pub(crate) source_date_epoch: Option<OsString>,
    /// Where temporary files go: `TMPDIR`, or the system's folder for them.
    pub(crate) temporary: PathBuf,
    /// `HOME`, which a leading `~` stands for.
    pub(crate) home: Option<PathBuf>,
    /// Where a user's data lies: `XDG_DATA_HOME`, or `.local/share` in `HOME`.
    pub(crate) data_home: Option<PathBuf>,
    /// Where a user's state lies: `XDG_STATE_HOME`, or `.local/state` in `HOME`.
    pub(crate) state_home: Option<PathBuf>,
    /// What matters for reaching a cluster.
    pub(crate) cluster: Surroundings,
    /// Who runs this, for others to read: never decided upon.
    pub(crate) user: String,
    /// The machine that it runs on, for others to read.
    pub(crate) host: String,
    /// This program.
    pub(crate) program: Option<PathBuf>,
    /// Standard input is a terminal.
    pub(crate) stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
    /// Whether the terminal can do nothing but show one line below the other.
    pub(crate) is_dumb: bool,
}

impl Environment {
    /// Tells whether a line on standard error can be drawn again.
    pub(crate) fn redraws(&self) -> bool {
        self.stderr_is_terminal && !self.is_dumb
    }

    /// Reads the environment of this process.
    pub(crate) fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            no_color: set("NO_COLOR") || dumb,
            is_dumb: dumb,
            source_date_epoch: std::env::var_os("SOURCE_DATE_EPOCH"),
            temporary: std::env::temp_dir(),
            home: std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .map(PathBuf::from),
            data_home: base_folder("XDG_DATA_HOME", ".local/share"),
            state_home: base_folder("XDG_STATE_HOME", ".local/state"),
            cluster: surroundings(),
            user: text(&["USER", "LOGNAME"]).unwrap_or_else(|| "unknown".to_owned()),
            host: host(),
            program: std::env::current_exe().ok(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Says who runs this, for the stage pods of a run.
    pub(crate) fn owner(&self, run: RunId) -> Owner {
        Owner {
            run,
            host: self.host.clone(),
            user: self.user.clone(),
        }
    }
}

/// The first of several variables that is set and not empty.
fn text(names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    values.find(|value| !value.is_empty())
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => text(&["HOSTNAME"]).unwrap_or_else(|| "unknown".to_owned()),
        name => name.to_owned(),
    }
}

fn surroundings() -> Surroundings {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let address = text(&["KUBERNETES_SERVICE_HOST"]);
    Surroundings {
        kubeconfig: std::env::split_paths(&listed).collect(),
        home: std::env::var_os("HOME").map(PathBuf::from),
        https_proxy: text(&["HTTPS_PROXY", "https_proxy"]),
        http_proxy: text(&["HTTP_PROXY", "http_proxy"]),
        no_proxy: text(&["NO_PROXY", "no_proxy"]),
        service: address.zip(text(&["KUBERNETES_SERVICE_PORT"])),
        has_terminal: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
    }
}

/// A folder of the base directory specification: what the variable names, or a place in the home.
fn base_folder(variable: &str, at_home: &str) -> Option<PathBuf> {
    let folder = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        // A relative path is to be ignored, says the specification of these variables.
        path.is_absolute().then_some(path)
    };
    folder(variable).or_else(|| Some(folder("HOME")?.join(at_home)))
}
