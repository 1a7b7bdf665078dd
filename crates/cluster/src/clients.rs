//! A client whose credential may have to be renewed on the way.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kube::Client;

use crate::{Connection, cause};

/// Where what runs for long gets its client from.
pub trait Clients: Send + Sync {
    /// Returns a client whose credential should still hold, or why there is none.
    fn current(&self) -> BoxFuture<'_, Result<Client, String>>;

    /// Returns a client after its credential was refused.
    fn renewed(&self) -> BoxFuture<'_, Result<Client, String>>;
}

/// A client that has nothing to renew.
impl Clients for Client {
    fn current(&self) -> BoxFuture<'_, Result<Client, String>> {
        std::future::ready(Ok(self.clone())).boxed()
    }

    fn renewed(&self) -> BoxFuture<'_, Result<Client, String>> {
        self.current()
    }
}

impl Clients for Connection {
    fn current(&self) -> BoxFuture<'_, Result<Client, String>> {
        async { self.client().await.map_err(|error| cause::chain(&error)) }.boxed()
    }

    fn renewed(&self) -> BoxFuture<'_, Result<Client, String>> {
        async { self.renew().await.map_err(|error| cause::chain(&error)) }.boxed()
    }
}
