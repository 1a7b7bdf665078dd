//! Local datasets: which tasks there are, what they want on disk, whether a folder has it, and the document that describes a
//! dataset to the cluster.

pub mod age;
mod cell;
mod csv;
pub mod finding;
mod forecast;
pub mod ingest;
pub mod labels;
mod layout;
pub mod rule;
pub mod sql_type;
mod tabular;
pub mod task;
