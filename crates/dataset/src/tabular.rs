//! Tables: the schema that is declared or inferred, and whether the values agree with it.

mod infer;
mod schema;
mod values;

pub(crate) use infer::Inference;
pub use schema::{Column, Schema};
pub(crate) use schema::{declared_names, read_file, read_flag};
pub(crate) use values::ValueChecks;

/// Infers the SQL type of one column from its cells, top to bottom.
pub fn infer_column<'a>(cells: impl IntoIterator<Item = &'a [u8]>) -> String {
    infer::column_type(cells)
}
