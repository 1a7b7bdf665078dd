//! From what was typed to opened snapshots: files, a node's data directory, standard input.

mod directory;
mod log;
mod name;
mod spool;
mod token;

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use codec::Input;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::patience::until_signalled;
use crate::run::Context;
use directory::{Candidate, DataDirectory};
pub(crate) use log::LogTail;

/// Which snapshots to read, as it was typed.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// A snapshot file, a node's data directory, its `fsm-snap` folder, or `-` for standard input
    ///
    /// Of a directory the newest complete snapshot is read. Several inputs are the snapshots of one cluster's Raft
    /// groups and belong together; no group may be given twice.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Do not compare a snapshot with the token that its node keeps in `snap/`
    #[arg(long)]
    no_token: bool,

    /// Where standard input is put down for reading it twice [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

/// A snapshot that is open, and what lies around it.
pub(crate) struct Source {
    /// The snapshot.
    pub(crate) input: Input,
    /// What the node's log has behind it, where there is a log.
    pub(crate) log: Option<LogTail>,
}

/// A snapshot of a directory by its index, or why it could not be opened.
pub(crate) type Numbered = (u64, Result<Source, Failure>);

impl InputArgs {
    /// Opens every input, the newest snapshot of each directory.
    pub(crate) fn open(&self, context: &Context) -> Result<Vec<Source>, Failure> {
        self.check_standard_input(context)?;
        let mut found = Vec::new();
        for path in &self.inputs {
            found.push(self.find(path, context)?);
        }
        refuse_one_file_twice(&found)?;
        let paths: Vec<&Path> = found.iter().map(|found| found.path.as_path()).collect();
        let names = name::unique(&paths);
        let sources = found
            .into_iter()
            .zip(names)
            .map(|(found, name)| found.into_source(name));
        sources.collect()
    }

    /// Opens every complete snapshot of one directory, oldest first; each is tried on its own.
    pub(crate) fn open_all(&self, context: &Context) -> Result<Vec<Numbered>, Failure> {
        let [path] = self.inputs.as_slice() else {
            return Err(Failure::new(
                Exit::Usage,
                "usage.all-needs-one-directory",
                "--all takes one directory",
            )
            .remedy("Run it once for each directory."));
        };
        if !std::fs::metadata(path)
            .map_err(|error| unreadable(path, &error))?
            .is_dir()
        {
            return Err(Failure::new(
                Exit::Usage,
                "usage.all-needs-one-directory",
                "--all takes one directory",
            )
            .at("path", path.display().to_string())
            .remedy("Give the node's data directory, or leave out --all."));
        }
        let directory = DataDirectory::recognise(path)?;
        let mut candidates = directory.snapshots()?;
        candidates.reverse();
        let open = |candidate: &Candidate| {
            let found = self.open_candidate(&directory, candidate, context)?;
            let name = name::unique(&[found.path.as_path()]).concat();
            found.into_source(name)
        };
        Ok(candidates
            .iter()
            .map(|candidate| (candidate.index, open(candidate)))
            .collect())
    }

    /// Standard input can be read once, and nobody types a snapshot.
    fn check_standard_input(&self, context: &Context) -> Result<(), Failure> {
        match self
            .inputs
            .iter()
            .filter(|path| is_standard_input(path))
            .count()
        {
            0 => Ok(()),
            1 if context.environment.stdin_is_terminal => Err(Failure::new(
                Exit::Usage,
                "input.terminal",
                "standard input is a terminal",
            )
            .at("argument", "-")
            .remedy("Redirect a snapshot into the command, or name a file.")),
            1 => Ok(()),
            _ => Err(Failure::new(
                Exit::Usage,
                "usage.input-twice",
                "standard input is named twice",
            )
            .at("argument", "-")),
        }
    }

    fn find(&self, path: &Path, context: &Context) -> Result<Found, Failure> {
        if is_standard_input(path) {
            let file = spool::standard_input(self.spool_dir(context), context)?;
            return Ok(Found::alone(path, file));
        }
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            let directory = DataDirectory::recognise(path)?;
            let newest = directory.newest(&context.output)?;
            return self.open_candidate(&directory, &newest, context);
        }
        if !metadata.is_file() {
            // Opening a pipe waits for somebody who writes.
            let pipe = path.to_owned();
            let stream = until_signalled(&context.signals, move || File::open(pipe))?;
            let stream = stream.map_err(|error| unreadable(path, &error))?;
            let file = spool::stream(stream, self.spool_dir(context), context)?;
            return Ok(Found::alone(path, file));
        }
        match DataDirectory::around(path) {
            Some((directory, candidate)) => self.open_candidate(&directory, &candidate, context),
            None => {
                let file = File::open(path).map_err(|error| unreadable(path, &error))?;
                let index = directory::index_of(path);
                Ok(Found {
                    index,
                    ..Found::alone(path, file)
                })
            }
        }
    }

    fn open_candidate(
        &self,
        directory: &DataDirectory,
        candidate: &Candidate,
        context: &Context,
    ) -> Result<Found, Failure> {
        let file = File::open(&candidate.path)
            .map_err(|error| vanished_or_unreadable(&candidate.path, &error))?;
        let token = match self.no_token {
            true => None,
            false => token::of(directory, candidate.index)?,
        };
        let log = log::behind(directory, candidate.index)?;
        if let Some(tail) = &log {
            context.output.event(&tail.event(candidate.index));
        }
        Ok(Found {
            path: candidate.path.clone(),
            file,
            index: Some(candidate.index),
            token,
            log,
        })
    }

    fn spool_dir<'a>(&'a self, context: &'a Context) -> &'a Path {
        self.spool_dir
            .as_deref()
            .unwrap_or(&context.environment.temporary)
    }
}

struct Found {
    path: PathBuf,
    file: File,
    index: Option<u64>,
    token: Option<snapshot::token::Token>,
    log: Option<LogTail>,
}

impl Found {
    /// A snapshot with nothing of a node's around it.
    fn alone(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file,
            index: None,
            token: None,
            log: None,
        }
    }

    fn into_source(self, name: String) -> Result<Source, Failure> {
        let mut input =
            Input::file(name, self.file).map_err(|error| unreadable(&self.path, &error))?;
        input.index = self.index;
        input.token = self.token;
        Ok(Source {
            input,
            log: self.log,
        })
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Two names of one file would make every key a duplicate, which is a worse message than this one.
fn refuse_one_file_twice(found: &[Found]) -> Result<(), Failure> {
    let identity = |found: &Found| {
        found
            .file
            .metadata()
            .ok()
            .map(|meta: Metadata| (meta.dev(), meta.ino()))
    };
    for (position, one) in found.iter().enumerate() {
        let same = |other: &&Found| identity(other).is_some() && identity(other) == identity(one);
        if found.iter().take(position).any(|other| same(&other)) {
            return Err(Failure::new(
                Exit::Usage,
                "usage.input-twice",
                "the same snapshot is given twice",
            )
            .at("path", one.path.display().to_string())
            .remedy("Give one snapshot of each Raft group."));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let place = path.display().to_string();
    match error.kind() {
        ErrorKind::NotFound => {
            Failure::new(Exit::LocalIo, "input.not-found", "the input does not exist")
                .at("path", place)
                .remedy("Check the spelling; a data directory is the folder that holds fsm-snap/.")
        }
        ErrorKind::PermissionDenied => Failure::new(
            Exit::LocalIo,
            "input.not-permitted",
            "this user may not read the input",
        )
        .at("path", place)
        .remedy("Run as the user that owns the node's files, or copy the file first."),
        _ => Failure::new(
            Exit::LocalIo,
            "input.unreadable",
            "the input cannot be read",
        )
        .at("path", place)
        .because(error)
        .retryable(),
    }
}

/// A snapshot that was listed a moment ago and is gone was removed by the node, which keeps only the newest three.
fn vanished_or_unreadable(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => {
            Failure::new(Exit::LocalIo, "input.vanished", "the snapshot was removed while it was being opened")
                .at("path", path.display().to_string())
                .remedy("A running node keeps only its newest snapshots. Run the command again, or stop the node first.")
                .retryable()
        }
        _ => unreadable(path, error),
    }
}
