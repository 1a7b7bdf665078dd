//! The journal's file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use fsroot::{Existing, Mode, RelPath, Root, StagedOutput};
use serde::{Deserialize, Serialize};

use super::{JournalError, Run};

/// The version that is written. A change that an older program would misread gets the next one.
pub(super) const VERSION: u64 = 1;

const NAME: &str = "runs.json";

/// Longest file that is read; a thousand runs are an eighth of it.
const FILE_MAX_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct Envelope {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u64,
    runs: Vec<Run>,
}

/// Reads the runs; none if there is no file, or no folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Run>, JournalError> {
    let path = folder.join(NAME);
    let Some(text) = bytes(folder, &path)? else {
        return Ok(Vec::new());
    };
    let corrupt = |error: serde_json::Error| JournalError::Corrupt {
        path: path.clone(),
        reason: error.to_string(),
    };
    // The version first: what else a later one has is its own.
    let Envelope { version } = serde_json::from_slice(&text).map_err(corrupt)?;
    if version != VERSION {
        return Err(JournalError::Newer { path, version });
    }
    let content: Content = serde_json::from_slice(&text).map_err(corrupt)?;
    Ok(content.runs)
}

fn bytes(folder: &Path, path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    let opened = Root::open_ambient(folder).and_then(|root| root.open_file(&name(path)?));
    let opened = match opened {
        Ok(opened) => opened,
        Err(fsroot::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    let read = opened.file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes);
    let corrupt = |reason: String| JournalError::Corrupt {
        path: path.to_owned(),
        reason,
    };
    read.map_err(|error| corrupt(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(corrupt(format!("it is longer than {FILE_MAX_BYTES} bytes")));
    }
    Ok(Some(bytes))
}

fn name(path: &Path) -> Result<RelPath, fsroot::Error> {
    RelPath::new(NAME.as_bytes()).map_err(|_| fsroot::Error::NotFound {
        path: path.to_owned(),
    })
}

/// Replaces the file by one with these runs.
pub(super) fn write(folder: &Path, runs: &[Run]) -> Result<(), JournalError> {
    let path: PathBuf = folder.join(NAME);
    let content = Content {
        version: VERSION,
        runs: runs.to_vec(),
    };
    let mut text = serde_json::to_vec_pretty(&content).map_err(|error| JournalError::Corrupt {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    let (mut output, _) = StagedOutput::begin(&path, Existing::Replace, Mode::Private)?;
    output.append(&text)?;
    output.publish()?;
    Ok(())
}
