//! What the sandbox and a real cluster both must do, asked by an independent client (kube) over the wire.
//!
//! `in_the_sandbox` runs with every test. The same assertions hold a real cluster to account with
//! `LONGSHORE_E2E_KUBECONFIG=FILE cargo test -p sandbox --test conformance -- --ignored --nocapture`; see
//! `docs/real-cluster.md`. A namespace of its own is made and deleted, and nothing outside of it is changed.

mod cluster;
mod objects;
mod permissions;
mod workloads;

use std::sync::Arc;

use cluster::Cluster;
use sandbox::hook::NoFaults;
use sandbox::{Config, Sandbox};

/// Runs one assertion and says so.
macro_rules! assertions {
    ($cluster:expr, $($module:ident::$name:ident),+ $(,)?) => {{
        let mut ran = 0;
        $(
            $module::$name($cluster).await;
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
        permissions::short_tokens_and_missing_accounts_are_refused,
        permissions::a_token_is_its_account,
        permissions::a_token_secret_is_filled,
        permissions::a_role_is_all_an_account_may,
        permissions::exec_by_get_needs_create_too,
        permissions::restricted_namespaces_refuse_pods_that_ask_for_more,
        workloads::a_pod_needs_its_account_and_gets_its_defaults,
        workloads::a_jobs_template_must_end,
        workloads::a_service_has_an_address,
    );
}

#[tokio::test]
async fn in_the_sandbox() {
    let data = tempfile::tempdir().unwrap();
    let running = Sandbox::start(Config::new(data.path()), Arc::new(NoFaults))
        .await
        .unwrap();
    let cluster = Cluster::connect(&running.kubeconfig(), "conformance").await;
    stage_only(&cluster).await;
    cluster.leave().await;
    running.stop().await;
}

#[tokio::test]
#[ignore = "needs cluster: LONGSHORE_E2E_KUBECONFIG names the kubeconfig of one that may be tried on"]
async fn on_a_real_cluster() {
    let path = std::env::var_os("LONGSHORE_E2E_KUBECONFIG").expect("LONGSHORE_E2E_KUBECONFIG");
    let kubeconfig = std::fs::read_to_string(path).unwrap();
    let cluster = Cluster::connect(
        &kubeconfig,
        &format!("longshore-conformance-{}", std::process::id()),
    )
    .await;
    stage_only(&cluster).await;
    cluster.leave().await;
}
