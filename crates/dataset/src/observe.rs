//! What a check says while it runs, and how it is stopped.

/// A part of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking for the files.
    Walk,
    /// Opening data files.
    Files,
    /// Reading the manifest.
    Manifest,
    /// Reading the files that rows name.
    Texts,
    /// Hashing what will be sent. Everything has been looked at once when this begins.
    Hash,
}

/// Watches a check.
pub trait Observer: Sync {
    /// A part begins.
    fn stage(&self, _stage: Stage) {}

    /// Says whether the check shall stop. Asked between parts, and often within long ones.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Why a check did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The observer said so.
    #[error("the check was cancelled")]
    Cancelled,
    /// Temporary files could not be written or read.
    #[error("temporary files cannot be used")]
    Scratch(#[from] spill::Error),
}

/// Stops if the observer wants to.
pub(crate) fn go_on(observer: &dyn Observer) -> Result<(), Stopped> {
    match observer.is_cancelled() {
        true => Err(Stopped::Cancelled),
        false => Ok(()),
    }
}
