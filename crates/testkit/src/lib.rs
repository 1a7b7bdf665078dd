//! Fixtures for the tests and benchmarks of the other crates; never part of the product.
//!
//! Everything here is a second implementation on purpose: the bytes of a snapshot, the names of a
//! dump tree and the protobuf of a sketch are built and read without a line of the product, so that
//! an error in the product cannot hide behind the same error in its test.
//!
//! Helpers panic on failure, because a broken fixture must end the test that asked for it.

pub mod case;
pub mod command;
pub mod generate;
pub mod hex;
pub mod limits;
pub mod picture;
pub mod random;
pub mod rows;
pub mod shared;
pub mod stream;
pub mod truth;

pub use shared::shared_dir;
