//! Settings of the node.

use std::time::Duration;

/// How long things take on the node.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Time to pull an image.
    pub pull_delay: Duration,
    /// Time between the image and the running container.
    pub start_delay: Duration,
}
