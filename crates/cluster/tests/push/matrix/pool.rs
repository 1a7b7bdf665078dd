//! Sandboxes that are used again and again, by one scenario at a time.

use std::sync::{Mutex, PoisonError};

use sandbox::Config;
use sandbox::node::container::{Mounts, Toolbox, Tools};

use super::super::site::Site;

/// So many scenarios a sandbox sees. What they leave in its store makes every list longer.
const SCENARIOS: u32 = 40;

/// Room for everything that a scenario may have on a volume, several times over.
const VOLUME_BYTES: u64 = 80 << 20;

/// How mount paths come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Volume {
    /// A folder: commands run without namespaces of their own, and cost a fraction.
    Folder,
    /// A real mount with a size, which can be full and read-only.
    Mounted,
}

/// A sandbox, and how many scenarios it has seen.
struct Used {
    site: Site,
    scenarios: u32,
}

/// Sandboxes that nobody uses at the moment.
pub(super) struct Pool {
    volume: Volume,
    idle: Mutex<Vec<Used>>,
}

/// A sandbox from a pool. It goes back only when its scenario is over: one that failed is not used again.
pub(super) struct Lent<'a> {
    used: Used,
    pool: &'a Pool,
}

impl Pool {
    pub(super) fn of(volume: Volume) -> Self {
        Self {
            volume,
            idle: Mutex::default(),
        }
    }

    pub(super) async fn lend(&self) -> Lent<'_> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let used = match idle {
            Some(used) => used,
            None => Used {
                site: Site::with(|config| prepare(config, self.volume)).await,
                scenarios: 0,
            },
        };
        Lent { used, pool: self }
    }
}

impl Lent<'_> {
    pub(super) fn site(&self) -> &Site {
        &self.used.site
    }

    pub(super) async fn give_back(mut self) {
        self.used.scenarios += 1;
        if self.used.scenarios < SCENARIOS {
            let mut idle = self
                .pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            idle.push(self.used);
        } else {
            self.used.site.stop().await;
        }
    }
}

/// The programs are busybox's, as in the image that stage pods run, where the machine has one.
fn prepare(config: &mut Config, volume: Volume) {
    let toolbox = Toolbox::prepare(&config.data_dir.join("tools")).unwrap();
    if toolbox.check(Tools::Busybox).is_ok() {
        config.node.tools = Tools::Busybox;
    }
    match volume {
        Volume::Folder => config.node.mounts = Mounts::Rewritten,
        Volume::Mounted => {
            config.node.mounts = Mounts::Real;
            config.node.volume_bytes = Some(VOLUME_BYTES);
        }
    }
}
