//! Mappings from text to text, as a file with the columns of a table is one.

use super::load::{self, NotADocument};
use super::node::{Key, Kind, Node};
use super::place::Place;

/// Why a text is no such mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotFlat {
    /// A key is there twice.
    Twice {
        /// Where it stands for the second time.
        place: Place,
        /// The key.
        key: String,
        /// Where it stands first.
        first: Place,
    },
    /// Something else; half a sentence with the place.
    Other(String),
}

/// Reads a mapping of scalar keys to texts, in its order. Keys are as written: a column may well be called `yes` or `2024`.
pub(crate) fn flat_mapping(text: &[u8]) -> Result<Vec<(String, String)>, NotFlat> {
    let root = load::load_mapping(text).map_err(in_words)?;
    root.entries()
        .iter()
        .map(|entry| Ok((key(&entry.key)?, value(&entry.key, &entry.value)?)))
        .collect()
}

fn key(key: &Key) -> Result<String, NotFlat> {
    match key.kind {
        Kind::Sequence | Kind::Mapping => Err(NotFlat::Other(format!(
            "the key at {} is no name of a column",
            key.place
        ))),
        _ => Ok(key.text.clone()),
    }
}

fn value(key: &Key, value: &Node) -> Result<String, NotFlat> {
    match value.text() {
        Some(text) => Ok(text.to_owned()),
        None => Err(NotFlat::Other(format!(
            "the type of '{}', at {}, is not a word such as INT",
            key.text, value.place
        ))),
    }
}

fn in_words(error: NotADocument) -> NotFlat {
    let words = match error {
        NotADocument::DuplicateKey { place, key, first } => {
            return NotFlat::Twice { place, key, first };
        }
        NotADocument::Empty => "it is empty".to_owned(),
        NotADocument::NotUtf8 { offset } => format!("it is not UTF-8 at byte {offset}"),
        NotADocument::SeveralDocuments { place } => {
            format!("a second document begins at {place}; a file holds one")
        }
        NotADocument::TooComplex { place } => {
            format!("it has too many values or is nested too deeply at {place}")
        }
        other => other.to_string(),
    };
    NotFlat::Other(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_written_and_keep_their_order() {
        let read = flat_mapping(b"yes: INT\n2024: FLOAT\n\"a,b\": VARCHAR(3)\n~: DATE\n").unwrap();
        let names: Vec<_> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["yes", "2024", "a,b", "~"]);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let place = |line, column| Place { line, column };
        let twice = NotFlat::Twice {
            place: place(2, 1),
            key: "a".to_owned(),
            first: place(1, 1),
        };
        assert_eq!(flat_mapping(b"a: INT\na: FLOAT\n"), Err(twice));
        for (text, expected) in [
            (&b""[..], "it is empty"),
            (b"\xff", "it is not UTF-8 at byte 0"),
            (
                b"a: [1]\n",
                "the type of 'a', at line 1, column 4, is not a word such as INT",
            ),
            (
                b"a: 5\n",
                "the type of 'a', at line 1, column 4, is not a word such as INT",
            ),
            (
                b"- a\n",
                "line 1, column 1: a mapping of keys to values is needed, this is of type array",
            ),
            (
                b"a: INT\n---\nb: INT\n",
                "a second document begins at line 2, column 1; a file holds one",
            ),
            (
                b"[a]: INT\n",
                "the key at line 1, column 1 is no name of a column",
            ),
        ] {
            let expected = Err(NotFlat::Other(expected.to_owned()));
            assert_eq!(flat_mapping(text), expected, "{text:?}");
        }
    }
}
