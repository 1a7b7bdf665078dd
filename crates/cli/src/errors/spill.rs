//! Errors of sorting on disk.

use ::spill::Error;

use super::{Side, files, remedy};
use crate::exit::Exit;
use crate::failure::Failure;

/// Says what failed sorting means.
pub(crate) fn spill(error: &Error) -> Failure {
    let at = |id: &'static str, source: &std::io::Error, directory: &std::path::Path| {
        Failure::new(Exit::LocalIo, id, error.to_string())
            .at("path", directory.display().to_string())
            .because(source)
            .retryable()
    };
    match error {
        Error::DiskFull {
            scratch_dir,
            source,
        } => at("scratch.disk-full", source, scratch_dir)
            .remedy(format!("{} (--scratch-dir)", remedy::FREE_SPACE)),
        Error::Io {
            scratch_dir,
            source,
        } => at("scratch.failed", source, scratch_dir),
        Error::Create {
            scratch_dir,
            source,
        } => files(source, Side::Scratch)
            .at("path", scratch_dir.display().to_string())
            .remedy("Name a writable folder with --scratch-dir."),
    }
}
