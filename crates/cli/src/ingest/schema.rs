//! `longshore ingest schema`.

use dataset::ingest::{AGREES_WITH_SHA256, schema};

use crate::output::Outcome;

/// Prints the schema; its comment names the ingestor's own schema file that it agrees with.
pub(crate) fn run() -> Outcome {
    Outcome::done(schema())
        .with("schema", schema())
        .with("agrees_with_sha256", AGREES_WITH_SHA256)
}
