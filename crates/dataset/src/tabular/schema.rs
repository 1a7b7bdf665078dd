//! Column types, declared by flag or file, or inferred.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::csv::{Header, header_fold};
use crate::finding::{Findings, Place};
use crate::ingest::{NotFlat, flat_mapping};
use crate::rule::Rule;
use crate::sql_type::{self, SqlType};

/// A schema file of more than this is not one.
const SCHEMA_FILE_MAX_BYTES: u64 = 1 << 20;

/// The columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Columns with their types, in file order when inferred, as given when declared.
    pub columns: Vec<Column>,
    /// Whether the types were inferred from the data.
    pub is_inferred: bool,
    /// Columns left out because the platform keeps their names for itself. Inferred only.
    pub reserved: Vec<Arc<str>>,
    /// Columns without any value, by the names that [`shown_name`](crate::shown_name) gives them. Inferred only.
    pub empty: Vec<Arc<str>>,
    /// Whole-number columns whose first values are all different: perhaps codes, which `VARCHAR` suits better. Named likewise.
    /// Inferred only.
    pub identifiers: Vec<Arc<str>>,
}

/// A column of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Its type, as typed or inferred.
    pub sql_type: String,
}

impl Schema {
    pub(super) fn inferred() -> Schema {
        Schema {
            is_inferred: true,
            ..Schema::default()
        }
    }

    /// Finds a column by its exact name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| *column.name == *name)
    }

    /// Finds a column by its exact name, otherwise apart from blanks around it and case.
    pub(crate) fn loose(&self, name: &str) -> Option<&Column> {
        let wanted = name.trim().to_lowercase();
        let similar = |column: &&Column| column.name.trim().to_lowercase() == wanted;
        self.get(name).or_else(|| self.columns.iter().find(similar))
    }
}

impl Column {
    /// Reads the type; `None` for an unknown one, which is a finding elsewhere.
    pub fn parsed(&self) -> Option<SqlType> {
        SqlType::parse(&self.sql_type)
    }
}

/// Reads the value of `--schema`: `column:TYPE` entries between commas that are not inside parentheses.
pub(crate) fn read_flag(value: &str, findings: &mut Findings) -> Option<Schema> {
    let mut columns = Vec::new();
    let mut sound = true;
    for entry in entries(value) {
        match entry
            .split_once(':')
            .map(|(name, sql_type)| (name.trim(), sql_type.trim()))
        {
            Some((name, sql_type)) if !name.is_empty() && !sql_type.is_empty() => {
                columns.push((name.to_owned(), sql_type.to_owned()));
            }
            _ => {
                sound = false;
                let message =
                    format!("The --schema entry '{entry}' is not of the form column:TYPE.");
                findings.add(Rule::SchemaSyntax, Place::nowhere(), message);
            }
        }
    }
    if columns.is_empty() && sound {
        let message = "The value of --schema has no entry.";
        findings.add(Rule::SchemaSyntax, Place::nowhere(), message);
    }
    if columns.is_empty() || !sound {
        return None;
    }
    checked(columns, findings)
}

/// Reads a YAML file that maps column names to types.
pub(crate) fn read_file(path: &Path, findings: &mut Findings) -> Option<Schema> {
    let place = Place::file(path.display().to_string());
    let text = match read_text(path) {
        Ok(text) => text,
        Err(cause) => return unusable(&cause, place, findings),
    };
    match flat_mapping(&text) {
        Ok(columns) if columns.is_empty() => unusable("it declares no column", place, findings),
        Ok(columns) => checked(columns, findings),
        Err(NotFlat::Other(cause)) => unusable(&cause, place, findings),
        Err(NotFlat::Twice {
            place: second,
            key,
            first,
        }) => {
            let message = format!("Column `{key}` is declared twice, first on {first}.");
            let place = place.line(second.line).column(key);
            findings.add(Rule::SchemaDuplicate, place, message);
            None
        }
    }
}

fn unusable(cause: &str, place: Place, findings: &mut Findings) -> Option<Schema> {
    let message = format!("The schema file cannot be used: {cause}.");
    findings.add(Rule::SchemaFile, place, message);
    None
}

fn read_text(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        // Opening a FIFO that nobody writes to would wait for ever.
        return Err("it is no regular file".to_owned());
    }
    if metadata.len() > SCHEMA_FILE_MAX_BYTES {
        return Err("it is larger than 1 MiB".to_owned());
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// Cuts at commas outside parentheses. Empty entries are left out.
fn entries(value: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0u32;
    value
        .split(move |character| {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == ',' && depth == 0
        })
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// Checks names and types of a declaration. The first of two equal columns stays.
fn checked(declared: Vec<(String, String)>, findings: &mut Findings) -> Option<Schema> {
    let mut schema = Schema::default();
    let mut folded = BTreeSet::new();
    for (name, sql_type) in declared {
        let place = Place::nowhere().column(name.as_str());
        if schema.get(&name).is_some() {
            let message = format!("Column `{name}` is declared twice.");
            findings.add(Rule::SchemaDuplicate, place, message);
            continue;
        }
        if sql_type::is_reserved(&name) {
            let message = format!("Column `{name}` has a name that the platform keeps for itself.");
            findings.add(Rule::SchemaReserved, place.clone(), message);
        }
        if !folded.insert(header_fold(&name)) {
            let message = format!(
                "Column `{name}` differs from another declared column only by case, which the database ignores."
            );
            findings.add(Rule::CsvColumnName, place.clone(), message);
        }
        check_type(&name, &sql_type, place, findings);
        schema.columns.push(Column {
            name: name.into(),
            sql_type,
        });
    }
    Some(schema)
}

fn check_type(name: &str, sql_type: &str, place: Place, findings: &mut Findings) {
    let Some(parsed) = SqlType::parse(sql_type) else {
        let message = format!(
            "Column `{name}` has the unknown type '{sql_type}'; known are {}.",
            sql_type::ACCEPTED.join(", ")
        );
        findings.add(Rule::SchemaType, place, message);
        return;
    };
    if parsed.lacks_length() {
        let message = format!("Column `{name}` is declared as {sql_type}, without a length.");
        findings.add(Rule::SchemaLength, place, message);
    } else if parsed.is_small() {
        let message = format!(
            "Column `{name}` is declared as {}, which older ingestors cannot check.",
            parsed.word
        );
        findings.add(Rule::SchemaSmallType, place, message);
    }
}

/// Lists declared columns that are not in the header, sorted, as one finding each.
pub(crate) fn declared_names(
    schema: &Schema,
    header: &Header,
    file: &Arc<str>,
    findings: &mut Findings,
) {
    let mut missing: Vec<_> = schema
        .columns
        .iter()
        .filter(|column| header.exact(&column.name).is_none())
        .map(|column| &column.name)
        .collect();
    missing.sort();
    for name in missing {
        let place = Place::file(Arc::clone(file))
            .line(1)
            .column(Arc::clone(name));
        let message = match header.ignoring_case(name) {
            Some(index) => format!(
                "Column `{name}` is declared, but the header spells it `{}`.",
                header.names()[index]
            ),
            None => format!(
                "Column `{name}` is declared, but not in the header, which has {}.",
                header.listed()
            ),
        };
        findings.add(Rule::SchemaMissingColumn, place, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    /// Gives the columns and the ids of the findings.
    fn read(value: &str) -> (Vec<(String, String)>, Vec<&'static str>) {
        let mut findings = Findings::new(Some(Task::TabularClassification), None);
        let schema = read_flag(value, &mut findings).unwrap_or_default();
        let columns = schema.columns.into_iter();
        let columns = columns.map(|column| (column.name.to_string(), column.sql_type));
        let ids = findings.kept().iter().map(|finding| finding.rule.id());
        (columns.collect(), ids.collect())
    }

    fn check(value: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, sql_type)| (name.to_string(), sql_type.to_string()))
            .collect();
        assert_eq!(read(value), (expected, vec![]), "{value}");
    }

    #[test]
    fn entries_are_cut_at_commas_outside_parentheses() {
        check(
            "age:INT, price : DECIMAL(10,2) ,",
            &[("age", "INT"), ("price", "DECIMAL(10,2)")],
        );
        check("a):INT,b:INT", &[("a)", "INT"), ("b", "INT")]);
    }

    #[test]
    fn the_first_colon_separates() {
        let (columns, ids) = read("at:TIME:x");
        assert_eq!(columns, [("at".to_owned(), "TIME:x".to_owned())]);
        assert_eq!(ids, ["schema.type"]);
    }

    #[test]
    fn each_defect_is_a_finding_of_its_own() {
        for (value, expected) in [
            ("", "schema.syntax"),
            (" , ", "schema.syntax"),
            ("age", "schema.syntax"),
            (":INT", "schema.syntax"),
            ("age:", "schema.syntax"),
            ("a:INT,b(:INT,c:INT", "schema.type"),
            ("a:STRING", "schema.type"),
            ("a:VARCHAR", "schema.length"),
            ("a:char(x)", "schema.length"),
            ("a:TINYINT", "schema.small-type"),
            ("a:INT,a:FLOAT", "schema.duplicate"),
            ("Age:INT,age:INT", "csv.column-name"),
            ("ID:INT", "schema.reserved"),
        ] {
            assert_eq!(read(value).1, [expected], "{value}");
        }
    }

    fn read_yaml(text: &str) -> (Option<Schema>, Vec<&'static str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut findings = Findings::new(Some(Task::TabularClassification), None);
        let schema = read_file(file.path(), &mut findings);
        let ids = findings.kept().iter().map(|finding| finding.rule.id());
        (schema, ids.collect())
    }

    #[test]
    fn a_file_can_name_columns_that_a_flag_cannot() {
        let (schema, ids) = read_yaml("\"a,b\": INT\n\"c:d\": VARCHAR(5)\n");
        assert!(ids.is_empty());
        let names = schema
            .unwrap()
            .columns
            .into_iter()
            .map(|column| column.name);
        assert_eq!(names.collect::<Vec<_>>(), ["a,b".into(), "c:d".into()]);
    }

    #[test]
    fn files_that_are_no_schema_are_named() {
        for text in ["", "- a\n", "a: [1]\n", "a: INT\nb", "{}"] {
            let (schema, ids) = read_yaml(text);
            assert_eq!((schema, ids), (None, vec!["schema.file"]), "{text:?}");
        }
        let (schema, ids) = read_yaml("a: INT\nb: INT\na: FLOAT\n");
        assert_eq!((schema, ids), (None, vec!["schema.duplicate"]));
        let mut findings = Findings::new(Some(Task::TabularClassification), None);
        assert_eq!(read_file(Path::new("/nonexistent/x"), &mut findings), None);
        assert!(findings.has(Rule::SchemaFile));
    }
}
