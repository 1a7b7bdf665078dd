//! What kind of stage pod is wanted, worked out before one is made.

use std::collections::BTreeMap;

use dataset::names::TableName;
use k8s_openapi::api::core::v1::Toleration;

use super::{RunId, image};
use crate::release::Release;
use crate::volume::Volume;

/// Who runs this program. It is written on the pod, so that others can tell whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The run.
    pub run: RunId,
    /// The machine.
    pub host: String,
    /// The user on it.
    pub user: String,
}

/// What a run wants of a stage pod.
#[derive(Clone, Debug)]
pub struct Request {
    /// The table, or `None` for a pod that only looks around.
    pub table: Option<TableName>,
    /// The image, instead of the default one and of any other.
    pub image: Option<String>,
    /// Who asks.
    pub owner: Owner,
    /// The script, whole. The container's processes find it in their environment.
    pub script: &'static str,
    /// The command of the container.
    pub command: Vec<String>,
}

/// An image to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Its name.
    pub image: String,
    /// The secrets to pull it with; none leaves that to the account.
    pub secrets: Vec<String>,
    /// The node that has it already, for an image that is known from another pod.
    pub node: Option<String>,
}

/// A stage pod as it will be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its namespace.
    pub namespace: String,
    /// The table.
    pub table: Option<TableName>,
    /// The service account whose exemptions and pull secrets it has. It gets no token of it.
    pub account: String,
    /// The claim that it mounts.
    pub claim: String,
    /// The node that it has to go to.
    pub node: Option<String>,
    /// What it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Which nodes it may go to.
    pub node_selector: BTreeMap<String, String>,
    /// The images to try, in this order.
    pub pulls: Vec<Pull>,
    /// Who asks.
    pub owner: Owner,
    /// The script, whole.
    pub script: &'static str,
    /// The command of the container.
    pub command: Vec<String>,
}

/// Images of others that are tried when the default one cannot be had.
const SPARES: usize = 2;

impl Plan {
    /// Works out the pod.
    ///
    /// A volume that one node at a time may mount takes the pod to the node where it is mounted. What the pods there tolerate
    /// and select, this one does too. Where no image is asked for, the images of those pods are spares for the default one: they
    /// are on that node already.
    #[must_use]
    pub fn of(release: &Release, volume: &Volume, request: Request) -> Self {
        let leader = volume.leader();
        let node = leader.and_then(|leader| leader.node.clone());
        let own = Pull {
            image: request
                .image
                .clone()
                .filter(|image| !image.is_empty())
                .unwrap_or_else(|| image::DEFAULT.to_owned()),
            secrets: Vec::new(),
            node: None,
        };
        let spares = leader
            .filter(|leader| leader.is_running && own.image == image::DEFAULT)
            .into_iter()
            .flat_map(|leader| {
                leader.images.iter().take(SPARES).map(|image| Pull {
                    image: image.clone(),
                    secrets: leader.pull_secrets.clone(),
                    node: leader.node.clone(),
                })
            });
        Self {
            namespace: release.namespace.clone(),
            table: request.table,
            account: release.account.name.clone(),
            claim: volume.claim.clone(),
            node: node.filter(|_| volume.is_one_node()),
            tolerations: leader
                .map(|leader| leader.tolerations.clone())
                .unwrap_or_default(),
            node_selector: leader
                .map(|leader| leader.node_selector.clone())
                .unwrap_or_default(),
            pulls: std::iter::once(own.clone()).chain(spares).collect(),
            owner: request.owner,
            script: request.script,
            command: request.command,
        }
    }
}
