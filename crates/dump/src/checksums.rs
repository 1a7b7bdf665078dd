//! `CHECKSUMS`: the SHA-256 of every other file, in the form that `sha256sum -c` checks.
//!
//! Paths are bytes from end to end: a name that is not UTF-8 is listed as it is.

use std::io::{self, BufRead};

use data_encoding::HEXLOWER;
use fsroot::{InvalidPath, RelPath};

use crate::lines;

/// Reserved name of the file, in the root of the tree.
pub const FILE_NAME: &str = "CHECKSUMS";

/// A SHA-256.
pub type Digest = [u8; 32];

/// The longest line that is read, its newline not counted.
///
/// The longest path that Linux takes in one call (4,095 bytes), with every byte escaped, is half of it. Other readers of this
/// format stop at 8 KiB; no path of a tree that we write comes near that.
pub const LINE_LIMIT_BYTES: usize = 16 << 10;

const HEX_BYTES: usize = 64;

/// Appends the line of one file, with its newline.
///
/// A path with a backslash, LF or CR is escaped and the line marked with a leading backslash, as GNU coreutils do; other bytes stay.
pub fn line_into(digest: &Digest, path: &[u8], out: &mut Vec<u8>) {
    let escaped = path
        .iter()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    if escaped {
        out.push(b'\\');
    }
    let hex = out.len();
    out.resize(hex + HEX_BYTES, 0);
    HEXLOWER.encode_mut(digest, out.get_mut(hex..).unwrap_or_default());
    out.extend_from_slice(b"  ");
    if escaped {
        escape_into(path, out);
    } else {
        out.extend_from_slice(path);
    }
    out.push(b'\n');
}

fn escape_into(path: &[u8], out: &mut Vec<u8>) {
    for &byte in path {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file, from the root of the tree.
    pub path: RelPath,
    /// Its SHA-256.
    pub digest: Digest,
}

/// Says what is wrong with a line; the reader goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than [`LINE_LIMIT_BYTES`].
    #[error("the line is longer than 16 KiB")]
    TooLong,
    /// Not 64 lower-case hex digits followed by two spaces or a space and an asterisk.
    #[error("the line does not begin with a digest")]
    Digest,
    /// A backslash that begins none of the three escapes.
    #[error("the path has an unknown escape")]
    Escape,
    /// The path leads nowhere below the root.
    #[error("the path is not a relative path")]
    Path(#[source] InvalidPath),
}

/// Reads a CHECKSUMS file line by line; memory is one line. Blank lines are skipped.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Reader<R> {
    /// Starts at the first line of `input`.
    pub fn new(input: R) -> Reader<R> {
        Reader {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Returns the number of the line read last, blank ones counted; the first is 1.
    pub fn line_number(&self) -> u64 {
        self.number
    }

    /// Returns the next entry, or what is wrong with the line, or `None` at the end.
    pub fn next_entry(&mut self) -> io::Result<Option<Result<Entry, LineError>>> {
        loop {
            self.number += 1;
            return Ok(
                match lines::read(&mut self.input, &mut self.line, LINE_LIMIT_BYTES)? {
                    lines::Line::End => None,
                    lines::Line::TooLong => Some(Err(LineError::TooLong)),
                    lines::Line::Whole if self.line.is_empty() => continue,
                    lines::Line::Whole => Some(parse(&self.line)),
                },
            );
        }
    }
}

fn parse(line: &[u8]) -> Result<Entry, LineError> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (hex, rest) = line.split_at_checked(HEX_BYTES).ok_or(LineError::Digest)?;
    let mut digest = [0; 32];
    HEXLOWER
        .decode_mut(hex, &mut digest)
        .map_err(|_| LineError::Digest)?;
    // The asterisk marks binary mode, which means nothing on POSIX systems.
    let path = rest
        .strip_prefix(b"  ")
        .or_else(|| rest.strip_prefix(b" *"))
        .ok_or(LineError::Digest)?;
    let path = if escaped {
        RelPath::new(unescape(path)?)
    } else {
        RelPath::new(path)
    };
    Ok(Entry {
        path: path.map_err(LineError::Path)?,
        digest,
    })
}

fn unescape(path: &[u8]) -> Result<Vec<u8>, LineError> {
    let mut raw = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        raw.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'\\') => b'\\',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                _ => return Err(LineError::Escape),
            },
            other => other,
        });
    }
    Ok(raw)
}

#[cfg(test)]
mod tests;
