//! Table names.

use std::borrow::Cow;
use std::fmt;

use crate::finding::{Findings, Place};
use crate::rule::Rule;

/// MySQL takes 64 characters, a Kubernetes label value 63.
pub const TABLE_MAX_BYTES: usize = 63;

/// Checks a table name: empty, length and pattern are errors in this order, the rest is advice.
pub fn check_table(name: &str, findings: &mut Findings) {
    let nowhere = Place::nowhere;
    if name.is_empty() {
        findings.add(Rule::TableName, nowhere(), "The table name is empty.");
    } else if name.len() > TABLE_MAX_BYTES {
        let message = format!(
            "The table name has {} bytes; at most {TABLE_MAX_BYTES} are allowed.",
            name.len()
        );
        findings.add(Rule::TableLength, nowhere(), message);
    } else if !is_identifier(name) {
        let message = format!("'{name}' cannot be a table name.");
        findings.add(Rule::TablePattern, nowhere(), message);
    } else {
        advise(name, findings);
    }
}

/// A name that may become a table: paths in the cluster are built from it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName(Cow<'static, str>);

/// Says that a name cannot be a table's, so that no path is built from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' cannot be a table name")]
pub struct UnsafeName {
    /// The name.
    pub name: String,
}

impl TableName {
    /// Takes a name as it is, or not at all: one that leads elsewhere is refused, and nothing of it cut off or replaced.
    ///
    /// # Errors
    /// When it has more than [`TABLE_MAX_BYTES`], or anything but letters, digits and underscores, or begins with a digit.
    pub fn parse(name: &str) -> Result<Self, UnsafeName> {
        match is_table_name(name) {
            true => Ok(Self(Cow::Owned(name.to_owned()))),
            false => Err(UnsafeName {
                name: name.to_owned(),
            }),
        }
    }

    /// Takes a name that stands in the program, for a `const`: a wrong one does not compile.
    ///
    /// # Panics
    /// When the name is wrong, and it is used elsewhere than in a `const`.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        assert!(is_table_name(name), "this cannot be a table name");
        Self(Cow::Borrowed(name))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_table_name(name: &str) -> bool {
    name.len() <= TABLE_MAX_BYTES && is_identifier(name)
}

/// Longest part of a pod's name that comes from the table.
const POD_SEGMENT_MAX_BYTES: usize = 30;

/// Names the pod that stages a table. `random` comes from a cryptographic source and tells runs apart: four bytes, so that it
/// cannot be forgotten.
pub fn pod_name(table: &str, random: [u8; 4]) -> String {
    let suffix = data_encoding::HEXLOWER.encode(&random);
    format!("tracebloc-stage-{}-{suffix}", pod_segment(table))
}

/// Gives what of a table's name can be in a pod's name: lower case, hyphens for underscores, none at either end, 30 bytes at
/// most; `tbl` if nothing is left.
fn pod_segment(table: &str) -> String {
    let usual = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut segment = table.replace('_', "-").to_ascii_lowercase();
    segment.retain(usual);
    let trimmed = segment.trim_matches('-');
    let cut = trimmed
        .get(..POD_SEGMENT_MAX_BYTES)
        .unwrap_or(trimmed)
        .trim_end_matches('-');
    match cut {
        "" => "tbl".to_owned(),
        cut => cut.to_owned(),
    }
}

/// Gives the form of a valid table name that a Kubernetes label value can have: without underscores at either end. `None` if
/// nothing is left.
pub fn label_value(name: &str) -> Option<&str> {
    Some(name.trim_matches('_')).filter(|value| !value.is_empty())
}

/// Says whether a text is a letter or an underscore with letters, digits and underscores after it.
pub(crate) const fn is_identifier(name: &str) -> bool {
    let mut left = name.as_bytes();
    if let [] | [b'0'..=b'9', ..] = left {
        return false;
    }
    while let [byte, rest @ ..] = left {
        if !byte.is_ascii_alphanumeric() && *byte != b'_' {
            return false;
        }
        left = rest;
    }
    true
}

fn advise(name: &str, findings: &mut Findings) {
    if name.starts_with('_') {
        let message = format!(
            "The table name '{name}' begins with an underscore, which older ingestors refuse."
        );
        findings.add(Rule::TableUnderscoreFirst, Place::nowhere(), message);
    }
    if label_value(name) != Some(name) {
        let message = format!(
            "'{name}' begins or ends with an underscore, so that labels in the cluster carry '{}' instead.",
            label_value(name).unwrap_or("no name")
        );
        findings.add(Rule::TableLabel, Place::nowhere(), message);
    }
    if is_sql_keyword(name) {
        let message = format!("The table name '{name}' is a reserved word of MySQL 8.");
        findings.add(Rule::TableKeyword, Place::nowhere(), message);
    }
}

/// Says whether a name is a reserved word of MySQL 8, in any case.
pub fn is_sql_keyword(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    KEYWORDS.binary_search(&upper.as_str()).is_ok()
}

#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "ACCESSIBLE", "ADD", "ALL", "ALTER", "ANALYZE", "AND", "AS", "ASC", "ASENSITIVE", "BEFORE", "BETWEEN", "BIGINT",
    "BINARY", "BLOB", "BOTH", "BY", "CALL", "CASCADE", "CASE", "CHANGE", "CHAR", "CHARACTER", "CHECK", "COLLATE",
    "COLUMN", "CONDITION", "CONSTRAINT", "CONTINUE", "CONVERT", "CREATE", "CROSS", "CUBE", "CUME_DIST", "CURRENT_DATE",
    "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURSOR", "DATABASE", "DATABASES", "DAY_HOUR",
    "DAY_MICROSECOND", "DAY_MINUTE", "DAY_SECOND", "DEC", "DECIMAL", "DECLARE", "DEFAULT", "DELAYED", "DELETE",
    "DENSE_RANK", "DESC", "DESCRIBE", "DETERMINISTIC", "DISTINCT", "DISTINCTROW", "DIV", "DOUBLE", "DROP", "DUAL",
    "EACH", "ELSE", "ELSEIF", "EMPTY", "ENCLOSED", "ESCAPED", "EXCEPT", "EXISTS", "EXIT", "EXPLAIN", "FALSE", "FETCH",
    "FIRST_VALUE", "FLOAT", "FLOAT4", "FLOAT8", "FOR", "FORCE", "FOREIGN", "FROM", "FULLTEXT", "FUNCTION", "GENERATED",
    "GET", "GRANT", "GROUP", "GROUPING", "GROUPS", "HAVING", "HIGH_PRIORITY", "HOUR_MICROSECOND", "HOUR_MINUTE",
    "HOUR_SECOND", "IF", "IGNORE", "IN", "INDEX", "INFILE", "INNER", "INOUT", "INSENSITIVE", "INSERT", "INT", "INT1",
    "INT2", "INT3", "INT4", "INT8", "INTEGER", "INTERSECT", "INTERVAL", "INTO", "IO_AFTER_GTIDS", "IO_BEFORE_GTIDS",
    "IS", "ITERATE", "JOIN", "JSON_TABLE", "KEY", "KEYS", "KILL", "LAG", "LAST_VALUE", "LATERAL", "LEAD", "LEADING",
    "LEAVE", "LEFT", "LIKE", "LIMIT", "LINEAR", "LINES", "LOAD", "LOCALTIME", "LOCALTIMESTAMP", "LOCK", "LONG",
    "LONGBLOB", "LONGTEXT", "LOOP", "LOW_PRIORITY", "MASTER_BIND", "MASTER_SSL_VERIFY_SERVER_CERT", "MATCH",
    "MAXVALUE", "MEDIUMBLOB", "MEDIUMINT", "MEDIUMTEXT", "MIDDLEINT", "MINUTE_MICROSECOND", "MINUTE_SECOND", "MOD",
    "MODIFIES", "NATURAL", "NOT", "NO_WRITE_TO_BINLOG", "NTH_VALUE", "NTILE", "NULL", "NUMERIC", "OF", "ON",
    "OPTIMIZE", "OPTIMIZER_COSTS", "OPTION", "OPTIONALLY", "OR", "ORDER", "OUT", "OUTER", "OUTFILE", "OVER",
    "PARTITION", "PERCENT_RANK", "PRECISION", "PRIMARY", "PROCEDURE", "PURGE", "RANGE", "RANK", "READ", "READS",
    "READ_WRITE", "REAL", "RECURSIVE", "REFERENCES", "REGEXP", "RELEASE", "RENAME", "REPEAT", "REPLACE", "REQUIRE",
    "RESIGNAL", "RESTRICT", "RETURN", "REVOKE", "RIGHT", "RLIKE", "ROW", "ROWS", "ROW_NUMBER", "SCHEMA", "SCHEMAS",
    "SECOND_MICROSECOND", "SELECT", "SENSITIVE", "SEPARATOR", "SET", "SHOW", "SIGNAL", "SMALLINT", "SPATIAL",
    "SPECIFIC", "SQL", "SQLEXCEPTION", "SQLSTATE", "SQLWARNING", "SQL_BIG_RESULT", "SQL_CALC_FOUND_ROWS",
    "SQL_SMALL_RESULT", "SSL", "STARTING", "STORED", "STRAIGHT_JOIN", "SYSTEM", "TABLE", "TERMINATED", "THEN",
    "TINYBLOB", "TINYINT", "TINYTEXT", "TO", "TRAILING", "TRIGGER", "TRUE", "UNDO", "UNION", "UNIQUE", "UNLOCK",
    "UNSIGNED", "UPDATE", "USAGE", "USE", "USING", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "VALUES", "VARBINARY",
    "VARCHAR", "VARCHARACTER", "VARYING", "VIRTUAL", "WHEN", "WHERE", "WHILE", "WINDOW", "WITH", "WRITE", "XOR",
    "YEAR_MONTH", "ZEROFILL",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn pods_are_named_after_their_table() {
        for (table, expected) in [
            ("cats_dogs", "cats-dogs"),
            ("MyTable", "mytable"),
            ("_leading_underscore", "leading-underscore"),
            ("trailing_", "trailing"),
            ("9starts_with_digit", "9starts-with-digit"),
            (&"a".repeat(50), &"a".repeat(30)),
            ("_", "tbl"),
            ("___", "tbl"),
            (&format!("{}_b", "a".repeat(29)), &"a".repeat(29)),
        ] {
            assert_eq!(pod_segment(table), expected, "{table}");
        }
        assert_eq!(
            pod_name("cats_dogs", [0, 1, 0xab, 0xff]),
            "tracebloc-stage-cats-dogs-0001abff"
        );
    }

    fn check(name: &str, expected: &[&str]) {
        let mut findings = Findings::new(Some(Task::Seq2seq), None);
        check_table(name, &mut findings);
        let ids: Vec<_> = findings
            .kept()
            .iter()
            .map(|finding| finding.rule.id())
            .collect();
        assert_eq!(ids, expected, "{name:?}");
    }

    #[test]
    fn names_that_lead_out_of_the_folder_never_pass() {
        for name in ["../../etc", "a/b", "a.b", "..", "a b", "a-b", "9a", "é"] {
            check(name, &["table.pattern"]);
        }
        check("", &["table.name"]);
        check(&"a".repeat(64), &["table.length"]);
        check(&"a".repeat(63), &[]);
    }

    #[test]
    fn no_table_is_named_so_that_a_path_leads_elsewhere() {
        for name in [
            "",
            "..",
            "../../etc",
            "a/b",
            "a.b",
            "a b",
            "a-b",
            "9a",
            "é",
            "a\n",
            "a\0",
        ] {
            let refused = TableName::parse(name).unwrap_err();
            assert_eq!(refused.name, name);
        }
        assert!(TableName::parse(&"a".repeat(64)).is_err());
        for name in ["_x9", "Z", &"a".repeat(63)] {
            assert_eq!(TableName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn traps_are_mentioned() {
        check("cats_dogs", &[]);
        check("_x", &["table.underscore-first", "table.label"]);
        check("x_", &["table.label"]);
        check("Order", &["table.keyword"]);
        assert_eq!(label_value("__"), None);
    }

    #[test]
    fn the_keywords_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
    }
}
