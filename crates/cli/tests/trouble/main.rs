//! Everything that goes wrong with a push has an exit code, an id, a place and a remedy, and leaves nothing behind: as a user sees it.

#[path = "../common/mod.rs"]
mod common;

mod before;
mod display;
mod image;
mod journal;
mod kills;
mod port;
mod rivals;
mod stop;
mod submission;
mod upload;
mod volume;
