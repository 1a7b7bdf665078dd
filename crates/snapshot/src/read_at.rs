use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Positional reads from something whose bytes do not move.
///
/// A read may be short; 0 means the end of the input.
pub trait ReadAt: Send + Sync {
    /// Reads into `buf` from `offset` and returns how many bytes were read.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Returns the number of bytes in the input.
    fn size_bytes(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..))
            .unwrap_or_default();
        let (from, to) = match (
            rest.split_at_checked(buf.len()),
            buf.split_at_mut_checked(rest.len()),
        ) {
            (Some((from, _)), _) => (from, buf),
            (None, Some((to, _))) => (rest, to),
            (None, None) => return Ok(0),
        };
        to.copy_from_slice(from);
        Ok(from.len())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buf)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// Fills as much of `buf` as the input has from `offset` on, and returns how much that was.
///
/// Interrupted and short reads are continued. Less than `buf.len()` means that the input ends there.
pub fn read_exact_at(
    source: &(impl ReadAt + ?Sized),
    offset: u64,
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(offset + filled as u64, rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
