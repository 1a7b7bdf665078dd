//! What a controller manager does: each controller watches the store and writes back what follows.

mod bootstrap;

use crate::Sandbox;

/// Makes what every cluster starts with and starts the controllers.
pub(crate) fn start(sandbox: &Sandbox) {
    bootstrap::make(sandbox);
}
