//! Whether a pod can run on the node.

use serde_json::Value;

use crate::node::NAME;
use crate::node::object::{CORES, MEMORY_GIB};
use crate::store::str_at;
use crate::{Sandbox, kinds};

/// Says why the pod cannot be scheduled, as a scheduler words it.
pub(super) fn refusal(sandbox: &Sandbox, pod: &Value) -> Option<String> {
    let spec = &pod["spec"];
    let Ok(node) = sandbox.store().get(&kinds::NODE, "", NAME) else {
        return Some("no nodes available to schedule pods".to_owned());
    };
    let labels = &node["metadata"]["labels"];
    if let Some(selector) = spec["nodeSelector"].as_object()
        && selector.iter().any(|(key, value)| *value != labels[key])
    {
        return Some(one_node(
            "node(s) didn't match Pod's node affinity/selector",
        ));
    }
    for (resource, most) in [("cpu", CORES * 1000), ("memory", MEMORY_GIB << 30)] {
        let containers = spec["containers"].as_array().into_iter().flatten();
        let wanted: u64 = containers
            .filter_map(|container| {
                let asked = &container["resources"]["requests"][resource];
                quantity(resource, asked.as_str()?)
            })
            .sum();
        if wanted > most {
            return Some(one_node(&format!("Insufficient {resource}")));
        }
    }
    claims(sandbox, pod)
}

fn one_node(why: &str) -> String {
    format!("0/1 nodes are available: 1 {why}.")
}

/// Claims have to be there and bound; one that binds late is told which node it is wanted on.
fn claims(sandbox: &Sandbox, pod: &Value) -> Option<String> {
    let namespace = str_at(pod, "/metadata/namespace");
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        let name = str_at(volume, "/persistentVolumeClaim/claimName");
        if name.is_empty() {
            continue;
        }
        let store = sandbox.store();
        let Ok(claim) = store.get(&kinds::CLAIM, namespace, name) else {
            return Some(one_node(&format!(
                "persistentvolumeclaim \"{name}\" not found"
            )));
        };
        if str_at(&claim, "/status/phase") != "Bound" {
            let chosen = store.modify(&kinds::CLAIM, namespace, name, |claim| {
                claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] =
                    NAME.into();
                Ok(())
            });
            // A claim that is being deleted stays unbound, which is what the next line says.
            drop(chosen);
            return Some(one_node("pod has unbound immediate PersistentVolumeClaims"));
        }
    }
    None
}

/// Reads a quantity: cores in thousandths, memory in bytes.
fn quantity(resource: &str, text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, suffix) = text.split_at(digits.unwrap_or(text.len()));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let thousandths: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    let millis = whole.checked_mul(1000)?.checked_add(thousandths)?;
    let factor: u64 = match suffix {
        "" => 1,
        "m" => {
            return Some(if resource == "cpu" {
                whole
            } else {
                whole / 1000
            });
        }
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    let scaled = millis.checked_mul(factor)?;
    Some(if resource == "cpu" {
        scaled
    } else {
        scaled / 1000
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        assert_eq!(quantity("cpu", "50m"), Some(50));
        assert_eq!(quantity("cpu", "2"), Some(2000));
        assert_eq!(quantity("cpu", "1.5"), Some(1500));
        assert_eq!(quantity("memory", "64Mi"), Some(64 << 20));
        assert_eq!(quantity("memory", "1G"), Some(1_000_000_000));
        assert_eq!(quantity("memory", "1.5Gi"), Some(3 << 29));
        assert_eq!(quantity("memory", "many"), None);
    }
}
