//! The ingest document: one mapping that tells the cluster what a dataset is.
//!
//! [`schema()`] publishes what a document may look like, [`validate`] judges one that somebody wrote, and [`Document::synthesise`]
//! writes one from flags and data. One description of the document and the task registry stand behind all three. Nothing here reads
//! a file.

mod advice;
mod check;
mod conditions;
mod document;
mod flat;
mod load;
mod local;
mod node;
mod paths;
mod place;
mod scalar;
mod schema;
mod shape;
mod violation;
mod write;

pub use advice::Warning;
pub use document::{Document, Facts, Intent, Policy, Unsound};
pub(crate) use flat::{NotFlat, flat_mapping};
pub use load::NotADocument;
pub use paths::{final_prefix, staged_prefix};
pub use place::Place;
pub use schema::{AGREES_WITH_SHA256, schema};
pub use violation::Violation;

/// What there is to say about a document.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Why the ingestor refuses it, sorted by path, then message; empty if it does not.
    pub violations: Vec<Violation>,
    /// What may go wrong all the same, sorted likewise. Each names the ages of ingestors for which it is an error.
    pub warnings: Vec<Warning>,
}

/// Judges the text of a document, YAML or JSON.
///
/// Everything that is wrong is found at once. The verdict on the document is the ingestor's own schema's, with the table's name and
/// the columns' types checked besides.
///
/// # Errors
/// When the text is not one mapping with string keys, so that there is nothing to judge.
pub fn validate(text: &[u8]) -> Result<Validation, NotADocument> {
    let root = load::load(text)?;
    let mut violations = check::check(&root);
    violations.extend(local::check(&root));
    Ok(Validation {
        violations: violation::tidy(violations),
        warnings: advice::advise(&root),
    })
}
