//! Digests, taken where a file is read anyway: opening a small file costs more than hashing it.

use std::cmp::Ordering;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fsroot::{OpenFile, RelPath, Root};
use sha2::{Digest as _, Sha256};

use crate::finding::{Findings, Place};
use crate::layout::{DataFile, Folder, Stamp, cause, unreadable};
use crate::rule::{Remedied, Rule};

/// SHA-256 of a file.
pub(crate) type Digest = [u8; 32];

/// Whether rules that read a file shall hash it on the way.
///
/// No longer once something stands against sending; what was hashed by then is forgotten.
#[derive(Debug)]
pub(crate) struct Hashing(AtomicBool);

impl Hashing {
    /// Begins, if somebody wants digests at all.
    pub(crate) fn new(wanted: bool) -> Hashing {
        Hashing(AtomicBool::new(wanted))
    }

    /// Says whether the next file shall be hashed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Ends it if a finding is an error.
    pub(crate) fn look_at(&self, findings: &Findings) {
        if findings.has_error(Remedied::InData) || findings.has_error(Remedied::ByFlag) {
            self.0.store(false, Relaxed);
        }
    }
}

/// Room for a piece of a file, kept from file to file.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// Gives room for so many bytes, with whatever stands in it.
    pub(crate) fn of_length(&mut self, bytes: usize) -> &mut [u8] {
        if self.0.len() < bytes {
            self.0.resize(bytes, 0);
        }
        &mut self.0[..bytes]
    }
}

/// The size of a piece. Most files are one.
const PIECE_BYTES: usize = 256 << 10;

/// Whether more of a file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Read,
    Stop,
}

/// Reads a data file for a rule, whose `look` gets every piece, and hashes it on the way if that is wanted. Gives the digest if
/// the end was reached.
pub(crate) fn read(
    open: &mut OpenFile,
    hashing: &Hashing,
    buffer: &mut Buffer,
    mut look: impl FnMut(&[u8]) -> Next,
) -> Result<Option<Digest>, Unread> {
    let size_bytes = open.meta.size_bytes;
    let mut hasher = hashing.is_wanted().then(Sha256::new);
    let end = read_pieces(&mut open.file, size_bytes, buffer, |piece| {
        if let Some(hasher) = &mut hasher {
            hasher.update(piece);
        }
        look(piece)
    })?;
    let hasher = hasher.filter(|_| end == End::Reached);
    Ok(hasher.map(|hasher| hasher.finalize().into()))
}

/// Hashes a file that must still be what it was. The error says what became of it.
pub(crate) fn hash(
    root: &Root,
    source: &RelPath,
    stamp: Stamp,
    buffer: &mut Buffer,
) -> Result<Digest, String> {
    let mut open = open_unchanged(root, source, stamp)?;
    let mut hasher = Sha256::new();
    let read = read_pieces(&mut open.file, stamp.size_bytes, buffer, |piece| {
        hasher.update(piece);
        Next::Read
    });
    match read {
        Ok(_) => Ok(hasher.finalize().into()),
        Err(Unread::Changed(what)) => Err(what),
        Err(Unread::Refused(error)) => Err(format!("cannot be read: {}", cause(&error))),
        Err(Unread::Failed(error)) => Err(format!("cannot be read: {error}")),
    }
}

/// Where reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reached,
    Stopped,
}

/// Reads a file of a known size from its start to its end.
fn read_pieces(
    file: &mut impl Read,
    size_bytes: u64,
    buffer: &mut Buffer,
    mut look: impl FnMut(&[u8]) -> Next,
) -> Result<End, Unread> {
    let room = buffer.of_length(PIECE_BYTES);
    let mut length = 0u64;
    loop {
        let read = match file.read(room) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Unread::Failed(error)),
        };
        length += read as u64;
        // Without this a file that is written to faster than it is read would have no end.
        if length > size_bytes {
            return Err(Unread::Changed("grew while it was read".to_owned()));
        }
        if read > 0 && look(&room[..read]) == Next::Stop {
            return Ok(End::Stopped);
        }
        // A piece that is not full was the last; asking again would cost as much as reading a small file does.
        if read == 0 || (length == size_bytes && read < room.len()) {
            break;
        }
    }
    match length < size_bytes {
        true => Err(Unread::Changed("shrank while it was read".to_owned())),
        false => Ok(End::Reached),
    }
}

/// Why a file could not be read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is not what it was; half a sentence says what became of it.
    Changed(String),
    /// It cannot be opened, whether it changed or not.
    Refused(fsroot::Error),
    /// It could be opened, and not read.
    Failed(io::Error),
}

impl Unread {
    /// Adds the finding for a file that messages call `shown`.
    pub(crate) fn report(&self, shown: String, findings: &mut Findings) {
        match self {
            Unread::Changed(what) => changed(shown, what, findings),
            Unread::Refused(error) => unreadable(&shown, error, findings),
            Unread::Failed(error) => {
                let message = format!("{shown} cannot be read: {error}.");
                findings.add(Rule::EntryUnreadable, Place::file(shown), message);
            }
        }
    }
}

/// Says what became of a file.
pub(crate) fn changed(shown: String, what: &str, findings: &mut Findings) {
    let message = format!("{shown} {what}.");
    findings.add(Rule::FileChanged, Place::file(shown), message);
}

/// Opens a file for the rules. One that was looked at before must still be what it was then.
pub(crate) fn open(folder: Folder<'_>, file: &DataFile) -> Result<OpenFile, Unread> {
    let opened = folder.open(file);
    match file.stamp {
        Some(stamp) => unchanged(opened, stamp),
        None => opened.map_err(Unread::Refused),
    }
}

/// Opens a file that must be what it was.
pub(crate) fn open_unchanged(
    root: &Root,
    source: &RelPath,
    stamp: Stamp,
) -> Result<OpenFile, String> {
    unchanged(root.open_file(source), stamp).map_err(|unopened| match unopened {
        Unread::Changed(what) => what,
        Unread::Refused(error) => format!("cannot be opened any more: {}", cause(&error)),
        Unread::Failed(error) => format!("cannot be read: {error}"),
    })
}

/// Asks the open handle, so that nothing can be exchanged in between.
fn unchanged(opened: Result<OpenFile, fsroot::Error>, stamp: Stamp) -> Result<OpenFile, Unread> {
    let what = match opened {
        Ok(open) => {
            let now = Stamp::of(&open.meta);
            if now == stamp {
                return Ok(open);
            }
            match now.size_bytes.cmp(&stamp.size_bytes) {
                Ordering::Greater => "grew since it was checked".to_owned(),
                Ordering::Less => "shrank since it was checked".to_owned(),
                Ordering::Equal => "changed since it was checked".to_owned(),
            }
        }
        Err(fsroot::Error::NotFound { .. }) => "vanished".to_owned(),
        Err(fsroot::Error::SymlinkRefused { .. }) => "became a link".to_owned(),
        Err(fsroot::Error::NotRegular { kind, .. }) => format!("became a {kind}"),
        Err(error) => return Err(Unread::Refused(error)),
    };
    Err(Unread::Changed(what))
}
