//! Tokens for the submission.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::Connection;
use crate::cause::chain;
use crate::release::Release;
use crate::submit::Mint;
use crate::token;

/// Mints tokens of the release's ingestor.
pub(super) struct Ingestor<'a> {
    connection: &'a Arc<Connection>,
    release: &'a Release,
}

impl<'a> Ingestor<'a> {
    pub(super) fn new(connection: &'a Arc<Connection>, release: &'a Release) -> Self {
        Self {
            connection,
            release,
        }
    }

    async fn obtain(&self) -> Result<String, String> {
        let account = &self.release.account.name;
        let namespace = &self.release.namespace;
        let token = token::obtain(self.connection, namespace, account, token::FOR_A_RUN).await;
        token
            .map(|token| token.secret().to_owned())
            .map_err(|error| chain(&error))
    }
}

impl Mint for Ingestor<'_> {
    fn mint(&self) -> BoxFuture<'_, Result<String, String>> {
        self.obtain().boxed()
    }
}
