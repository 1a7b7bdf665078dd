//! What dead runs left beside a destination.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::destination::{Destination, stat_name};
use super::name::{Form, Role, Siblings, Token};
use super::publish::rename_to_absent;
use super::replace::marker_content;
use super::reserve::is_named;
use crate::platform::{self, Entries, Lock, Opening, Resolver};
use crate::remove::remove_dir_all;
use crate::{Error, Kind};

/// What a dead run left beside the destination, and what was done about it.
#[derive(Debug)]
pub enum Recovery {
    /// What it had staged, or an old destination it had replaced, was removed.
    Removed {
        /// Where it lay.
        path: PathBuf,
    },
    /// It died while replacing the destination; the new one now stands there.
    Completed {
        /// The destination.
        path: PathBuf,
    },
    /// It died while replacing the destination; the old one stands there.
    Undone {
        /// The destination.
        path: PathBuf,
    },
    /// Something was left where it lies; a person has to look.
    Left {
        /// Where it lies.
        path: PathBuf,
        /// Why it was left.
        reason: LeftReason,
    },
}

/// Why something that a run left was not removed.
#[derive(Debug)]
pub enum LeftReason {
    /// Dealing with it failed.
    Failed(Error),
    /// The file system has no locks, so the run that made it may be alive.
    MayBeAlive,
    /// Somebody else owns it.
    ForeignOwner,
    /// It is an old destination, and something other than its replacement has its name now.
    Displaced,
}

/// Cleans up what dead runs left for `destination`, and reports it.
///
/// [`StagedTree::begin`](crate::StagedTree::begin) does this first. Calling it before lets a caller
/// report what was found even if beginning then fails, because the destination exists.
pub fn recover_ambient(destination: &Path) -> Result<Vec<Recovery>, Error> {
    recover(&Destination::open(destination)?)
}

pub(crate) fn recover(destination: &Destination) -> Result<Vec<Recovery>, Error> {
    let fail = |source| destination.error("look for remains of", source);
    let siblings = Siblings::of(&destination.name);
    let mut found = Vec::new();
    for entry in Entries::of(destination.dir()).map_err(fail)? {
        let (name, kind) = entry.map_err(fail)?;
        if let Some((role, form, token)) = siblings.recognise(&name) {
            found.push(Sibling {
                name,
                kind,
                role,
                form,
                token,
            });
        }
    }
    // Markers first: what they speak of is not to be taken for plain remains.
    found.sort_by_key(|sibling| sibling.role != Role::Marker);
    let mut recoveries = Vec::new();
    for sibling in &found {
        let outcome = match sibling.role {
            Role::Marker => Replacement::of(destination, &siblings, sibling).recover(),
            Role::Staging => sweep(destination, sibling),
            Role::Replaced => displaced(destination, sibling),
        };
        recoveries.extend(outcome.unwrap_or_else(|source| {
            let path = destination.sibling_path(&sibling.name);
            let reason = LeftReason::Failed(Error::new("clean up", &path, source));
            Some(Recovery::Left { path, reason })
        }));
    }
    Ok(recoveries)
}

/// Something beside the destination with a name of ours.
struct Sibling {
    name: Vec<u8>,
    kind: Kind,
    role: Role,
    form: Form,
    token: Token,
}

/// Whether a sibling may be dealt with.
enum Claim {
    /// Its run is dead; the lock keeps others from dealing with it at the same time.
    Dead {
        #[expect(dead_code, reason = "held for its lock")]
        lock: OwnedFd,
    },
    /// Its run lives, or it is gone, or it is none of ours: nothing to say.
    Ignore,
    Leave(LeftReason),
}

fn claim(destination: &Destination, name: &[u8], kind: Kind) -> io::Result<Claim> {
    let opening = match kind {
        Kind::Directory => Opening::Directory,
        Kind::File => Opening::File,
        // Nothing that we make.
        _ => return Ok(Claim::Ignore),
    };
    let handle = platform::open_beneath(Resolver::Walk, destination.dir(), name, opening);
    let handle = match handle {
        Err(error) if platform::cause(&error) == platform::Cause::NotFound => {
            return Ok(Claim::Ignore);
        }
        answer => answer?,
    };
    let (opened, meta) = platform::stat(handle.as_fd())?;
    if opened != kind {
        return Ok(Claim::Ignore);
    }
    if meta.uid != platform::effective_user() {
        return Ok(Claim::Leave(LeftReason::ForeignOwner));
    }
    match platform::lock(handle.as_fd())? {
        Lock::Held => Ok(Claim::Ignore),
        Lock::Unsupported => Ok(Claim::Leave(LeftReason::MayBeAlive)),
        // Between opening and locking its run may have published it, and lives on without lock.
        Lock::Taken if is_named(destination, name, &handle)? => Ok(Claim::Dead { lock: handle }),
        Lock::Taken => Ok(Claim::Ignore),
    }
}

fn sweep(destination: &Destination, sibling: &Sibling) -> io::Result<Option<Recovery>> {
    let path = destination.sibling_path(&sibling.name);
    let _lock = match claim(destination, &sibling.name, sibling.kind)? {
        Claim::Ignore => return Ok(None),
        Claim::Leave(reason) => return Ok(Some(Recovery::Left { path, reason })),
        dead @ Claim::Dead { .. } => dead,
    };
    match sibling.kind {
        Kind::Directory => remove_dir_all(destination.dir(), &sibling.name)?,
        _ => platform::unlink(destination.dir(), &sibling.name)?,
    }
    Ok(Some(Recovery::Removed { path }))
}

/// An old tree is dealt with along with its marker; one that remains has lost it.
fn displaced(destination: &Destination, sibling: &Sibling) -> io::Result<Option<Recovery>> {
    let there = stat_name(destination.dir(), &sibling.name)?;
    let marker = Siblings::of(&destination.name).name(Role::Marker, sibling.form, sibling.token);
    if there.is_none() || stat_name(destination.dir(), &marker)?.is_some() {
        return Ok(None);
    }
    Ok(Some(Recovery::Left {
        path: destination.sibling_path(&sibling.name),
        reason: LeftReason::Displaced,
    }))
}

/// A replacement by two renames that a dead run began.
struct Replacement<'a> {
    destination: &'a Destination,
    marker: &'a Sibling,
    staged: Vec<u8>,
    aside: Vec<u8>,
}

impl<'a> Replacement<'a> {
    fn of(
        destination: &'a Destination,
        siblings: &Siblings,
        marker: &'a Sibling,
    ) -> Replacement<'a> {
        let name = |role| siblings.name(role, marker.form, marker.token);
        Replacement {
            destination,
            marker,
            staged: name(Role::Staging),
            aside: name(Role::Replaced),
        }
    }

    fn recover(&self) -> io::Result<Option<Recovery>> {
        let path = self.destination.sibling_path(&self.marker.name);
        let marker = claim(self.destination, &self.marker.name, self.marker.kind)?;
        // A run holds its staged tree's lock from before it makes the marker, so that a marker
        // whose lock it has not taken yet is not taken for a dead run's.
        let staged = match stat_name(self.destination.dir(), &self.staged)? {
            Some((kind, _)) => Some(claim(self.destination, &self.staged, kind)?),
            None => None,
        };
        match (&marker, &staged) {
            (Claim::Ignore, _) | (_, Some(Claim::Ignore)) => Ok(None),
            (Claim::Leave(_), _) | (_, Some(Claim::Leave(_))) => {
                let reason = [Some(marker), staged]
                    .into_iter()
                    .flatten()
                    .find_map(|claim| match claim {
                        Claim::Leave(reason) => Some(reason),
                        _ => None,
                    });
                Ok(reason.map(|reason| Recovery::Left { path, reason }))
            }
            (Claim::Dead { .. }, staged) => self.decide(staged.is_some()),
        }
    }

    /// The table of the states in which a run can have died.
    fn decide(&self, staged: bool) -> io::Result<Option<Recovery>> {
        let dir = self.destination.dir();
        let aside = stat_name(dir, &self.aside)?.is_some();
        let present = stat_name(dir, &self.destination.name)?.is_some();
        let path = self.destination.path.clone();
        match (aside, present, staged) {
            // Nothing was moved yet.
            (false, _, true) => self.unmark(Recovery::Undone { path }),
            // Everything was done but this.
            (false, _, false) => self.unmark(Recovery::Completed { path }),
            // Between the renames. The staged tree was synced before the marker was made.
            (true, false, true) => {
                rename_to_absent(self.destination, &self.staged)?;
                platform::sync_handle(dir)?;
                self.remove_aside()
            }
            (true, false, false) => {
                rename_to_absent(self.destination, &self.aside)?;
                platform::sync_handle(dir)?;
                self.unmark(Recovery::Undone { path })
            }
            (true, true, false) if self.replacement_stands()? => self.remove_aside(),
            // Somebody has put something else there; what was set aside may be all they have.
            (true, true, _) => self.unmark(Recovery::Left {
                path: self.destination.sibling_path(&self.aside),
                reason: LeftReason::Displaced,
            }),
        }
    }

    fn replacement_stands(&self) -> io::Result<bool> {
        let standing = stat_name(self.destination.dir(), &self.destination.name)?;
        let marker = platform::open_beneath(
            Resolver::Walk,
            self.destination.dir(),
            &self.marker.name,
            Opening::File,
        )?;
        let mut content = String::new();
        std::fs::File::from(marker)
            .take(64)
            .read_to_string(&mut content)?;
        Ok(standing.is_some_and(|(_, meta)| marker_content(&meta) == content))
    }

    fn remove_aside(&self) -> io::Result<Option<Recovery>> {
        remove_dir_all(self.destination.dir(), &self.aside)?;
        self.unmark(Recovery::Completed {
            path: self.destination.path.clone(),
        })
    }

    fn unmark(&self, outcome: Recovery) -> io::Result<Option<Recovery>> {
        platform::unlink(self.destination.dir(), &self.marker.name)?;
        Ok(Some(outcome))
    }
}
