//! The SQL side: SQLite where the release has MySQL.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The database said no.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The database's folder cannot be made.
    #[error("cannot make the database's folder")]
    Folder(#[source] std::io::Error),
}

/// The answer to a query: names of columns, and rows as text; `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Names.
    pub columns: Vec<String>,
    /// Values.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Asks the database, without changing it. Before the first run it is empty.
///
/// # Errors
/// When it does not understand.
pub fn query(database: &Path, statement: &str) -> Result<Rows, SqlError> {
    let connection = if database.exists() {
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?
    } else {
        Connection::open_in_memory()?
    };
    let mut statement = connection.prepare(statement)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let rows = statement.query_map([], |row| {
        (0..width)
            .map(|index| row.get::<_, Value>(index).map(text))
            .collect()
    })?;
    Ok(Rows {
        columns,
        rows: rows.collect::<Result<_, _>>()?,
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Blob(bytes) => Some(data_encoding::HEXLOWER.encode(&bytes)),
    }
}

/// One row of a dataset's table.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) data_id: String,
    pub(super) label: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) extension: Option<String>,
    pub(super) features: Vec<Option<String>>,
}

/// A dataset's table, open for loading.
pub(super) struct Table {
    connection: Connection,
    insert: String,
    intent: String,
    ingestor: String,
}

/// Columns that every table has and the loader fills, besides the time stamps.
const FRAMEWORK: [&str; 6] = [
    "label",
    "data_intent",
    "data_id",
    "filename",
    "extension",
    "ingestor_id",
];

impl Table {
    /// Makes the table if it is not there. `features` are columns and their MySQL types.
    pub(super) fn open(
        database: &Path,
        table: &str,
        features: &[(String, String)],
        intent: &str,
        ingestor: &str,
    ) -> Result<Self, SqlError> {
        if let Some(folder) = database.parent() {
            std::fs::create_dir_all(folder).map_err(SqlError::Folder)?;
        }
        let connection = Connection::open(database)?;
        let own: String = features
            .iter()
            .map(|(column, kind)| format!(", {} {}", quoted(column), affinity(kind)))
            .collect();
        connection.execute(
            &format!(
                "CREATE TABLE IF NOT EXISTS {} (id INTEGER PRIMARY KEY AUTOINCREMENT, \
                 created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP, \
                 status INTEGER DEFAULT 0, label TEXT, data_intent TEXT, data_id TEXT NOT NULL UNIQUE, \
                 filename TEXT, extension TEXT, annotation TEXT, ingestor_id TEXT{own})",
                quoted(table)
            ),
            [],
        )?;
        let names: Vec<String> = FRAMEWORK
            .iter()
            .map(|name| quoted(name))
            .chain(features.iter().map(|(column, _)| quoted(column)))
            .collect();
        let marks = vec!["?"; names.len()].join(", ");
        let updates: Vec<String> = names
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let insert = format!(
            "INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT (data_id) DO UPDATE SET {}",
            quoted(table),
            names.join(", "),
            updates.join(", ")
        );
        Ok(Self {
            connection,
            insert,
            intent: intent.to_owned(),
            ingestor: ingestor.to_owned(),
        })
    }

    /// Inserts all records, or none. Returns how many.
    pub(super) fn load(&mut self, records: &[Record]) -> Result<u64, SqlError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare(&self.insert)?;
            for record in records {
                let some = |text: &str| Some(text.to_owned());
                let values = [
                    record.label.clone(),
                    some(&self.intent),
                    some(&record.data_id),
                    record.filename.clone(),
                    record.extension.clone(),
                    some(&self.ingestor),
                ];
                insert.execute(params_from_iter(
                    values.into_iter().chain(record.features.iter().cloned()),
                ))?;
            }
        }
        transaction.commit()?;
        Ok(records.len() as u64)
    }
}

/// What SQLite keeps a MySQL type as.
fn affinity(kind: &str) -> &'static str {
    let kind = kind.to_ascii_uppercase();
    let begins = |names: &[&str]| names.iter().any(|name| kind.starts_with(name));
    if begins(&["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "BOOL"]) {
        "INTEGER"
    } else if begins(&["FLOAT", "DOUBLE", "DECIMAL", "NUMERIC"]) {
        "REAL"
    } else {
        "TEXT"
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
