//! Settings of the node.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::container::{Mounts, Tools};
use super::task::Task;
use crate::fault::Faults;

/// What the node does, and how long it takes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time to pull an image.
    pub pull_delay: Duration,
    /// Time between the image and the running container.
    pub start_delay: Duration,
    /// How mount paths are brought about.
    pub mounts: Mounts,
    /// What is installed in images that no rule names.
    pub tools: Tools,
    /// What images are; the first rule that fits counts.
    pub images: Vec<ImageRule>,
    /// Size of every claim's volume; `None` for what the disk has. Needs namespaces.
    pub volume_bytes: Option<u64>,
    /// What goes wrong with streams. A clone of it is the hook of the API server, so that requests count in the same report.
    pub faults: Faults,
}

impl Default for Config {
    fn default() -> Self {
        let rule = |prefix: &str, image| ImageRule {
            prefix: prefix.to_owned(),
            image,
        };
        Self {
            pull_delay: Duration::ZERO,
            start_delay: Duration::ZERO,
            mounts: Mounts::Auto,
            tools: Tools::Host,
            images: vec![
                rule("sandbox.invalid/missing", Image::Missing),
                rule(
                    "sandbox.invalid/other-architecture",
                    Image::OtherArchitecture,
                ),
                rule("sandbox.invalid/host", Image::Tools(Tools::Host)),
                rule("sandbox.invalid/busybox", Image::Tools(Tools::Busybox)),
                rule("sandbox.invalid/empty", Image::Tools(Tools::Empty)),
            ],
            volume_bytes: None,
            faults: Faults::default(),
        }
    }
}

/// Says what the images with that beginning are.
#[derive(Clone, Debug)]
pub struct ImageRule {
    /// Beginning of the image's name.
    pub prefix: String,
    /// What it is.
    pub image: Image,
}

/// What an image is here.
#[derive(Clone)]
pub enum Image {
    /// A set of tools.
    Tools(Tools),
    /// A set of tools and the image's own variables, such as another `PATH`. Those of the pod come before them.
    WithVariables(Tools, Vec<(String, String)>),
    /// A part of the sandbox itself, run as a task.
    Task(Arc<dyn Fn(Task) -> Pin<Box<dyn Future<Output = i32> + Send>> + Send + Sync>),
    /// It cannot be pulled.
    Missing,
    /// It can be pulled, but its programs do not run.
    OtherArchitecture,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tools(tools) => f.debug_tuple("Tools").field(tools).finish(),
            Self::WithVariables(tools, variables) => f
                .debug_tuple("WithVariables")
                .field(tools)
                .field(variables)
                .finish(),
            Self::Task(_) => f.write_str("Task"),
            Self::Missing => f.write_str("Missing"),
            Self::OtherArchitecture => f.write_str("OtherArchitecture"),
        }
    }
}

impl Config {
    /// Finds what an image is.
    #[must_use]
    pub fn image(&self, name: &str) -> Image {
        let mut rules = self.images.iter();
        let found = rules.find(|rule| name.starts_with(&rule.prefix));
        found.map_or(Image::Tools(self.tools), |rule| rule.image.clone())
    }
}
