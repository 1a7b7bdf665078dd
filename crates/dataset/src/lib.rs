//! Local datasets: which tasks there are, what they want on disk, and the document that describes a dataset to the cluster.

pub mod age;
pub mod task;
