//! Lines of bounded length from a stranger's file.

use std::io::{self, BufRead};

/// What [`read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its newline; the last one of a file may lack it.
    Whole,
    /// A line over the limit. It is skipped, and the next read gives the line after it; the buffer holds its start.
    TooLong,
    /// Nothing left.
    End,
}

/// Reads one line of at most `limit` bytes, its newline not counted, into `line`.
pub(crate) fn read(input: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Line> {
    line.clear();
    let mut started = false;
    let mut fits = true;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(if !started { Line::End } else { whole(fits) });
        }
        started = true;
        let newline = memchr::memchr(b'\n', buffer);
        let part = buffer
            .get(..newline.unwrap_or(buffer.len()))
            .unwrap_or_default();
        // Once too long, nothing more is kept: what is skipped may be gigabytes.
        fits = fits && part.len() <= limit.saturating_sub(line.len());
        if fits {
            line.extend_from_slice(part);
        }
        let consumed = part.len() + usize::from(newline.is_some());
        input.consume(consumed);
        if newline.is_some() {
            return Ok(whole(fits));
        }
    }
}

fn whole(fits: bool) -> Line {
    if fits { Line::Whole } else { Line::TooLong }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{Line, read};

    #[test]
    fn lines_come_whole_or_not_at_all_for_any_buffer_size() {
        for capacity in 1..12 {
            let mut input =
                BufReader::with_capacity(capacity, &b"abc\n\nabcdefgh\nx\nabcde\nlast"[..]);
            let mut line = Vec::new();
            let mut seen = Vec::new();
            loop {
                match read(&mut input, &mut line, 5).unwrap() {
                    Line::End => break,
                    Line::Whole => seen.push(String::from_utf8(line.clone()).unwrap()),
                    Line::TooLong => seen.push("too long".to_owned()),
                }
            }
            assert_eq!(
                seen,
                ["abc", "", "too long", "x", "abcde", "last"],
                "{capacity}"
            );
        }
    }
}
