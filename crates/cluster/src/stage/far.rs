//! A stage pod as the place where commands run.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::StagePod;
use crate::Connection;
use crate::cause::chain;
use crate::exec::Container;
use crate::target::TargetError;

impl StagePod {
    /// Names its container for exec. Uploads that outlive the credential get a fresh one from the connection.
    ///
    /// # Errors
    /// When the credential had to be renewed already, and could not.
    pub async fn container(&self, connection: &Arc<Connection>) -> Result<Container, TargetError> {
        let client = connection.client().await?;
        let limits = connection.limits().clone();
        let container = Container::new(client, &self.namespace, &self.name, self.container, limits);
        let connection = Arc::clone(connection);
        Ok(container.renewing(Arc::new(move || {
            let connection = Arc::clone(&connection);
            async move { connection.renew().await.map_err(|error| chain(&error)) }.boxed()
        })))
    }
}
