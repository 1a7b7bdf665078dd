//! A place with a running sandbox.

use std::ops::Deref;
use std::path::PathBuf;

use super::{Place, runs};

/// A place whose sandbox runs until this is dropped.
pub struct Lab {
    place: Place,
    pub kubeconfig: PathBuf,
}

impl Lab {
    pub fn start() -> Self {
        let place = Place::new();
        place.run(["sandbox", "up", "--allow-root"]).exits(0);
        let kubeconfig = runs::kubeconfig(&place);
        Self { place, kubeconfig }
    }

    /// Runs a command with JSON as its output, on the sandbox's cluster.
    pub fn ask(&self, words: &[&str]) -> testkit::command::Run {
        let kubeconfig = self.kubeconfig.display().to_string();
        let more = ["--kubeconfig", &kubeconfig, "--format=json"];
        self.place.run([words, &more].concat())
    }
}

impl Deref for Lab {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Also when the test has failed; there is nobody to tell.
        drop(self.place.command(["sandbox", "down"]).output());
    }
}
