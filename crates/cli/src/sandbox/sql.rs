//! `longshore sandbox sql`.

use sandbox::{local, release};
use serde_json::{Value, json};

use super::folder;
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Arguments of `sandbox sql`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A query, such as "SELECT * FROM pets"
    statement: String,
}

/// Asks the SQL side, which no query changes.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let folder = folder(context)?;
    local::status(&folder).map_err(|error| errors::sandbox(&error, &folder))?;
    let answer = release::query(&local::database(&folder), &args.statement).map_err(|error| {
        Failure::new(Exit::Usage, "sandbox.sql", "the query failed")
            .at("argument", args.statement.clone())
            .because(&error)
            .remedy("\"SELECT name FROM sqlite_master\" lists the tables; there are none before the first run.")
    })?;
    let mut text = answer.columns.join("\t");
    text.push('\n');
    for row in &answer.rows {
        let cells: Vec<&str> = row
            .iter()
            .map(|cell| cell.as_deref().unwrap_or("NULL"))
            .collect();
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    let rows: Vec<Value> = answer.rows.iter().map(|row| json!(row)).collect();
    Ok(Outcome::done(text)
        .with("columns", answer.columns)
        .with("rows", rows))
}
