//! What the fuzz targets share: whole decodes into memory, and the properties that hold for every one.
//!
//! A target panics where a property does not hold. `docs/reliability.md` says how to run them and what they found.

mod decode;
mod rows;
mod select;

pub use decode::{Outcome, check, check_twice, inspect, options, place_is_inside};
pub use rows::{Given, T, redis_rows, s3_rows, stream};
pub use select::{Visible, read_rows, visible};
