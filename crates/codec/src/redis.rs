//! Redis keys: strings, HyperLogLogs and the expiries of all types (`docs/dump-format.md`, Redis).

mod form;
mod plan;
mod portable;
mod survey;
mod write;

pub use plan::RedisReport;
pub(crate) use plan::{path, plan};
pub(crate) use survey::{Kind, RedisSurvey};
pub(crate) use write::write;

/// Bytes of a string or HyperLogLog that the survey needs to see: header, flags and expiry.
pub(crate) const HEAD_BYTES: usize = 16;
