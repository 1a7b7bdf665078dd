//! Replacing a directory with content.

use std::path::PathBuf;

use super::publish::{Failure, confirm, rename_error};
use super::tree::Staging;
use crate::{Error, Metadata, platform};

pub(crate) fn replace(
    staging: &Staging,
    _old: &Metadata,
) -> Result<Option<(PathBuf, Error)>, Failure> {
    let destination = &staging.destination;
    platform::exchange(destination.dir(), &staging.reserved.name, &destination.name)
        .map_err(|source| rename_error(destination, source))?;
    confirm(staging)?;
    let old = platform::open_child_dir(destination.dir(), &staging.reserved.name)
        .map_err(|source| destination.error("open", source))?;
    use std::os::fd::AsFd;
    crate::remove::remove_contents(old.as_fd())
        .and_then(|()| platform::remove_dir(destination.dir(), &staging.reserved.name))
        .map_err(|source| destination.error("remove", source))?;
    Ok(None)
}
