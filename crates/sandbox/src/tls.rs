//! A certificate authority for this one sandbox, made when it starts and forgotten when it ends.
