//! Reading CSV as the cluster does: comma, double quotes, any line ends, UTF-8, nothing else.

mod ahead;
mod gate;
mod header;
mod records;

pub(crate) use ahead::read_ahead;
pub(crate) use gate::{Flaw, Gate, Offence};
pub use header::shown_name;
pub(crate) use header::{Header, fold as header_fold, listed};
pub use records::RECORD_MAX_BYTES;
pub(crate) use records::{ReadError, Record, Records};
