//! Checks before a push, against a sandbox with the least role and with a wide one.

mod site;

use cluster::preflight::{self, Class, Outcome, Report, Rule, Severity};
use cluster::token::{self, Source, TokenError};
use cluster::{Connection, info};
use sandbox::kinds;
use serde_json::json;
use site::{NAMESPACE, Site, User, quick, request};

async fn check(connection: &Connection) -> Report {
    let request = preflight::Request {
        account: None,
        stage: request("pets"),
        token_lifetime: token::FOR_A_RUN,
    };
    preflight::run(connection, &request).await
}

fn rules(report: &Report, severity: Severity) -> Vec<&'static str> {
    let found = report.findings.iter();
    found
        .filter(|finding| finding.severity() == severity)
        .map(|finding| finding.rule.row().id)
        .collect()
}

fn outcome(report: &Report, name: &str) -> Outcome {
    report
        .checks
        .iter()
        .find(|check| check.name == name)
        .unwrap()
        .outcome
}

#[tokio::test]
async fn the_least_role_is_enough_and_says_what_it_lacks() {
    let site = Site::start().await;
    let report = check(&site.connect(User::Pusher).await).await;
    assert_eq!(report.verdict(), None, "{:#?}", report.findings);
    assert_eq!(rules(&report, Severity::Warning), [""; 0]);
    let degraded: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.rule == Rule::NoUsefulPermission)
        .map(|finding| finding.place.as_str())
        .collect();
    assert_eq!(degraded, ["list events", "get nodes", "get storageclasses"]);
    assert_eq!(outcome(&report, "architecture"), Outcome::NotChecked);
    assert_eq!(outcome(&report, "stage-pod"), Outcome::Passed);
    assert_eq!(report.token.unwrap().source, Source::Request);
    assert_eq!(site.stage_pods().len(), 0, "nothing is made");
}

#[tokio::test]
async fn a_wide_role_leaves_nothing_unchecked() {
    let site = Site::start().await;
    let report = check(&site.connect(User::Admin).await).await;
    assert_eq!(report.verdict(), None, "{:#?}", report.findings);
    let not_passed: Vec<_> = report
        .checks
        .iter()
        .filter(|it| it.outcome != Outcome::Passed)
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:?}");
    assert!(report.server_version.is_some());
}

#[tokio::test]
async fn every_missing_permission_is_told_at_once_with_its_rule() {
    let site = Site::start().await;
    site.change(&kinds::ROLE, "pusher", |role| {
        let rules = role["rules"].as_array_mut().unwrap();
        rules.retain(|rule| {
            rule["resources"][0] != "pods/log" && rule["resources"][0] != "serviceaccounts/token"
        });
        for rule in rules {
            if rule["resources"][0] == "pods/exec" {
                rule["verbs"] = json!(["get"]);
            }
        }
    });
    let report = check(&site.connect(User::Pusher).await).await;
    let missing: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.rule == Rule::NoPermission)
        .map(|finding| finding.place.as_str())
        .collect();
    assert_eq!(
        missing,
        [
            "get pods/log",
            "create pods/exec",
            "create pods/portforward",
            "create serviceaccounts/token"
        ]
    );
    let remedy = &report
        .findings
        .iter()
        .find(|it| it.place == "create pods/exec")
        .unwrap()
        .remedy;
    assert!(
        remedy.contains(r#"{apiGroups: [""], resources: [pods/exec], verbs: [create]}"#),
        "{remedy}"
    );
    assert_eq!(report.verdict(), Some(Class::NotAuthorised));
}

#[tokio::test]
async fn a_role_for_named_objects_is_enough() {
    let site = Site::start().await;
    site.change(&kinds::ROLE, "pusher", |role| {
        for rule in role["rules"].as_array_mut().unwrap() {
            if rule["resources"][0] == "services" {
                rule["resourceNames"] =
                    json!(["jobs-manager", "demo-ingestion-authz", "client-pvc"]);
            }
        }
    });
    let report = check(&site.connect(User::Pusher).await).await;
    assert_eq!(report.verdict(), None, "{:#?}", report.findings);
}

#[tokio::test]
async fn a_secret_stands_in_for_a_token_that_may_not_be_made() {
    let site = Site::start().await;
    site.change(&kinds::ROLE, "pusher", |role| {
        for rule in role["rules"].as_array_mut().unwrap() {
            if rule["resources"][0] == "serviceaccounts/token" {
                *rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]});
            }
        }
    });
    let report = check(&site.connect(User::Pusher).await).await;
    assert_eq!(report.verdict(), None, "{:#?}", report.findings);
    assert_eq!(report.token.as_ref().unwrap().source, Source::Secret);
    assert!(rules(&report, Severity::Note).contains(&"token.static"));
}

#[tokio::test]
async fn a_network_error_is_not_disguised_as_a_missing_token() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    site.script("rules: [{name: cut, on: request, match: {resource: serviceaccounts/token}, times: 0, fault: {lose_answer: {}}}]");
    let token = token::obtain(&connection, NAMESPACE, "ingestor", token::FOR_A_RUN).await;
    assert!(matches!(token, Err(TokenError::Api(_))), "{token:?}");
}

#[tokio::test]
async fn a_missing_namespace_and_a_missing_release_are_told_apart() {
    let site = Site::start().await;
    for (namespace, rule) in [("nowhere", Rule::NoNamespace), ("default", Rule::NoRelease)] {
        let choice = cluster::target::Choice {
            kubeconfig: Some(site.kubeconfig(User::Admin, NAMESPACE)),
            namespace: Some(namespace.to_owned()),
            ..Default::default()
        };
        let target = cluster::target::load(&choice, &Default::default()).unwrap();
        let connection = Connection::open(target, quick()).await.unwrap();
        let report = check(&connection).await;
        assert_eq!(report.findings[0].rule, rule, "{:#?}", report.findings);
        assert_eq!(report.verdict(), Some(Class::NotFound));
    }
}

#[tokio::test]
async fn a_release_is_looked_for_elsewhere_only_when_nobody_chose() {
    let site = Site::start().await;
    let connection = site.connect_to(User::Admin, "", quick()).await;
    let report = check(&connection).await;
    assert_eq!(report.release.as_ref().unwrap().namespace, NAMESPACE);
    assert!(rules(&report, Severity::Note).contains(&"release.namespace"));
    let connection = site.connect_to(User::Pusher, "", quick()).await;
    let report = check(&connection).await;
    assert!(report.release.is_none());
}

#[tokio::test]
async fn an_unreachable_server_ends_it_and_says_so() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    site.running.stop().await;
    let report = check(&connection).await;
    assert_eq!(report.verdict(), Some(Class::Unreachable));
    assert_eq!(
        report.findings[0].rule,
        Rule::Unreachable,
        "{:?}",
        report.findings
    );
    assert_eq!(outcome(&report, "release"), Outcome::NotChecked);
}

#[tokio::test]
async fn a_claim_that_is_not_bound_is_told() {
    let site = Site::start().await;
    site.change(&kinds::CLAIM, "client-pvc", |claim| {
        claim["status"]["phase"] = json!("Lost")
    });
    let report = check(&site.connect(User::Pusher).await).await;
    assert!(
        rules(&report, Severity::Error).contains(&"volume.not-bound"),
        "{:?}",
        report.findings
    );
    assert_eq!(report.verdict(), Some(Class::NotFound));
}

#[tokio::test]
async fn an_account_that_is_not_there_is_found_by_token_and_admission() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let request = preflight::Request {
        account: Some("nobody".to_owned()),
        stage: request("pets"),
        token_lifetime: token::FOR_A_RUN,
    };
    let report = preflight::run(&connection, &request).await;
    let errors = rules(&report, Severity::Error);
    assert!(errors.contains(&"token.none"), "{errors:?}");
    assert!(errors.contains(&"stage.refused"), "{errors:?}");
}

#[tokio::test]
async fn a_node_of_another_architecture_is_found_beforehand() {
    let site = Site::start().await;
    site.node("loong64");
    let report = check(&site.connect(User::Admin).await).await;
    assert_eq!(rules(&report, Severity::Error), ["stage.architecture"]);
    assert_eq!(report.verdict(), Some(Class::Staging));
}

#[tokio::test]
async fn info_has_its_parts_also_when_discovery_fails() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let found = info::gather(&connection, None, token::FOR_A_LOOK).await;
    assert!(found.release.is_ok());
    let token = found.token.unwrap().unwrap();
    let left = token
        .expires
        .unwrap()
        .duration_since(jiff::Timestamp::now());
    assert!(left <= jiff::SignedDuration::from_secs(601), "{left}");
    assert_eq!(token.fingerprint().len(), 16);
    site.change(&kinds::ROLE, "pusher", |role| role["rules"] = json!([]));
    let found = info::gather(&connection, None, token::FOR_A_LOOK).await;
    assert!(found.release.is_err() && found.token.is_none());
}

#[tokio::test]
async fn pods_of_another_client_are_told_by_name() {
    let site = Site::start().await;
    let theirs = json!({
        "metadata": {
            "name": "theirs", "namespace": NAMESPACE, "creationTimestamp": "2020-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/managed-by": "tracebloc-cli", "tracebloc.io/component": "stage-pod"},
        },
        // No node takes it, so nobody but this test writes its status.
        "spec": {"nodeSelector": {"pool": "none"}, "containers": [{"name": "stage", "image": "any"}]},
        "status": {"phase": "Pending"},
    });
    site.sandbox().store().create(&kinds::POD, theirs).unwrap();
    site.change(&kinds::POD, "theirs", |pod| {
        pod["metadata"]["creationTimestamp"] = json!("2020-01-01T00:00:00Z");
    });
    let report = check(&site.connect(User::Pusher).await).await;
    let found = report.findings.iter();
    let found: Vec<_> = found.filter(|it| it.rule == Rule::ForeignOrphans).collect();
    assert_eq!(found.len(), 1, "{:?}", report.findings);
    // A selector would hit other people's running pushes.
    let hint = format!("kubectl delete pod -n {NAMESPACE} theirs");
    assert!(found[0].remedy.ends_with(&hint), "{}", found[0].remedy);
}
