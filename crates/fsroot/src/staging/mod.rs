//! Stage, verify, publish or discard.

pub(crate) mod destination;
pub(crate) mod file;
pub(crate) mod name;
pub(crate) mod output;
pub(crate) mod publish;
pub(crate) mod recover;
pub(crate) mod replace;
pub(crate) mod reserve;
pub(crate) mod sync;
pub(crate) mod tree;
pub(crate) mod writer;
