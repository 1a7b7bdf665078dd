//! What the sandbox and a real cluster both must do, asked by an independent client (kube) over the wire.
//!
//! `in_the_sandbox` runs with every test. The same assertions hold a real cluster to account with
//! `LONGSHORE_E2E_KUBECONFIG=FILE cargo test -p sandbox --test conformance -- --ignored --nocapture`; see
//! `docs/real-cluster.md`. A namespace of its own is made and deleted, and nothing outside of it is changed.

mod cluster;
mod exec;
mod objects;
mod permissions;
mod release;
mod streams;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use cluster::Cluster;
use sandbox::hook::NoFaults;
use sandbox::{Config, Sandbox};

/// What runs on a real cluster unless `LONGSHORE_E2E_IMAGE` names another: it needs a shell and busybox's tools.
const IMAGE: &str =
    "alpine:3.20@sha256:d9e853e87e55526f6b2917df91a2115c36dd7c696a35be12163d44e6e2a4b6bc";

/// A stream that hangs is to fail by name.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs one assertion and says so.
macro_rules! assertions {
    ($cluster:expr, $($module:ident::$name:ident),+ $(,)?) => {{
        let mut ran = 0;
        $(
            let told = tokio::time::timeout(PATIENCE, $module::$name($cluster)).await;
            told.expect(concat!(stringify!($name), " does not hang"));
            println!("ran: {}", stringify!($name));
            ran += 1;
        )+
        println!("{ran} assertions ran");
    }};
}

async fn stage_only(cluster: &Cluster) {
    assertions!(
        cluster,
        objects::names_are_taken_once,
        objects::a_stale_update_conflicts,
        objects::patches_of_three_kinds_apply,
        objects::unknown_fields_are_refused_on_request,
        objects::wrong_names_and_types_are_refused,
        objects::a_list_comes_in_pages,
        objects::selectors_narrow_a_list,
        objects::a_watch_tells_every_change,
        objects::a_watch_from_before_the_history_is_told_so,
        objects::a_deletion_with_another_uid_conflicts,
        objects::what_is_not_there_is_not_found,
        objects::bodies_have_known_types,
        objects::a_version_is_a_number,
        objects::a_node_tells_of_itself,
        permissions::short_tokens_and_missing_accounts_are_refused,
        permissions::a_token_is_its_account,
        permissions::a_token_secret_is_filled,
        permissions::a_role_is_all_an_account_may,
        permissions::exec_by_get_needs_create_too,
        permissions::restricted_namespaces_refuse_pods_that_ask_for_more,
        workloads::a_pod_needs_its_account_and_gets_its_defaults,
        workloads::a_jobs_template_must_end,
        workloads::a_service_has_an_address,
        workloads::a_service_keeps_its_address,
        streams::a_pod_with_a_claim_becomes_ready,
        streams::a_command_ends_with_its_status,
        streams::a_command_in_nothing_is_refused,
        streams::input_ends_while_output_goes_on,
        streams::large_input_arrives_whole,
        streams::large_output_arrives_whole,
        streams::both_ways_at_once_arrive_whole,
        streams::an_output_that_is_closed_cuts_input_off_with_success,
        streams::a_volume_is_written,
        streams::a_log_is_followed_to_its_end,
        streams::a_port_is_forwarded,
        streams::a_job_ends_in_two_steps,
        streams::a_message_is_left_behind,
        streams::what_cannot_run_says_why,
        streams::a_deleted_pod_takes_its_commands_along,
        streams::a_volume_outlives_its_pods,
    );
}

async fn full(cluster: &Cluster) {
    assertions!(
        cluster,
        release::discovery_finds_one_service_among_its_siblings,
        release::the_service_has_a_ready_address,
        release::the_claim_is_bound_and_mounted,
        release::the_ingestor_s_token_is_its_own,
        release::a_pusher_may_push,
        release::a_submission_becomes_a_job_and_a_banner,
        release::a_run_that_fails_says_so,
        release::what_the_service_refuses,
    );
}

/// Runs the first part in a sandbox whose containers have these tools.
async fn in_a_sandbox(image: &str) {
    let data = tempfile::tempdir().unwrap();
    let running = Sandbox::start(Config::new(data.path()), Arc::new(NoFaults))
        .await
        .unwrap();
    let cluster = Cluster::enter(&running.kubeconfig(), "conformance", image).await;
    stage_only(&cluster).await;
    cluster.leave().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_sandbox_with_the_machine_s_tools() {
    in_a_sandbox("sandbox.invalid/host:1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_sandbox_with_busybox() {
    in_a_sandbox("sandbox.invalid/busybox:1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_release_in_the_sandbox() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path());
    sandbox::release::prepare(&mut config);
    let running = Sandbox::start(config, Arc::new(NoFaults)).await.unwrap();
    sandbox::release::install(running.sandbox(), "tracebloc").unwrap();
    let image = "sandbox.invalid/host:1";
    let cluster = Cluster::connect(&running.kubeconfig(), "tracebloc", image).await;
    full(&cluster).await;
    running.stop().await;
}

/// The kubeconfig and the image of a cluster that may be tried on.
fn real_cluster() -> (String, String) {
    let path = std::env::var_os("LONGSHORE_E2E_KUBECONFIG").expect("LONGSHORE_E2E_KUBECONFIG");
    let image = std::env::var("LONGSHORE_E2E_IMAGE");
    (
        std::fs::read_to_string(path).unwrap(),
        image.unwrap_or_else(|_| IMAGE.to_owned()),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster: LONGSHORE_E2E_KUBECONFIG names the kubeconfig of one that may be tried on"]
async fn stage_only_on_a_real_cluster() {
    let (kubeconfig, image) = real_cluster();
    let namespace = format!("longshore-conformance-{}", std::process::id());
    let cluster = Cluster::enter(&kubeconfig, &namespace, &image).await;
    stage_only(&cluster).await;
    cluster.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster: LONGSHORE_E2E_KUBECONFIG names the kubeconfig of one with the parent release"]
async fn full_on_a_real_cluster() {
    let (kubeconfig, image) = real_cluster();
    let namespace = std::env::var("LONGSHORE_E2E_NAMESPACE");
    let namespace = namespace.unwrap_or_else(|_| "tracebloc".to_owned());
    let cluster = Cluster::connect(&kubeconfig, &namespace, &image).await;
    full(&cluster).await;
}
