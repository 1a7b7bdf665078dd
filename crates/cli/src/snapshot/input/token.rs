//! The token that a node keeps for each of its snapshots.

use std::path::{Path, PathBuf};

use snapshot::token::{Snap, SnapData, Token};

use super::directory::{DataDirectory, hexadecimal, names_in};
use super::unreadable;
use crate::exit::Exit;
use crate::failure::Failure;

/// More than any token needs; larger files carry an inline snapshot of an old node, or are damaged.
const MAX_SNAP_BYTES: u64 = 1 << 20;

/// The token of the snapshot with this index, if the node kept one.
///
/// A snapshot without a token was written by a node that died before it recorded it, and may be complete all the same.
/// A token that is there and cannot be read is an error: what it would have said is not known.
pub(super) fn of(directory: &DataDirectory, index: u64) -> Result<Option<Token>, Failure> {
    let Some(path) = newest_of_index(directory, index)? else {
        return Ok(None);
    };
    let size = std::fs::metadata(&path)
        .map_err(|error| unreadable(&path, &error))?
        .len();
    if size > MAX_SNAP_BYTES {
        return Err(unusable(&path, "the .snap file is larger than a token's"));
    }
    let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    let snap = Snap::parse(&bytes)
        .map_err(|error| unusable(&path, "the snapshot's token cannot be read").because(&error))?;
    match snap.data {
        SnapData::Token(token) if token.index == index && snap.index == index => Ok(Some(token)),
        SnapData::Token(token) => Err(unusable(&path, "the token belongs to another snapshot")
            .at("index", index)
            .at("token_index", token.index)),
        SnapData::Inline(_) => Err(unusable(
            &path,
            "the .snap file carries a snapshot instead of a token",
        )),
    }
}

/// The highest index for which the node kept a token.
pub(super) fn newest_index(directory: &DataDirectory) -> Result<Option<u64>, Failure> {
    Ok(all(directory)?.into_iter().map(|(_, index, _)| index).max())
}

/// The newest `.snap` file of a node, if the node is so old that it kept the snapshot itself in there.
pub(super) fn inline(directory: &DataDirectory) -> Option<PathBuf> {
    let found = all(directory).ok()?;
    let (_, _, path) = found
        .into_iter()
        .max_by_key(|(term, index, _)| (*index, *term))?;
    let is_large = std::fs::metadata(&path).ok()?.len() > MAX_SNAP_BYTES;
    let holds_snapshot = || {
        let snap = Snap::parse(&std::fs::read(&path).ok()?).ok()?;
        Some(matches!(snap.data, SnapData::Inline(data) if !data.is_empty()))
    };
    (is_large || holds_snapshot() == Some(true)).then_some(path)
}

fn newest_of_index(directory: &DataDirectory, index: u64) -> Result<Option<PathBuf>, Failure> {
    let of_index = all(directory)?
        .into_iter()
        .filter(|(_, other, _)| *other == index);
    Ok(of_index
        .max_by_key(|(term, _, _)| *term)
        .map(|(_, _, path)| path))
}

/// Term, index and path of every `.snap` file.
fn all(directory: &DataDirectory) -> Result<Vec<(u64, u64, PathBuf)>, Failure> {
    let Some(tokens) = &directory.tokens else {
        return Ok(Vec::new());
    };
    let parse = |name: &String| {
        let (term, index) = name.strip_suffix(".snap")?.split_once('-')?;
        Some((hexadecimal(term)?, hexadecimal(index)?, tokens.join(name)))
    };
    Ok(names_in(tokens)?.iter().filter_map(parse).collect())
}

fn unusable(path: &Path, message: &str) -> Failure {
    Failure::new(Exit::SnapshotDamaged, "input.token-unreadable", message)
        .at("path", path.display().to_string())
        .remedy("Use --no-token to read the snapshot without this check; its own checksum is verified all the same.")
}
