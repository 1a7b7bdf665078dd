//! The stage pod, before there is one.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, PostParams};

use super::{Report, Request, Rule, checks, name};
use crate::Connection;
use crate::api::{Call, Refusal};
use crate::release::Release;
use crate::stage::{self, Gate, Plan, Verdict, image};

pub(super) async fn check(
    connection: &Connection,
    release: &Release,
    request: &Request,
    report: &mut Report,
) {
    match report.volume.clone() {
        Some(volume) => {
            let plan = Plan::of(release, &volume, request.stage.clone());
            let node = volume.leader().and_then(|leader| leader.node.clone());
            architecture(connection, &plan, node, report).await;
            admission(connection, &plan, report).await;
            report.plan = Some(plan);
        }
        None => report.skip(&[name::ARCHITECTURE, name::ADMISSION], "there is no volume"),
    }
    orphans(connection, release, request, report).await;
}

async fn architecture(
    connection: &Connection,
    plan: &Plan,
    node: Option<String>,
    report: &mut Report,
) {
    let before = report.findings.len();
    let Some(node) = plan.node.clone().or(node) else {
        return report.not_checked(name::ARCHITECTURE, "no pod has the volume mounted yet");
    };
    if plan.pulls.first().map(|pull| pull.image.as_str()) != Some(image::DEFAULT) {
        let why = "what the image is made for is not known: it is not the default one";
        return report.not_checked(name::ARCHITECTURE, why);
    }
    let call = Call::of("get", "nodes", "", &node);
    let found = connection
        .ask(call, |client| {
            let node = node.clone();
            async move {
                let api: Api<Node> = Api::all(client);
                api.get(&node).await
            }
        })
        .await;
    let info = found.map(|node| node.status.and_then(|status| status.node_info));
    match info {
        Ok(Some(info)) => {
            let architecture = info.architecture;
            if !image::runs_on(&architecture) {
                let message = format!(
                    "node {node} is {architecture}, the image is for {}",
                    image::ARCHITECTURES.join(", ")
                );
                report.find(Rule::Architecture, format!("node/{node}"), message);
            }
            report.end(
                name::ARCHITECTURE,
                before,
                format!("{architecture} on node {node}"),
            );
        }
        Ok(None) => report.not_checked(name::ARCHITECTURE, format!("node {node} does not say it")),
        Err(error) => report.not_checked(name::ARCHITECTURE, checks::words(&error)),
    }
}

/// Has the server judge the pod without making it.
async fn admission(connection: &Connection, plan: &Plan, report: &mut Report) {
    let before = report.findings.len();
    let Some(pull) = plan.pulls.first() else {
        return;
    };
    let Ok(name) = stage::pod_name(plan) else {
        return report.not_checked(name::ADMISSION, "the system gives no random numbers");
    };
    let pod = stage::pod(plan, pull, &name);
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let call = Call::of("create", "pods", &plan.namespace, &name);
    let answer = connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, &plan.namespace);
            let (parameters, pod) = (&parameters, &pod);
            async move { api.create(parameters, pod).await }
        })
        .await;
    let error = match answer {
        Ok(_) => {
            return report.end(
                name::ADMISSION,
                before,
                format!("admitted, image {}", pull.image),
            );
        }
        Err(error) => error,
    };
    match Gate::of(&error.refusal) {
        // A webhook that has side effects is not asked; the server says so instead of trying.
        Some((_, message)) if message.contains("does not support dry run") => {
            report.not_checked(name::ADMISSION, message);
        }
        Some((gate, message)) => {
            let rule = checks::of_gate(gate);
            report.find(rule, "pod/stage", message);
            report.end(name::ADMISSION, before, format!("image {}", pull.image));
        }
        // That pods may not be made is a finding of the permissions.
        None if matches!(error.refusal, Refusal::Forbidden(_)) => {
            report.not_checked(name::ADMISSION, "pods may not be created");
        }
        None => {
            let rule = checks::of_transport(&error.refusal).unwrap_or(Rule::Refused);
            report.find(rule, "pod/stage", checks::words(&error));
            report.end(name::ADMISSION, before, format!("image {}", pull.image));
        }
    }
}

async fn orphans(
    connection: &Connection,
    release: &Release,
    request: &Request,
    report: &mut Report,
) {
    let before = report.findings.len();
    let own = Some(&request.stage.owner.run);
    let found = match stage::find_orphans(connection, &release.namespace, own).await {
        Ok(found) => found,
        Err(error) => return report.not_checked(name::ORPHANS, checks::words(&error)),
    };
    for (verdict, rule) in [
        (Verdict::Removable, Rule::Orphans),
        (Verdict::Foreign, Rule::ForeignOrphans),
    ] {
        let pods = found.pods.iter().filter(|pod| pod.verdict == verdict);
        let named: Vec<String> = pods
            .clone()
            .map(|pod| format!("{} ({}, {} old)", pod.name, pod.phase, pod.age))
            .collect();
        if named.is_empty() {
            continue;
        }
        let names: Vec<&str> = pods.map(|pod| pod.name.as_str()).collect();
        let remedy = match rule {
            // Names, not a selector: that would hit other people's running pushes.
            Rule::ForeignOrphans => format!(
                "{}kubectl delete pod -n {} {}",
                rule.row().remedy,
                release.namespace,
                names.join(" ")
            ),
            _ => rule.row().remedy.to_owned(),
        };
        let place = format!("pod/{}", names.first().copied().unwrap_or_default());
        report.find_with(rule, place, named.join(", "), remedy);
    }
    let said = match (found.pods.len(), found.without_clock) {
        (0, _) => "no stage pods of others".to_owned(),
        (count, false) => format!("{count} stage pods of others"),
        (count, true) => format!("{count} stage pods of others, of unknown age"),
    };
    report.end(name::ORPHANS, before, said);
}
