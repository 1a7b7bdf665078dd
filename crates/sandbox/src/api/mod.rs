//! The API server: HTTPS on loopback, authentication, authorisation, admission, and the verbs on every kind.

pub mod answer;
pub mod body;

pub use body::Body;
