//! SQL types as columns may declare them.

/// Type words that tables can have, sorted.
pub const ACCEPTED: [&str; 21] = [
    "BIGINT",
    "BLOB",
    "BOOL",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "LONGBLOB",
    "MEDIUMINT",
    "NUMERIC",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TINYINT",
    "VARCHAR",
];

/// Column names that the platform keeps for itself. They may not be declared in any case, because the database ignores case.
pub const RESERVED_COLUMNS: [&str; 10] = [
    "id",
    "created_at",
    "updated_at",
    "status",
    "data_intent",
    "data_id",
    "filename",
    "extension",
    "annotation",
    "ingestor_id",
];

/// A declared type, as far as rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// The type word, in upper case, one of [`ACCEPTED`].
    pub word: &'static str,
    /// The number in parentheses, if there is exactly one.
    pub length: Option<u64>,
}

/// What kind of values a type holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Whole numbers.
    Integers,
    /// Numbers.
    Numbers,
    /// Text of a limited or exact length.
    Text,
    /// True and false.
    Booleans,
    /// Days, with or without a time of day.
    Dates,
    /// Times of day.
    Times,
    /// Anything.
    Bytes,
}

impl SqlType {
    /// Reads a type as typed: blanks, case, lengths and further words do not count. `None` for an unknown word.
    pub fn parse(text: &str) -> Option<SqlType> {
        let text = text.trim();
        let (head, parenthesis) = match text.split_once('(') {
            Some((head, rest)) => (head, Some(rest)),
            None => (text, None),
        };
        let first = head.split_whitespace().next()?.to_ascii_uppercase();
        let word = *ACCEPTED.iter().find(|word| **word == first)?;
        let length = parenthesis
            .and_then(|rest| rest.split(')').next())
            .and_then(|digits| digits.trim().parse().ok());
        Some(SqlType { word, length })
    }

    /// Says what kind of values the type holds.
    pub fn holds(self) -> Holds {
        match self.word {
            "INT" | "INTEGER" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BIGINT" => Holds::Integers,
            "FLOAT" | "DOUBLE" | "DECIMAL" | "NUMERIC" => Holds::Numbers,
            "VARCHAR" | "CHAR" => Holds::Text,
            "BOOLEAN" | "BOOL" => Holds::Booleans,
            "DATE" | "DATETIME" | "TIMESTAMP" => Holds::Dates,
            "TIME" => Holds::Times,
            _ => Holds::Bytes,
        }
    }

    /// Says whether table creation needs a length that is not there.
    pub fn lacks_length(self) -> bool {
        self.holds() == Holds::Text && self.length.is_none()
    }

    /// Says whether older value checks do not know the type.
    pub fn is_small(self) -> bool {
        matches!(
            self.word,
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BLOB" | "LONGBLOB"
        )
    }

    /// Gives the bits of an integer type that are fewer than 64.
    pub fn integer_bits(self) -> Option<u32> {
        match self.word {
            "TINYINT" => Some(8),
            "SMALLINT" => Some(16),
            "MEDIUMINT" => Some(24),
            "INT" | "INTEGER" => Some(32),
            _ => None,
        }
    }

    /// Says whether values that are numbers compare as text all the same, as in labels.
    pub fn keeps_spelling(self) -> bool {
        matches!(self.word, "VARCHAR" | "CHAR" | "TEXT")
    }

    /// Says whether the type is numeric.
    pub fn is_numeric(self) -> bool {
        matches!(self.holds(), Holds::Integers | Holds::Numbers)
    }
}

/// Says whether a column name is kept by the platform, in any case.
pub fn is_reserved(column: &str) -> bool {
    RESERVED_COLUMNS
        .iter()
        .any(|reserved| column.eq_ignore_ascii_case(reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_counts() {
        for (text, word, length) in [
            ("varchar(255)", "VARCHAR", Some(255)),
            (" INT UNSIGNED ", "INT", None),
            ("Double Precision", "DOUBLE", None),
            ("VARCHAR(x)", "VARCHAR", None),
            ("DECIMAL(10,2)", "DECIMAL", None),
            ("char ( 3 )", "CHAR", Some(3)),
        ] {
            assert_eq!(
                SqlType::parse(text),
                Some(SqlType { word, length }),
                "{text}"
            );
        }
        for text in ["", "(5)", "STRING", "INT64", "JSON"] {
            assert_eq!(SqlType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_words_are_sorted_for_messages() {
        assert!(ACCEPTED.is_sorted());
    }

    #[test]
    fn text_needs_a_length_and_nothing_else_does() {
        let lacking = ACCEPTED.map(|word| SqlType::parse(word).unwrap());
        let lacking: Vec<_> = lacking.iter().filter(|t| t.lacks_length()).collect();
        assert_eq!(lacking.len(), 2);
        assert!(!SqlType::parse("VARCHAR(1)").unwrap().lacks_length());
    }

    #[test]
    fn reserved_names_have_no_case() {
        assert!(is_reserved("ID") && is_reserved("data_intent"));
        assert!(!is_reserved("label") && !is_reserved("ids"));
    }
}
