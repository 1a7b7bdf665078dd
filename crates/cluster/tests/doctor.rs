//! The doctor's pod in a sandbox.

mod site;

use std::sync::Arc;

use cluster::doctor::{Examination, examine, request};
use cluster::preflight::{self, Class, Rule};
use cluster::{Connection, token};
use site::{Site, User, owner};
use tokio_util::sync::CancellationToken;

async fn examination(connection: Connection, image: Option<&str>) -> Examination {
    let request = preflight::Request {
        account: None,
        stage: request(owner(), image.map(str::to_owned)),
        token_lifetime: token::FOR_A_RUN,
    };
    let stop = CancellationToken::new();
    examine(&Arc::new(connection), &request, &stop, &|_| {}).await
}

#[tokio::test]
async fn four_mebibytes_go_there_and_back_and_nothing_is_left() {
    let site = Site::start().await;
    for user in [User::Pusher, User::Admin] {
        let seen = examination(site.connect(user).await, None).await;
        assert_eq!(seen.report.verdict(), None, "{:#?}", seen.report.findings);
        let inside = seen.inside.unwrap();
        assert_eq!(inside.mirror.unwrap().bytes, 4 << 20);
        assert!(inside.probe.unwrap().free_bytes > Some(0));
        assert_eq!(site.stage_pods().len(), 0);
    }
}

#[tokio::test]
async fn a_volume_that_cannot_be_written_to_is_a_finding() {
    let site = Site::start().await;
    let shared = site.sandbox().host_path("/volumes/tracebloc/client");
    // What stands in the way is a file, because some who run this may write into any directory.
    std::fs::write(shared.join(".tracebloc-staging"), "in the way").unwrap();
    let seen = examination(site.connect(User::Pusher).await, None).await;
    let rules: Vec<Rule> = seen.report.findings.iter().map(|it| it.rule).collect();
    assert!(
        rules.contains(&Rule::VolumeTrouble),
        "{:#?}",
        seen.report.findings
    );
}

#[tokio::test]
async fn what_goes_wrong_with_exec_is_a_finding() {
    let site = Site::start().await;
    for (fault, rule) in [
        ("{answer: {code: 403, empty: true}}", Rule::ExecRefused),
        ("{end_stdin: {after: 100000}}", Rule::ExecBroken),
        ("{cut: {direction: out, after: 100000}}", Rule::ExecBroken),
    ] {
        let on = match rule {
            Rule::ExecRefused => "on: request, match: {resource: pods/exec}",
            _ => "on: exec",
        };
        site.script(&format!(
            "rules: [{{name: f, {on}, times: 0, fault: {fault}}}]"
        ));
        let seen = examination(site.connect(User::Pusher).await, None).await;
        let rules: Vec<Rule> = seen.report.findings.iter().map(|it| it.rule).collect();
        assert!(
            rules.contains(&rule),
            "{fault}: {:#?}",
            seen.report.findings
        );
        assert_eq!(seen.report.verdict(), Some(Class::Staging));
        assert_eq!(site.stage_pods().len(), 0);
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_a_finding() {
    let site = Site::start().await;
    let seen = examination(
        site.connect(User::Pusher).await,
        Some("sandbox.invalid/missing:1"),
    )
    .await;
    assert!(
        seen.report.findings.iter().any(|it| it.rule == Rule::Image),
        "{:#?}",
        seen.report.findings
    );
    assert!(seen.inside.is_none());
}

#[tokio::test]
async fn no_pod_is_made_when_a_check_failed() {
    let site = Site::start().await;
    site.change(&sandbox::kinds::CLAIM, "client-pvc", |claim| {
        claim["status"]["phase"] = "Lost".into()
    });
    let seen = examination(site.connect(User::Pusher).await, None).await;
    assert!(seen.inside.is_none());
    assert_eq!(seen.report.verdict(), Some(Class::NotFound));
}
