//! What is installed in an image: a name stands for a set of the machine's own tools.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ContainerError;

/// A set of tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tools {
    /// Everything the machine has.
    #[default]
    Host,
    /// A shell and the applets of the machine's busybox.
    Busybox,
    /// Nothing at all.
    Empty,
}

impl Tools {
    /// Spells it as in configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Busybox => "busybox",
            Self::Empty => "empty",
        }
    }
}

/// Directories of links, one a set of tools, for containers without a root of their own.
#[derive(Debug)]
pub struct Toolbox {
    directory: PathBuf,
    busybox: Option<PathBuf>,
}

impl Toolbox {
    /// Prepares the directories below `directory`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn prepare(directory: &Path) -> Result<Self, ContainerError> {
        for tools in [Tools::Busybox, Tools::Empty] {
            let path = directory.join(tools.name());
            std::fs::create_dir_all(&path).map_err(ContainerError::system("make", path))?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            busybox: find_on_host("busybox"),
        })
    }

    /// Returns the busybox program.
    ///
    /// # Errors
    /// When there is none on this machine.
    pub fn busybox(&self) -> Result<&Path, ContainerError> {
        let found = self.busybox.as_deref();
        found.ok_or(ContainerError::ToolMissing("busybox"))
    }

    /// Checks that the tools of a set are on this machine.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check(&self, tools: Tools) -> Result<(), ContainerError> {
        match tools {
            Tools::Host => find_on_host("sh")
                .map(drop)
                .ok_or(ContainerError::ToolMissing("sh")),
            Tools::Busybox => self.busybox().map(drop),
            Tools::Empty => Ok(()),
        }
    }

    /// Returns the `PATH` of a container without a root of its own, making the links when they are first asked for.
    ///
    /// # Errors
    /// When busybox is not installed, or does not tell its applets.
    pub fn path(&self, tools: Tools) -> Result<String, ContainerError> {
        let directory = self.directory.join(tools.name());
        match tools {
            Tools::Host => return Ok(host_path()),
            Tools::Empty => {}
            Tools::Busybox => self.link(&directory)?,
        }
        Ok(directory.display().to_string())
    }

    fn link(&self, directory: &Path) -> Result<(), ContainerError> {
        if directory.join("busybox").exists() {
            return Ok(());
        }
        let busybox = self.busybox()?;
        let list = std::process::Command::new(busybox)
            .arg("--list")
            .output()
            .map_err(ContainerError::system("run", busybox))?;
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        // The program itself last: its presence says that the links are complete.
        for applet in list
            .lines()
            .filter(|name| *name != "busybox")
            .chain(["busybox"])
        {
            let link = directory.join(applet);
            match std::os::unix::fs::symlink(busybox, &link) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(ContainerError::system("make", link)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Finds the program of a command in a container without a root of its own. A program that is named with its directory, such
    /// as `/bin/sh`, is taken from the tools too.
    ///
    /// # Errors
    /// When the tools do not have it.
    pub fn program(&self, tools: Tools, name: &str) -> Result<PathBuf, ContainerError> {
        let absent = || ContainerError::NotFound(name.to_owned());
        let path = Path::new(name);
        if path.is_absolute() {
            let below = ["/bin", "/sbin", "/usr", "/lib"];
            let is_tool = below.iter().any(|dir| path.starts_with(dir));
            let usable = !is_tool || tools == Tools::Host;
            if usable && path.exists() {
                return Ok(path.to_owned());
            }
            if !is_tool {
                return Err(absent());
            }
        }
        let file = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(absent)?;
        find_in(&self.path(tools)?, file).ok_or_else(absent)
    }
}

/// The `PATH` of containers with a root of their own.
pub(super) const CONTAINER_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn host_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| CONTAINER_PATH.to_owned())
}

/// Finds a program on this machine; the administrators' directories count even where they are not in `PATH`.
pub(super) fn find_on_host(name: &str) -> Option<PathBuf> {
    find_in(&host_path(), name).or_else(|| find_in(CONTAINER_PATH, name))
}

pub(super) fn find_in(path: &str, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
