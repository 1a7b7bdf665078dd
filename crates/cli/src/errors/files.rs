//! Errors of file operations.

use ::fsroot::Error;

use super::remedy;
use crate::exit::Exit;
use crate::failure::Failure;

/// What a file that could not be worked with is to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Something the command was to read.
    Input,
    /// Something the command was to write.
    Output,
    /// A scratch file.
    Scratch,
}

impl Side {
    fn id(self, input: &'static str, output: &'static str, scratch: &'static str) -> &'static str {
        match self {
            Self::Input => input,
            Self::Output => output,
            Self::Scratch => scratch,
        }
    }
}

/// Says what a failed file operation means.
pub(crate) fn files(error: &Error, side: Side) -> Failure {
    let said = error.to_string();
    let at = |exit: Exit, id: &'static str| {
        let failure =
            Failure::new(exit, id, said.as_str()).at("path", error.path().display().to_string());
        match std::error::Error::source(error) {
            Some(source) => failure.because(source),
            None => failure,
        }
    };
    match error {
        Error::DestinationUnnamed { .. } => {
            at(Exit::Usage, "output.unnamed").remedy("Name the directory that is to be made.")
        }
        Error::ParentMissing { path } => at(Exit::LocalIo, "output.parent-missing")
            .remedy(format!("Create it first: mkdir -p {}", path.display())),
        Error::ParentNotADirectory { .. } => {
            at(Exit::LocalIo, "output.parent-not-a-directory").remedy("Name a place inside a directory.")
        }
        Error::DestinationExists { .. } => at(Exit::DestinationExists, "output.exists")
            .remedy("Name a new directory or an empty one."),
        Error::DestinationUnfit { .. } => at(Exit::DestinationExists, "output.not-replaceable")
            .remedy("Name a place where nothing stands; this is not replaced."),
        Error::DestinationProtected { .. } => at(Exit::DestinationExists, "output.not-a-dump")
            .remedy("Only an empty directory or a dump is replaced. Name a new directory, or remove this one yourself."),
        Error::DestinationChanged { .. } => at(Exit::LocalIo, "output.changed")
            .remedy("Nothing was replaced. See what else writes there, then run the command again.")
            .retryable(),
        Error::OtherFileSystem { .. } => at(Exit::LocalIo, "output.other-file-system")
            .remedy("Name a new directory inside the mounted one; a mount point cannot be replaced by a rename."),
        Error::DiskFull { .. } => at(Exit::LocalIo, side.id("input.disk-full", "output.disk-full", "scratch.disk-full"))
            .remedy(remedy::FREE_SPACE)
            .retryable(),
        Error::SymlinkRefused { .. } => at(Exit::LocalIo, side.id("input.symlink", "output.symlink", "scratch.symlink"))
            .remedy("Name the real place; links inside a tree are never followed."),
        Error::NotADirectory { .. } => at(
            Exit::LocalIo,
            side.id("input.not-a-directory", "output.not-a-directory", "scratch.not-a-directory"),
        )
        .remedy("Name a directory; everything in front of its last part has to be one too."),
        Error::NotRegular { .. } => at(Exit::LocalIo, side.id("input.not-regular", "output.not-regular", "scratch.not-regular"))
            .remedy("Only regular files are taken; name or put one there."),
        Error::AlreadyWritten { .. } => at(Exit::LocalIo, "output.written-twice").remedy(
            "The file system takes two different names for one. Use --portable-names, or a file system that tells case apart.",
        ),
        Error::NotFound { .. } => at(Exit::LocalIo, side.id("input.not-found", "output.not-found", "scratch.not-found"))
            .remedy("Check the spelling, and whether something else moves what is there."),
        Error::StillWriting { .. } => at(Exit::Internal, "internal.still-writing").remedy(remedy::REPORT),
        Error::Io { .. } => {
            at(Exit::LocalIo, side.id("input.unreadable", "output.failed", "scratch.failed"))
                .remedy("See the cause: permissions of the path and of the directory it is in, or the health of the disk.")
                .retryable()
        }
    }
}
