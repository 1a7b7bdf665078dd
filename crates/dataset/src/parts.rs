//! The readers of foreign bytes, each on its own: for whoever has bytes and no folder, as a fuzzer has.
//!
//! None of them touches a file, and none panics or takes more memory than a few times its input, whatever the bytes are.
//! Documents are read by [`ingest::validate`](crate::ingest::validate()), which takes bytes already.

use std::sync::Arc;

use crate::csv::{Header, ReadError, Records};
use crate::files::voc;
use crate::finding::Findings;
use crate::image;
use crate::labels::{Distribution, Reading, Tally};
use crate::rule::Rule;
use crate::size::Size;
use crate::tabular::{self, Inference, Schema};
use crate::task::Task;

/// What there is to know of a table in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Column names, trimmed, in file order. None if the text has no header.
    pub columns: Vec<Arc<str>>,
    /// Data rows.
    pub rows: u64,
    /// Rows with more fields than the header.
    pub long_rows: u64,
    /// The inferred schema.
    pub schema: Schema,
    /// How often each value of the first column occurs.
    pub first_column: Distribution,
}

/// Reads a table as a check does: encoding, BOM, quoting, line ends, header, inference and counting of values.
///
/// # Errors
/// Half a sentence that says why the bytes are not a table.
pub fn table(bytes: &[u8]) -> Result<Table, String> {
    let mut records = Records::new(bytes).map_err(|error| described(&error))?;
    let mut header: Option<Header> = None;
    let mut inference = Inference::new(0);
    let mut tally = Tally::default();
    let (mut rows, mut long_rows) = (0, 0);
    while let Some(record) = records.next().map_err(|error| described(&error))? {
        if record.is_blank_line() {
            continue;
        }
        let Some(columns) = header.as_ref().map(Header::len) else {
            let read = Header::new(&record);
            inference = Inference::new(read.len());
            header = Some(read);
            continue;
        };
        rows += 1;
        long_rows += u64::from(record.len() > columns);
        inference.row(&record);
        tally.see(record.cell(0));
    }
    let header = header.unwrap_or_default();
    Ok(Table {
        columns: header.names().to_vec(),
        rows,
        long_rows,
        schema: inference.finish(&header),
        first_column: tally.finish(Reading::NumericWithoutMissing),
    })
}

fn described(error: &ReadError) -> String {
    match error {
        ReadError::Io(error) => format!("cannot be read: {error}"),
        ReadError::Encoding(offence) => format!("is not text at byte {}", offence.offset),
        ReadError::OpenQuote { line } => format!("has a quote on line {line} that never closes"),
        ReadError::TooLong { line, limit_bytes } => {
            format!("has a record on line {line} that takes more than {limit_bytes} bytes")
        }
    }
}

/// Judges a Pascal VOC annotation; `real` is the size of its image, where that is known. Gives the rules that it breaks, each
/// with half a sentence.
pub fn annotation(bytes: &[u8], real: Option<Size>) -> Vec<(Rule, String)> {
    voc::judge(bytes, real)
}

/// Reads the size of an image from its first bytes, whatever its name would be.
///
/// # Errors
/// Half a sentence that says why there is none.
pub fn image_size(head: &[u8]) -> Result<Size, String> {
    image::size(head).map_err(|flaw| flaw.what().to_owned())
}

/// Reads the value of `--schema` for a table. What is wrong with it is a finding; no schema comes of a value that breaks the
/// grammar.
pub fn schema(value: &str) -> (Option<Schema>, Findings) {
    let mut findings = Findings::new(Some(Task::TabularClassification), None);
    let schema = tabular::read_flag(value, &mut findings);
    (schema, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_from_memory() {
        let read = table(b"\xef\xbb\xbfclass,n\na,1\n\nb,2,3\na,\n").unwrap();
        assert_eq!(read.columns, ["class".into(), "n".into()]);
        assert_eq!((read.rows, read.long_rows), (3, 1));
        let types = read.schema.columns.iter().map(|c| c.sql_type.as_str());
        assert_eq!(types.collect::<Vec<_>>(), ["VARCHAR(1)", "INT"]);
        assert_eq!(
            read.first_column.classes,
            [("a".to_owned(), 2), ("b".to_owned(), 1)]
        );
    }

    #[test]
    fn bytes_that_are_no_table_are_described() {
        assert_eq!(table(b"").unwrap().columns, []);
        for (bytes, expected) in [
            (&b"a\n\"b"[..], "has a quote on line 2 that never closes"),
            (b"a\xff", "is not text at byte 1"),
        ] {
            assert_eq!(table(bytes).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_entity_bomb_does_not_go_off() {
        let bomb = b"<?xml version=\"1.0\"?><!DOCTYPE b [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY c \"&a;&a;&a;\">]>\
            <annotation><folder>&c;</folder></annotation>";
        let rules: Vec<_> = annotation(bomb, None)
            .into_iter()
            .map(|(rule, _)| rule)
            .collect();
        assert_eq!(rules, [Rule::VocXml]);
    }
}
