//! What `cluster info` tells: the target, the release, a token. Each as far as it is known.

use std::time::Duration;

use crate::Connection;
use crate::release::{self, Release, ReleaseError};
use crate::token::{self, Token, TokenError};

/// What could be found out. A part that failed leaves the earlier ones as they are.
#[derive(Debug)]
pub struct Info {
    /// The release.
    pub release: Result<Release, ReleaseError>,
    /// A token of its ingestor; `None` when there is no release to have one.
    pub token: Option<Result<Token, TokenError>>,
}

/// Finds out about the release, and whether a token can be had.
pub async fn gather(connection: &Connection, account: Option<&str>, lifetime: Duration) -> Info {
    let release = release::find(connection, account).await;
    let token = match &release {
        Ok(release) => {
            let name = &release.account.name;
            Some(token::obtain(connection, &release.namespace, name, lifetime).await)
        }
        Err(_) => None,
    };
    Info { release, token }
}
