//! Rules that look at the files of data directories, and the reading that they share.

pub(crate) mod images;
pub(crate) mod measure;
pub(crate) mod pairing;
pub(crate) mod record;
pub(crate) mod text;
pub(crate) mod tokenizer;
pub(crate) mod voc;
