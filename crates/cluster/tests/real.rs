//! Stage pods on a real cluster: `LONGSHORE_E2E_KUBECONFIG` names it, `LONGSHORE_E2E_NAMESPACE` where its release is.

#![expect(
    clippy::print_stdout,
    reason = "what a real cluster said is what this is run for"
)]

mod site;

use std::path::PathBuf;
use std::sync::Arc;

use cluster::Connection;
use cluster::far::{Event, Far as _};
use cluster::limits::Limits;
use cluster::preflight::{self, Severity};
use cluster::stage::{Request, close};
use cluster::target::{Choice, Surroundings, load};
use cluster::token;
use cluster::transfer::{STAGE_SCRIPT, Setup, command};
use dataset::names::TableName;
use site::{opened, owner, plan};
use tokio_util::sync::CancellationToken;

fn request(setup: &Setup) -> Request {
    Request {
        table: Some(setup.table.clone()),
        image: None,
        owner: owner(),
        script: STAGE_SCRIPT,
        command: command::supervise(setup),
    }
}

async fn connect() -> Arc<Connection> {
    let variable = |name: &str| std::env::var(name).ok();
    let kubeconfig = variable("LONGSHORE_E2E_KUBECONFIG").expect("a kubeconfig");
    let choice = Choice {
        kubeconfig: Some(PathBuf::from(kubeconfig)),
        namespace: variable("LONGSHORE_E2E_NAMESPACE").or(Some(site::NAMESPACE.to_owned())),
        ..Choice::default()
    };
    let target = load(&choice, &Surroundings::default()).unwrap();
    Arc::new(Connection::open(target, Limits::default()).await.unwrap())
}

#[tokio::test]
#[ignore = "needs cluster: LONGSHORE_E2E_KUBECONFIG"]
async fn the_checks_pass_and_a_pod_takes_a_command() {
    let connection = connect().await;
    let setup = Setup::new(TableName::fixed("longshore_real"), "realrun", "realpod");
    let checks = preflight::Request {
        account: None,
        stage: request(&setup),
        token_lifetime: token::FOR_A_RUN,
    };
    let report = preflight::run(&connection, &checks).await;
    assert_eq!(report.count(Severity::Error), 0, "{:#?}", report.findings);
    let plan = plan(&connection, request(&setup)).await;
    let stop = CancellationToken::new();
    let (pod, heard) = opened(&connection, &plan, &stop).await;
    println!("{heard:#?}");
    let pod = pod.unwrap();
    let said = mirror(&connection, &pod, &setup).await;
    close(&connection, &pod).await.unwrap();
    let found = plan_is_gone(&connection, &plan.namespace, &plan.owner.run).await;
    assert!(found, "the pod is still there");
    // 64 KiB of zeros.
    assert!(
        said.contains(
            "digest de2f256064a0af797747c2b97505dc0b9f3df0de4f489eac731c23ae9ca9cc31 65536"
        ),
        "{said}"
    );
}

async fn mirror(
    connection: &Arc<Connection>,
    pod: &cluster::stage::StagePod,
    setup: &Setup,
) -> String {
    let container = pod.container(connection).await.unwrap();
    let mut process = container.start(command::mirror(setup, 1)).await.unwrap();
    process.input.send(vec![0; 65536].into()).await.unwrap();
    let mut said = Vec::new();
    while let Some(event) = process.events.recv().await {
        match event {
            Event::Stdout(bytes) => said.extend_from_slice(&bytes),
            Event::Stderr(bytes) => println!("{}", String::from_utf8_lossy(&bytes)),
            Event::Ended(end) => println!("{end:?}"),
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

async fn plan_is_gone(
    connection: &Connection,
    namespace: &str,
    run: &cluster::stage::RunId,
) -> bool {
    let pods = cluster::stage::find_orphans(connection, namespace, None)
        .await
        .unwrap();
    !pods
        .pods
        .iter()
        .any(|pod| pod.run.as_deref() == Some(run.as_str()))
}
