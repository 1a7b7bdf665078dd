//! Pod Security admission: namespaces labelled `baseline` or `restricted` refuse pods that ask for more.

use serde_json::Value;

use crate::store::str_at;

/// A level of the Pod Security Standards that refuses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// No host access and no extra privileges.
    Baseline,
    /// What runs without trust.
    Restricted,
}

impl Level {
    /// Reads the value of a label; `privileged` and unknown words refuse nothing.
    #[must_use]
    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }

    /// Spells it as in a label.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// Lists what a pod's spec violates, in the words and the order of a real server.
#[must_use]
pub(super) fn violations(level: Level, spec: &Value) -> Vec<String> {
    let pod = Pod::read(spec);
    let mut found = Vec::new();
    let mut add = |finding: Option<String>| found.extend(finding);
    add(pod.host_namespaces());
    add(pod.host_ports());
    add(pod.privileged());
    if level == Level::Restricted {
        add(pod.privilege_escalation());
    }
    add(pod.capabilities(level));
    add(pod.host_path(level));
    if level == Level::Restricted {
        add(pod.volumes());
        add(pod.run_as_non_root());
        add(pod.run_as_user());
    }
    add(pod.seccomp(level));
    found
}

struct Pod<'a> {
    spec: &'a Value,
    /// Init containers first, as servers visit them.
    containers: Vec<&'a Value>,
}

impl<'a> Pod<'a> {
    fn read(spec: &'a Value) -> Self {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let containers = lists
            .iter()
            .flat_map(|list| spec[list].as_array().into_iter().flatten())
            .collect();
        Self { spec, containers }
    }

    fn named(&self, is_bad: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        self.containers
            .iter()
            .filter(|one| is_bad(one))
            .map(|one| str_at(one, "/name"))
            .collect()
    }

    fn host_namespaces(&self) -> Option<String> {
        let used: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
            .iter()
            .filter(|field| self.spec[**field] == true)
            .map(|field| format!("{field}=true"))
            .collect();
        (!used.is_empty()).then(|| format!("host namespaces ({})", used.join(", ")))
    }

    fn host_ports(&self) -> Option<String> {
        let mut ports = Vec::new();
        let names = self.named(|one| {
            one["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|port| port["hostPort"].as_u64().is_some_and(|port| port != 0))
        });
        for container in &self.containers {
            for port in container["ports"].as_array().into_iter().flatten() {
                ports.extend(
                    port["hostPort"]
                        .as_u64()
                        .filter(|port| *port != 0)
                        .map(|port| port.to_string()),
                );
            }
        }
        let verb = if names.len() == 1 { "uses" } else { "use" };
        let noun = if ports.len() == 1 {
            "hostPort"
        } else {
            "hostPorts"
        };
        (!names.is_empty()).then(|| {
            format!(
                "hostPort ({} {verb} {noun} {})",
                containers(&names),
                ports.join(", ")
            )
        })
    }

    fn privileged(&self) -> Option<String> {
        let names = self.named(|one| one["securityContext"]["privileged"] == true);
        (!names.is_empty()).then(|| {
            format!(
                "privileged ({} must not set securityContext.privileged=true)",
                containers(&names)
            )
        })
    }

    fn privilege_escalation(&self) -> Option<String> {
        let names = self.named(|one| one["securityContext"]["allowPrivilegeEscalation"] != false);
        (!names.is_empty()).then(|| {
            format!(
                "allowPrivilegeEscalation != false ({} must set securityContext.allowPrivilegeEscalation=false)",
                containers(&names)
            )
        })
    }

    fn capabilities(&self, level: Level) -> Option<String> {
        let list = |one: &'a Value, field: &str| -> Vec<&'a str> {
            one["securityContext"]["capabilities"][field]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let is_allowed = |capability: &str| match level {
            Level::Restricted => capability == "NET_BIND_SERVICE",
            Level::Baseline => BASELINE_CAPABILITIES.contains(&capability),
        };
        let mut parts = Vec::new();
        if level == Level::Restricted {
            let names: Vec<&str> = self
                .containers
                .iter()
                .filter(|one| !list(one, "drop").contains(&"ALL"))
                .map(|one| str_at(one, "/name"))
                .collect();
            if !names.is_empty() {
                parts.push(format!(
                    "{} must set securityContext.capabilities.drop=[\"ALL\"]",
                    containers(&names)
                ));
            }
        }
        let mut adding = Vec::new();
        let mut added = Vec::new();
        for one in &self.containers {
            let bad: Vec<&str> = list(one, "add")
                .into_iter()
                .filter(|capability| !is_allowed(capability))
                .collect();
            if !bad.is_empty() {
                adding.push(str_at(one, "/name"));
                added.extend(bad.iter().map(|capability| format!("\"{capability}\"")));
            }
        }
        if !adding.is_empty() {
            added.sort();
            added.dedup();
            let what = added.join(", ");
            parts.push(format!(
                "{} must not include {what} in securityContext.capabilities.add",
                containers(&adding)
            ));
        }
        let title = if level == Level::Restricted {
            "unrestricted capabilities"
        } else {
            "non-default capabilities"
        };
        (!parts.is_empty()).then(|| format!("{title} ({})", parts.join("; ")))
    }

    fn host_path(&self, level: Level) -> Option<String> {
        let names = self.volumes_of(|volume| volume.get("hostPath").is_some());
        (level == Level::Baseline && !names.is_empty())
            .then(|| format!("hostPath volumes ({})", volumes(&names)))
    }

    fn volumes(&self) -> Option<String> {
        const ALLOWED: [&str; 9] = [
            "configMap",
            "downwardAPI",
            "emptyDir",
            "projected",
            "secret",
            "csi",
            "persistentVolumeClaim",
            "ephemeral",
            "image",
        ];
        let kind_of = |volume: &Value| {
            let source = volume
                .as_object()
                .and_then(|volume| volume.keys().find(|key| *key != "name"));
            source.cloned().unwrap_or_else(|| "emptyDir".to_owned())
        };
        let bad: Vec<&Value> = self.spec["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|volume| !ALLOWED.contains(&kind_of(volume).as_str()))
            .collect();
        let names: Vec<&str> = bad.iter().map(|volume| str_at(volume, "/name")).collect();
        let mut kinds: Vec<String> = bad
            .iter()
            .map(|volume| format!("\"{}\"", kind_of(volume)))
            .collect();
        kinds.sort();
        kinds.dedup();
        let verb = if names.len() == 1 { "uses" } else { "use" };
        let noun = if kinds.len() == 1 { "type" } else { "types" };
        (!names.is_empty()).then(|| {
            format!(
                "restricted volume types ({} {verb} restricted volume {noun} {})",
                volumes(&names),
                kinds.join(", ")
            )
        })
    }

    fn volumes_of(&self, is_bad: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        let all = self.spec["volumes"].as_array().into_iter().flatten();
        all.filter(|volume| is_bad(volume))
            .map(|volume| str_at(volume, "/name"))
            .collect()
    }

    fn run_as_non_root(&self) -> Option<String> {
        let of_pod = self.spec["securityContext"]["runAsNonRoot"].as_bool();
        let refusing = self.named(|one| one["securityContext"]["runAsNonRoot"] == false);
        if of_pod == Some(false) || !refusing.is_empty() {
            let mut who = Vec::new();
            if of_pod == Some(false) {
                who.push("pod".to_owned());
            }
            if !refusing.is_empty() {
                who.push(containers(&refusing));
            }
            return Some(format!(
                "runAsNonRoot != true ({} must not set securityContext.runAsNonRoot=false)",
                who.join(" and ")
            ));
        }
        let silent = self.named(|one| one["securityContext"]["runAsNonRoot"] != true);
        (of_pod != Some(true) && !silent.is_empty()).then(|| {
            format!(
                "runAsNonRoot != true (pod or {} must set securityContext.runAsNonRoot=true)",
                containers(&silent)
            )
        })
    }

    fn run_as_user(&self) -> Option<String> {
        let names = self.named(|one| one["securityContext"]["runAsUser"] == 0);
        let mut who = Vec::new();
        if self.spec["securityContext"]["runAsUser"] == 0 {
            who.push("pod".to_owned());
        }
        if !names.is_empty() {
            who.push(containers(&names));
        }
        (!who.is_empty()).then(|| {
            format!(
                "runAsUser=0 ({} must not set runAsUser=0)",
                who.join(" and ")
            )
        })
    }

    fn seccomp(&self, level: Level) -> Option<String> {
        fn kind(of: &Value) -> &str {
            str_at(of, "/securityContext/seccompProfile/type")
        }
        let is_good = |kind: &str| matches!(kind, "RuntimeDefault" | "Localhost");
        let of_pod = kind(self.spec);
        let bad = self.named(|one| !kind(one).is_empty() && !is_good(kind(one)));
        if !of_pod.is_empty() && !is_good(of_pod) || !bad.is_empty() {
            let mut who = Vec::new();
            if !of_pod.is_empty() && !is_good(of_pod) {
                who.push("pod".to_owned());
            }
            if !bad.is_empty() {
                who.push(containers(&bad));
            }
            return Some(format!(
                "seccompProfile ({} must not set securityContext.seccompProfile.type to \"Unconfined\")",
                who.join(" and ")
            ));
        }
        let silent = self.named(|one| kind(one).is_empty());
        (level == Level::Restricted && of_pod.is_empty() && !silent.is_empty()).then(|| {
            format!(
                "seccompProfile (pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
                containers(&silent)
            )
        })
    }
}

/// Capabilities that runtimes give anyway.
const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn containers(names: &[&str]) -> String {
    counted("container", names)
}

fn volumes(names: &[&str]) -> String {
    counted("volume", names)
}

fn counted(noun: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "{noun}{} {}",
        if names.len() == 1 { "" } else { "s" },
        quoted.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Level, violations};

    /// Both sentences are a real server's (1.35.4).
    #[test]
    fn a_bare_pod_violates_what_a_real_server_says() {
        let spec = json!({"containers": [{"name": "c", "image": "i"}]});
        assert_eq!(
            violations(Level::Restricted, &spec).join(", "),
            "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), \
             unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true \
             (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set \
             securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        );
    }

    #[test]
    fn a_pod_that_asks_for_everything_violates_everything() {
        let spec = json!({
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}], "hostNetwork": true,
            "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "Unconfined"}},
            "initContainers": [{"name": "i", "image": "x", "securityContext": {"runAsUser": 0}}],
            "containers": [
                {"name": "c", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}],
                 "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN", "NET_BIND_SERVICE"], "drop": ["ALL"]}}},
                {"name": "d", "image": "x",
                 "securityContext": {"runAsNonRoot": false, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["X"]}}},
            ],
        });
        assert_eq!(
            violations(Level::Restricted, &spec).join(", "),
            "host namespaces (hostNetwork=true), hostPort (container \"c\" uses hostPort 80), privileged (container \"c\" must not set \
             securityContext.privileged=true), allowPrivilegeEscalation != false (containers \"i\", \"c\" must set \
             securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers \"i\", \"d\" must set \
             securityContext.capabilities.drop=[\"ALL\"]; container \"c\" must not include \"NET_ADMIN\" in \
             securityContext.capabilities.add), restricted volume types (volume \"v\" uses restricted volume type \"hostPath\"), \
             runAsNonRoot != true (container \"d\" must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod and container \
             \"i\" must not set runAsUser=0), seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")"
        );
    }

    #[test]
    fn a_pod_that_asks_for_nothing_passes() {
        let spec = json!({
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "t", "emptyDir": {}}],
            "containers": [{"name": "c", "image": "x", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        });
        assert_eq!(violations(Level::Restricted, &spec), Vec::<String>::new());
        assert_eq!(
            violations(Level::Baseline, &json!({"containers": [{"name": "c"}]})),
            Vec::<String>::new()
        );
    }
}
