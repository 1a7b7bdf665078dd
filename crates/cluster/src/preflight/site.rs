//! The release and its volume.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams};

use super::{Report, Request, Rule, checks, name};
use crate::Connection;
use crate::api::{Call, Refusal};
use crate::release::{self, AccountSource, Release, ReleaseError};
use crate::volume::{self, Volume, VolumeError};

pub(super) async fn check(connection: &Connection, request: &Request, report: &mut Report) {
    let before = report.findings.len();
    match release::find(connection, request.account.as_deref()).await {
        Ok(release) => {
            notes(connection, &release, report);
            let said = format!(
                "{} (chart {}) in namespace {}",
                release.name, release.chart_version, release.namespace
            );
            report.end(name::RELEASE, before, said);
            service(connection, &release, report).await;
            volume(connection, &release.namespace, report).await;
            report.release = Some(release);
        }
        Err(error) => {
            let namespace = &connection.target().namespace;
            let rule = match &error {
                ReleaseError::None { .. } if is_absent(connection, namespace).await => {
                    Rule::NoNamespace
                }
                ReleaseError::None { .. } => Rule::NoRelease,
                ReleaseError::Several { .. } => Rule::SeveralReleases,
                ReleaseError::Elsewhere { .. } => Rule::ReleaseElsewhere,
                ReleaseError::Api(error) => {
                    checks::of_read(&error.refusal, Rule::ReleaseUnreadable)
                }
            };
            let message = match (&error, rule) {
                (_, Rule::NoNamespace) => format!("there is no namespace {namespace}"),
                (ReleaseError::Api(error), _) => checks::words(error),
                (other, _) => other.to_string(),
            };
            report.find(rule, format!("namespace/{namespace}"), message);
            report.end(name::RELEASE, before, "not found");
            report.not_checked(name::SERVICE, "there is no release");
            match rule {
                Rule::NoRelease | Rule::SeveralReleases => {
                    volume(connection, namespace, report).await;
                }
                _ => report.not_checked(name::VOLUME, "it is not known in which namespace it is"),
            }
        }
    }
}

/// A namespace that is not there has an empty list of everything. Not everybody may look for it.
async fn is_absent(connection: &Connection, namespace: &str) -> bool {
    let call = Call::of("get", "namespaces", "", namespace);
    let found = connection
        .ask(call, |client| async move {
            let api: Api<Namespace> = Api::all(client);
            api.get(namespace).await
        })
        .await;
    found.is_err_and(|error| matches!(error.refusal, Refusal::NotFound(_)))
}

fn notes(connection: &Connection, release: &Release, report: &mut Report) {
    let place = format!("deployment/{}", release.deployment);
    let wanted = &connection.target().namespace;
    if *wanted != release.namespace {
        let message = format!(
            "namespace {wanted} has no release; the one in namespace {} is taken",
            release.namespace
        );
        report.find(Rule::ReleaseMoved, place.clone(), message);
    }
    if !release.has_http {
        let message = "INGESTION_HTTP_DISABLED is set, so nobody takes submissions";
        report.find(Rule::NoHttp, place.clone(), message);
    }
    if release.account.source == AccountSource::Usual {
        let message = format!(
            "the account that ingests is taken to be {}",
            release.account.name
        );
        report.find(Rule::AccountAssumed, place, message);
    }
}

/// Looks for a ready pod behind the service.
async fn service(connection: &Connection, release: &Release, report: &mut Report) {
    let before = report.findings.len();
    let selector: Vec<String> = release
        .service
        .selector
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let parameters = ListParams::default().labels(&selector.join(","));
    let call = Call::of("list", "pods", &release.namespace, "");
    let pods = connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, &release.namespace);
            let parameters = parameters.clone();
            async move { api.list(&parameters).await }
        })
        .await;
    let place = format!("service/{}", release.service.name);
    match pods {
        Ok(pods) if pods.items.iter().any(is_ready) => {}
        Ok(pods) => {
            let message = format!("none of its {} pods is ready", pods.items.len());
            report.find(Rule::ServiceNotReady, place, message);
        }
        // That pods may not be listed is a finding of the permissions.
        Err(error) => {
            return report.not_checked(name::SERVICE, checks::words(&error));
        }
    }
    let said = format!(
        "{}, port {} of the pod",
        release.url(),
        release.service.target_port
    );
    report.end(name::SERVICE, before, said);
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn volume(connection: &Connection, namespace: &str, report: &mut Report) {
    let before = report.findings.len();
    let place = format!("persistentvolumeclaim/{}", release::chart::CLAIM);
    match volume::look(connection, namespace).await {
        Ok(volume) => {
            judge(&volume, &place, report);
            let said = format!(
                "{} ({}), {}",
                volume.claim,
                volume.phase,
                volume.access_in_words()
            );
            report.end(name::VOLUME, before, said);
            report.volume = Some(volume);
        }
        Err(error) => {
            let (rule, message) = match &error {
                VolumeError::NoClaim { .. } => (Rule::NoClaim, error.to_string()),
                VolumeError::Api(error) => (
                    checks::of_read(&error.refusal, Rule::VolumeUnreadable),
                    checks::words(error),
                ),
            };
            report.find(rule, place, message);
            report.end(name::VOLUME, before, release::chart::CLAIM);
        }
    }
}

fn judge(volume: &Volume, place: &str, report: &mut Report) {
    if volume.phase != "Bound" {
        let message = format!("{} is {}", volume.claim, volume.phase);
        let rule = match (volume.phase.as_str(), volume.binds_late) {
            ("Pending", Some(true)) => Rule::BindsLate,
            ("Pending", None) if !volume.class.is_empty() => Rule::MayBind,
            _ => Rule::NotBound,
        };
        report.find(rule, place, message);
    }
    if !volume.access_modes.is_empty() && !volume.is_writable() {
        report.find(Rule::ReadOnly, place, "the volume can only be read");
        return;
    }
    let Some(leader) = volume.leader() else {
        return;
    };
    if volume.is_one_pod() {
        let message = format!("the pod {} has the volume for itself", leader.pod);
        report.find(Rule::OnePod, place, message);
    } else if volume.is_one_node() {
        let node = leader.node.as_deref().unwrap_or_default();
        let message = format!(
            "the volume is mounted on node {node} by the pod {}, so the stage pod goes there",
            leader.pod
        );
        report.find(Rule::OneNode, place, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Severity;
    use crate::volume::Mounter;

    fn rules(phase: &str, modes: &[&str], class: &str, binds_late: Option<bool>) -> Vec<Rule> {
        let mounter = Mounter {
            pod: "p".to_owned(),
            node: Some("n".to_owned()),
            is_running: true,
            tolerations: Vec::new(),
            node_selector: Default::default(),
            images: Vec::new(),
            pull_secrets: Vec::new(),
        };
        let volume = Volume {
            claim: "client-pvc".to_owned(),
            phase: phase.to_owned(),
            access_modes: modes.iter().map(|mode| (*mode).to_owned()).collect(),
            class: class.to_owned(),
            binds_late,
            capacity: None,
            mounters: vec![mounter],
        };
        let mut report = Report::default();
        judge(&volume, "p", &mut report);
        report.findings.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn the_state_of_a_claim_decides() {
        let rwx = ["ReadWriteMany"];
        for (phase, class, binds_late, expected) in [
            ("Bound", "", None, vec![]),
            ("Pending", "c", Some(true), vec![Rule::BindsLate]),
            ("Pending", "c", Some(false), vec![Rule::NotBound]),
            ("Pending", "c", None, vec![Rule::MayBind]),
            ("Pending", "", None, vec![Rule::NotBound]),
            ("Lost", "c", Some(true), vec![Rule::NotBound]),
        ] {
            assert_eq!(
                rules(phase, &rwx, class, binds_late),
                expected,
                "{phase} {class} {binds_late:?}"
            );
        }
    }

    #[test]
    fn access_modes_decide_who_may_mount() {
        for (mode, expected) in [
            ("ReadWriteMany", vec![]),
            ("ReadWriteOnce", vec![Rule::OneNode]),
            ("ReadWriteOncePod", vec![Rule::OnePod]),
            ("ReadOnlyMany", vec![Rule::ReadOnly]),
        ] {
            assert_eq!(rules("Bound", &[mode], "", None), expected, "{mode}");
        }
        assert_eq!(Rule::OnePod.row().severity, Severity::Error);
    }
}
