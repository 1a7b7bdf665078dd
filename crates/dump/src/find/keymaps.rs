//! Looking through a KEYMAP file without holding it.

use std::io::BufReader;

use fsroot::{RelPath, Root};

use crate::Error;
use crate::keymap::{LineError, Reader, Record};

/// Calls `each` with every mapping of the file, in order; a file that is not there has none.
pub(super) fn scan(root: &Root, path: &RelPath, mut each: impl FnMut(Record)) -> Result<(), Error> {
    let open = match root.open_file(path) {
        Ok(open) => open,
        Err(fsroot::Error::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut reader = Reader::new(BufReader::new(open.file));
    loop {
        match reader.next_record() {
            Ok(Some(record)) => each(record),
            Ok(None) => return Ok(()),
            Err(LineError::Io(source)) => {
                return Err(Error::Read {
                    path: path.clone(),
                    source,
                });
            }
            Err(source) => {
                return Err(Error::Keymap {
                    path: path.clone(),
                    line: reader.line_number(),
                    source,
                });
            }
        }
    }
}

/// Returns the name behind `encoded`; the last mapping counts.
pub(super) fn original_of(
    root: &Root,
    path: &RelPath,
    encoded: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let mut original = None;
    scan(root, path, |record| {
        if record.encoded == encoded {
            original = Some(record.original);
        }
    })?;
    Ok(original)
}
