//! Reading mappings, strictly.

use std::borrow::Cow;
use std::io::{self, BufRead};

use data_encoding::BASE64URL_NOPAD;
use fsroot::{InvalidPath, RelPath};
use serde::Deserialize;

use super::{Kind, LINE_LIMIT_BYTES, Record};
use crate::{json, lines};

/// Says what is wrong with a line of a KEYMAP file.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// A line of [`LINE_LIMIT_BYTES`] or more.
    #[error("the line is 4 MiB or longer")]
    TooLong,
    /// Not a JSON object with the three fields present and not null.
    #[error("the line is not a KEYMAP object")]
    Json(#[source] serde_json::Error),
    /// `encoded` or `kind` is empty.
    #[error("the field {field} is empty")]
    Empty {
        /// Name of the field.
        field: &'static str,
    },
    /// `original` or `encoded_b64` is not base64url without padding.
    #[error("the field {field} is not base64url without padding")]
    Base64 {
        /// Name of the field.
        field: &'static str,
    },
    /// `encoded_b64` is the exact form of something else than `encoded`.
    #[error("encoded_b64 and encoded disagree")]
    Disagreement,
    /// `encoded` is no path, so it cannot be the name of a file of the tree.
    #[error("the field encoded is not a relative path")]
    Path(#[source] InvalidPath),
    /// The file cannot be read on.
    #[error("cannot read the file")]
    Io(#[source] io::Error),
}

/// Members beside these are tolerated, so that a later version can add some.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    encoded: Cow<'a, str>,
    #[serde(borrow)]
    original: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    encoded_b64: Option<Cow<'a, str>>,
}

/// Reads a KEYMAP file line by line; memory is one line.
///
/// Where two records give one `encoded`, the last counts; that is for the caller, who reads to the end.
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

    /// Returns the number of the line read last; the first is 1.
    pub fn line_number(&self) -> u64 {
        self.number
    }

    /// Returns the next mapping, or `None` at the end. After an error the reader must not be used on.
    pub fn next_record(&mut self) -> Result<Option<Record>, LineError> {
        self.number += 1;
        match lines::read(&mut self.input, &mut self.line, LINE_LIMIT_BYTES - 1)
            .map_err(LineError::Io)?
        {
            lines::Line::End => Ok(None),
            lines::Line::TooLong => Err(LineError::TooLong),
            lines::Line::Whole => parse(&self.line).map(Some),
        }
    }
}

fn parse(line: &[u8]) -> Result<Record, LineError> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(LineError::Json)?;
    if line.encoded.is_empty() {
        return Err(LineError::Empty { field: "encoded" });
    }
    if line.kind.is_empty() {
        return Err(LineError::Empty { field: "kind" });
    }
    let original = base64(&line.original, "original")?;
    let encoded = match &line.encoded_b64 {
        None => line.encoded.into_owned().into_bytes(),
        Some(exact) => {
            let exact = base64(exact, "encoded_b64")?;
            if json::lossy(&exact) != line.encoded {
                return Err(LineError::Disagreement);
            }
            exact
        }
    };
    RelPath::new(&encoded).map_err(LineError::Path)?;
    Ok(Record {
        encoded,
        original,
        kind: Kind::from_word(&line.kind),
    })
}

fn base64(text: &str, field: &'static str) -> Result<Vec<u8>, LineError> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| LineError::Base64 { field })
}
