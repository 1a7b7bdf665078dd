//! Records of a CSV file, one at a time, in memory that does not grow with the file.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader};
use memchr::memchr3;

use super::gate::{Gate, Offence};

/// The largest record that is kept in memory unless a flag says otherwise.
pub const RECORD_MAX_BYTES: u64 = 16 << 20;

/// What a field counts besides its contents: a column costs as much by its name, its place and what is known of it.
const FIELD_BYTES: usize = 32;

/// Read at once. Large enough that the system call does not count, small enough for the second-level cache.
const BUFFER_BYTES: usize = 256 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads records from a file.
///
/// Empty lines are skipped; lines of blanks are records here. Line ends are LF, CRLF and CR. A quote inside an unquoted field is
/// itself; text after a closing quote belongs to the field.
pub(crate) struct Records<R> {
    source: R,
    gate: Gate,
    core: Reader,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    at_end: bool,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Ends of the fields of a record that stays in `buffer`.
    plain_ends: Vec<usize>,
    /// Line on which the next record begins, unless empty lines follow.
    line: u64,
    /// The last line ended in CR, so that an LF now belongs to it.
    after_cr: bool,
    has_bom: bool,
    /// The largest record that is kept.
    limit: usize,
}

/// A record that is a line as it stands: its bytes, and those of the line's end.
struct Plain {
    length: usize,
    ending: usize,
}

/// One record, borrowed from its reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The contents of all fields, one behind the other.
    fields: &'a [u8],
    /// Where each field ends.
    ends: &'a [usize],
    /// Bytes between two fields: the comma of a record that is a line as it stands in the file, or nothing.
    gap: usize,
    /// Line on which it begins, from 1.
    pub(crate) line: u64,
    /// Whether it is worth looking for a backslash.
    may_have_backslash: bool,
}

/// Why there is no next record.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file could not be read.
    Io(io::Error),
    /// It is not text. The offset counts a BOM.
    Encoding(Offence),
    /// The record that begins on this line has a quote that does not close.
    OpenQuote {
        /// The record's first line.
        line: u64,
    },
    /// The record that begins on this line does end, but has more bytes than are kept.
    TooLong {
        /// The record's first line.
        line: u64,
        /// The most that is kept.
        limit_bytes: u64,
    },
}

impl<R: Read> Records<R> {
    /// Starts at the beginning of a file. A BOM is left out.
    pub(crate) fn new(source: R) -> Result<Records<R>, ReadError> {
        Records::with_limit(source, RECORD_MAX_BYTES)
    }

    /// The same with another limit for the bytes of a record.
    pub(crate) fn with_limit(source: R, limit_bytes: u64) -> Result<Records<R>, ReadError> {
        let mut records = Records {
            source,
            gate: Gate::default(),
            core: Reader::new(),
            buffer: vec![0; BUFFER_BYTES].into(),
            start: 0,
            end: 0,
            at_end: false,
            fields: vec![0; 4096],
            ends: vec![0; 64],
            plain_ends: Vec::new(),
            line: 1,
            after_cr: false,
            has_bom: false,
            // One more must not overflow; nobody has a memory of half the addresses.
            limit: usize::try_from(limit_bytes)
                .unwrap_or(usize::MAX)
                .min(usize::MAX / 2),
        };
        records.fill()?;
        if records.buffer[..records.end].starts_with(BOM) {
            records.has_bom = true;
            records.start = BOM.len();
        }
        Ok(records)
    }

    /// Says whether the file begins with a BOM.
    pub(crate) fn has_bom(&self) -> bool {
        self.has_bom
    }

    /// Reads the next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        if !self.skip_empty_lines()? {
            return Ok(None);
        }
        match self.plain_line() {
            Some(plain) if plain.length > self.limit => Err(self.too_long(self.line)),
            Some(plain) => Ok(Some(self.take_plain(plain))),
            None => self.next_unusual().map(Some),
        }
    }

    /// Finds the next record if it is a line in the buffer without any quote, as nearly all are.
    fn plain_line(&self) -> Option<Plain> {
        let rest = self.buffer.get(self.start..self.end)?;
        let length = memchr3(b'\n', b'\r', b'"', rest)?;
        let ending = match rest.get(length..)? {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        Some(Plain { length, ending })
    }

    fn take_plain(&mut self, plain: Plain) -> Record<'_> {
        let line = self.line;
        let text = &self.buffer[self.start..self.start + plain.length];
        self.plain_ends.clear();
        let commas = text.iter().enumerate().filter(|(_, byte)| **byte == b',');
        self.plain_ends.extend(commas.map(|(position, _)| position));
        self.plain_ends.push(text.len());
        self.start += plain.length + plain.ending;
        self.line += 1;
        self.after_cr = false;
        Record {
            fields: text,
            ends: &self.plain_ends,
            gap: 1,
            line,
            may_have_backslash: true,
        }
    }

    fn next_unusual(&mut self) -> Result<Record<'_>, ReadError> {
        let line = self.line;
        let lines_before = self.core.line();
        let (mut filled, mut count) = (0, 0);
        loop {
            let (result, read, written, ended) = self.core.read_record(
                &self.buffer[self.start..self.end],
                &mut self.fields[filled..],
                &mut self.ends[count..],
            );
            self.start += read;
            filled += written;
            count += ended;
            match result {
                ReadRecordResult::Record if self.exceeds(filled, count) => {
                    return Err(self.too_long(line));
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull
                    if self.exceeds(filled, count) =>
                {
                    return Err(self.pass_over(line));
                }
                ReadRecordResult::OutputFull => {
                    let length = self.fields.len() * 2;
                    self.fields.resize(length.min(self.limit + 1), 0);
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if !self.at_end => self.fill()?,
                // Only inside quotes is the line end that `fill` adds to the file not the end of the record.
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                    return Err(ReadError::OpenQuote { line });
                }
            }
        }
        self.line += self.core.line() - lines_before;
        self.after_cr = self.buffer[self.start - 1] == b'\r';
        self.line += u64::from(self.after_cr);
        Ok(Record {
            fields: &self.fields[..filled],
            ends: &self.ends[..count],
            gap: 0,
            line,
            may_have_backslash: true,
        })
    }

    /// Says whether a record takes more than is kept.
    fn exceeds(&self, filled: usize, count: usize) -> bool {
        filled.max(count * FIELD_BYTES) > self.limit
    }

    fn too_long(&self, line: u64) -> ReadError {
        ReadError::TooLong {
            line,
            limit_bytes: self.limit as u64,
        }
    }

    /// Reads a record that is too long to its end without keeping it. Only that end tells whether one of its quotes never closes.
    fn pass_over(&mut self, line: u64) -> ReadError {
        loop {
            let (result, read, ..) = self.core.read_record(
                &self.buffer[self.start..self.end],
                &mut self.fields,
                &mut self.ends,
            );
            self.start += read;
            match result {
                ReadRecordResult::Record => return self.too_long(line),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::InputEmpty if !self.at_end => {
                    if let Err(error) = self.fill() {
                        return error;
                    }
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                    return ReadError::OpenQuote { line };
                }
            }
        }
    }

    /// Goes to the first byte of the next record, counting lines. Gives `false` at the end of the file.
    fn skip_empty_lines(&mut self) -> Result<bool, ReadError> {
        loop {
            while let Some(&byte) = self.buffer[self.start..self.end].first() {
                match byte {
                    b'\n' => self.line += u64::from(!self.after_cr),
                    b'\r' => self.line += 1,
                    _ => return Ok(true),
                }
                self.after_cr = byte == b'\r';
                self.start += 1;
            }
            if self.at_end {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Reads the next piece into the buffer, which is used up. At the end of the file that is a line end, which closes a last
    /// record without one and is an empty line otherwise.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.start = 0;
        self.end = loop {
            match self.source.read(&mut self.buffer) {
                Ok(length) => break length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Io(error)),
            }
        };
        if self.end == 0 {
            self.gate.finish().map_err(ReadError::Encoding)?;
            self.at_end = true;
            self.buffer[0] = b'\n';
            self.end = 1;
            return Ok(());
        }
        self.gate
            .feed(&self.buffer[..self.end])
            .map_err(ReadError::Encoding)
    }
}

/// What a record has besides its contents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    gap: usize,
    line: u64,
}

impl<'a> Record<'a> {
    /// Takes a record apart, to be put together again elsewhere.
    pub(super) fn parts(&self) -> (&'a [u8], &'a [usize], Span) {
        let span = Span {
            gap: self.gap,
            line: self.line,
        };
        (self.fields, self.ends, span)
    }

    /// Puts a record together again.
    pub(super) fn from_parts(
        fields: &'a [u8],
        ends: &'a [usize],
        span: Span,
        may_have_backslash: bool,
    ) -> Record<'a> {
        Record {
            fields,
            ends,
            gap: span.gap,
            line: span.line,
            may_have_backslash,
        }
    }

    /// Says whether a field contains a backslash.
    pub(crate) fn has_backslash(&self) -> bool {
        self.may_have_backslash && memchr::memchr(b'\\', self.fields).is_some()
    }

    /// Gives the number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Gives a field, unquoted; `None` beyond the last.
    pub(crate) fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends[before] + self.gap,
            None => 0,
        };
        self.fields.get(start..end)
    }

    /// Gives a field, or the empty value that a short row has in its place.
    pub(crate) fn cell(&self, index: usize) -> &'a [u8] {
        self.get(index).unwrap_or_default()
    }

    /// Iterates over the fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (fields, gap) = (self.fields, self.gap);
        self.ends.iter().scan(0, move |start, &end| {
            let field = &fields[*start..end];
            *start = end + gap;
            Some(field)
        })
    }

    /// Says whether the record is a line of nothing but blanks, which counts as an empty line. An empty pair of quotes does not.
    pub(crate) fn is_blank_line(&self) -> bool {
        self.ends.len() == 1
            && !self.fields.is_empty()
            && super::super::cell::trim(self.fields).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<(u64, Vec<String>)>;

    /// Gives its input in pieces of a few bytes.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn read(source: impl Read) -> Result<Rows, ReadError> {
        let mut records = Records::new(source)?;
        let mut rows = Vec::new();
        while let Some(record) = records.next()? {
            let fields = record
                .iter()
                .map(|field| String::from_utf8(field.to_vec()).unwrap());
            rows.push((record.line, fields.collect()));
        }
        Ok(rows)
    }

    fn check(text: &str, expected: &[(u64, &[&str])]) {
        let expected: Rows = expected
            .iter()
            .map(|(line, fields)| (*line, fields.iter().map(ToString::to_string).collect()))
            .collect();
        assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text:?}");
        // A BOM needs its three bytes at once, which files give.
        for piece in 3..=5 {
            assert_eq!(
                read(Dribble(text.as_bytes(), piece)).unwrap(),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        let expected: &[(u64, &[&str])] = &[(1, &["a", "b"]), (2, &["1", "2"]), (3, &["3", "4"])];
        for end in ["\n", "\r\n", "\r"] {
            check(&format!("a,b{end}1,2{end}3,4{end}"), expected);
            check(&format!("a,b{end}1,2{end}3,4"), expected);
        }
        check(
            "a\n\n\nb\r\n\r\nc",
            &[(1, &["a"]), (4, &["b"]), (6, &["c"])],
        );
        check("\r\ra", &[(3, &["a"])]);
    }

    #[test]
    fn quoted_line_breaks_count_as_lines() {
        check(
            "a\n\"x\ny\",1\nb\n",
            &[(1, &["a"]), (2, &["x\ny", "1"]), (4, &["b"])],
        );
        check("\"x\r\ny\"\r\nb", &[(1, &["x\r\ny"]), (3, &["b"])]);
    }

    #[test]
    fn quotes_are_read_as_the_cluster_reads_them() {
        check("\"say \"\"hi\"\"\",b", &[(1, &["say \"hi\"", "b"])]);
        check("\"2\"x,y", &[(1, &["2x", "y"])]);
        check("a\"b,c", &[(1, &["a\"b", "c"])]);
        check("\"\"\n", &[(1, &[""])]);
        check("a,\n", &[(1, &["a", ""])]);
    }

    #[test]
    fn a_bom_is_left_out_and_remembered() {
        let mut records = Records::new(&b"\xef\xbb\xbfa,b\n"[..]).unwrap();
        assert!(records.has_bom());
        assert_eq!(records.next().unwrap().unwrap().get(0), Some(&b"a"[..]));
        check("\u{feff}a", &[(1, &["a"])]);
    }

    #[test]
    fn an_open_quote_is_found_at_its_first_line() {
        for text in ["a\nb\n\"c,d\ne\nf", "a\nb\nx,\"c\n", "a\nb\n\"c\"\""] {
            assert!(
                matches!(read(text.as_bytes()), Err(ReadError::OpenQuote { line: 3 })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_the_end_of_a_long_record_tells_whether_its_quote_closes() {
        const LIMIT: u64 = 10_000;
        let read = |before: &str, byte: u8, count: u64, after: &str| {
            let long = io::repeat(byte).take(count);
            let text = before.as_bytes().chain(long).chain(after.as_bytes());
            let mut records = Records::with_limit(text, LIMIT).unwrap();
            loop {
                match records.next() {
                    Ok(Some(_)) => assert!(records.fields.len() <= 2 * LIMIT as usize),
                    Ok(None) => return None,
                    Err(error) => {
                        assert!(records.fields.len() <= 2 * LIMIT as usize);
                        return Some(error);
                    }
                }
            }
        };
        for (before, byte, after) in [
            ("a\n", b'x', "\nb\n"),
            ("a\n", b'x', ""),
            ("a\n\"", b'\n', "\"\nb\n"),
            ("a\n", b',', "\nb\n"),
        ] {
            assert!(
                matches!(
                    read(before, byte, 1_000_000, after),
                    Some(ReadError::TooLong {
                        line: 2,
                        limit_bytes: LIMIT
                    })
                ),
                "{before:?} {after:?}"
            );
            assert!(
                read(before, byte, LIMIT / 64, after).is_none(),
                "{before:?}"
            );
        }
        for after in ["", "\nb\n"] {
            assert!(
                matches!(
                    read("a\n\"", b'x', 1_000_000, after),
                    Some(ReadError::OpenQuote { line: 2 })
                ),
                "{after:?}"
            );
        }
    }

    #[test]
    fn many_fields_and_long_ones_fit() {
        let row = vec!["y".repeat(300); 500].join(",");
        let mut records = Records::new(row.as_bytes()).unwrap();
        let record = records.next().unwrap().unwrap();
        assert_eq!(record.len(), 500);
        assert_eq!(record.get(499).map(<[u8]>::len), Some(300));
        assert_eq!(record.get(500), None);
        assert_eq!(record.cell(500), b"");
    }

    #[test]
    fn only_unquoted_blanks_are_a_blank_line() {
        let blank = |text: &str| {
            let mut records = Records::new(text.as_bytes()).unwrap();
            records.next().unwrap().unwrap().is_blank_line()
        };
        assert!(blank("  \t\n"));
        assert!(!blank("\"\"\n"));
        assert!(!blank(" , \n"));
    }

    #[test]
    fn bytes_that_are_not_text_end_the_reading() {
        assert!(matches!(
            read(&b"a,b\n1,\xff\n"[..]),
            Err(ReadError::Encoding(Offence { offset: 6, .. }))
        ));
    }

    #[test]
    fn records_are_those_of_the_csv_crate() {
        let mut random = 7u32;
        let pieces = [
            "a",
            "é",
            ",",
            ",",
            "\n",
            "\n",
            "\r",
            "\r\n",
            "\"",
            "\"b\"",
            "  ",
            "long text",
        ];
        let mut texts: Vec<String> = (0..3_000)
            .map(|_| {
                let piece = |_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    pieces[random as usize / 7 % pieces.len()]
                };
                let text: String = (0..12).map(piece).collect();
                // An open quote is an error here and none there.
                format!(
                    "{text}{}",
                    if text.matches('"').count() % 2 == 1 {
                        "\""
                    } else {
                        ""
                    }
                )
            })
            .collect();
        texts.extend(
            [
                "a,b\n1,\"x, y\"\n\n\"\"\"\",\r\n,,\n\"q\"r\"s\",t\rz\n",
                "one\n\"two\nlines\",é\n",
            ]
            .map(str::to_owned),
        );
        for text in texts {
            let mut reader = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let Ok(ours) = read(text.as_bytes()) else {
                // Only a quote that does not close is no record.
                assert!(text.contains('"'), "{text:?}");
                continue;
            };
            let ours: Vec<_> = ours.into_iter().map(|(_, fields)| fields).collect();
            assert_eq!(ours, expected, "{text:?}");
        }
    }
}
