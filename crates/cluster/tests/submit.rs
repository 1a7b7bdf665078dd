//! Submission to the release of a sandbox, through a tunnel, with and without harm.

mod lab;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cluster::limits::Limits;
use cluster::submit::{self, Accepted, Event, Guard, Key, Mint, Submission, SubmitError, Target};
use cluster::tunnel::{self, TunnelError};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kube::Client;
use lab::{Lab, NAMESPACE, is_ready};
use sandbox::auth;
use sandbox::kinds;
use serde_json::json;

/// Hands out the tokens it is given, the last one for ever.
struct Tokens {
    tokens: Vec<String>,
    minted: AtomicUsize,
}

impl Tokens {
    fn of<const N: usize>(tokens: [String; N]) -> Self {
        Self {
            tokens: tokens.to_vec(),
            minted: AtomicUsize::new(0),
        }
    }
}

impl Mint for Tokens {
    fn mint(&self) -> BoxFuture<'_, Result<String, String>> {
        let index = self.minted.fetch_add(1, Ordering::Relaxed);
        let token = self.tokens[index.min(self.tokens.len() - 1)].clone();
        std::future::ready(Ok(token)).boxed()
    }
}

async fn lab() -> Lab {
    let lab = Lab::with_release().await;
    lab.manager().await;
    lab
}

fn submission(table: &str, key: &str) -> Submission {
    let staged = format!("/data/shared/.tracebloc-staging/{table}");
    Submission {
        ingest_config: format!(
            "apiVersion: tracebloc.io/v1\ncategory: image_classification\ncsv: {staged}/labels.csv\n\
             images: {staged}/images/\nintent: train\nkind: IngestConfig\nlabel: species\ntable: {table}\n"
        ),
        idempotency_key: Key::parse(key).unwrap(),
        image_digest: None,
    }
}

struct Run {
    result: Result<Accepted, SubmitError>,
    events: Vec<Event>,
}

async fn run(lab: &Lab, client: &Client, wanted: &Submission, limits: &Limits) -> Run {
    run_with(client, wanted, limits, &Tokens::of([lab.token("ingestor")])).await
}

async fn run_with(client: &Client, wanted: &Submission, limits: &Limits, mint: &Tokens) -> Run {
    guarded(client, wanted, limits, mint, &submit::Unguarded).await
}

async fn guarded(
    client: &Client,
    wanted: &Submission,
    limits: &Limits,
    mint: &Tokens,
    guard: &dyn Guard,
) -> Run {
    let events = Mutex::new(Vec::new());
    let target = Target {
        namespace: NAMESPACE.to_owned(),
        service: "jobs-manager".to_owned(),
    };
    let tell = |event| events.lock().unwrap().push(event);
    let result = submit::submit(client, &target, wanted, mint, guard, limits, &tell).await;
    Run {
        result,
        events: events.into_inner().unwrap(),
    }
}

fn retries(run: &Run) -> usize {
    let is_retry = |event: &&Event| matches!(event, Event::Retrying { .. });
    run.events.iter().filter(is_retry).count()
}

/// Runs under faults with a limit that doubles until what should be tried was tried: a busy machine may need long to get there.
async fn with_more_and_more_time(
    lab: &Lab,
    script: &str,
    limits: impl Fn(Duration) -> Limits,
    was_tried: impl Fn(&Run) -> bool,
) -> Run {
    let mut time = Duration::from_millis(300);
    loop {
        lab.script(script);
        let wanted = submission("slow_pets", &format!("k{}", time.as_millis()));
        let found = run(lab, &lab.client, &wanted, &limits(time)).await;
        time *= 2;
        if was_tried(&found) || time > Duration::from_secs(60) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_accepted_once_and_its_key_told_first() {
    let lab = lab().await;
    let wanted = submission("slow_pets", "key-1");
    let first = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    let job = "ingest-job-be2974546978".to_owned();
    let expected = |is_replay| Accepted {
        job: job.clone(),
        namespace: NAMESPACE.to_owned(),
        is_replay,
    };
    assert_eq!(first.result, Ok(expected(false)));
    assert_eq!(
        first.events,
        [Event::Submitting(Key::parse("key-1").unwrap())]
    );
    let again = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    assert_eq!(
        again.result,
        Ok(expected(true)),
        "the Job runs: attach to it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_role_is_enough() {
    let lab = lab().await;
    let client = lab.client_with("pushing", auth::pusher_rules()).await;
    let run = run(
        &lab,
        &client,
        &submission("slow_pets", "k"),
        &Limits::default(),
    )
    .await;
    assert!(run.result.is_ok(), "{:?}", run.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_run_that_has_ended_is_an_error() {
    let lab = lab().await;
    let wanted = submission("fail_pets", "key-2");
    let first = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    let job = first.result.unwrap().job;
    lab.wait(&kinds::JOB, &job, lab::has_condition("Failed"))
        .await;
    let again = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    assert!(
        matches!(&again.result, Err(SubmitError::Replayed { how, .. }) if how.contains("has failed")),
        "{:?}",
        again.result
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let lab = lab().await;
    // The first answer is lost on the way back; the request was served.
    lab.script("rules: [{name: lost, on: port_forward, fault: {cut: {direction: out}}}]");
    let wanted = submission("fail_pets", "key-3");
    let found = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    lab.every_rule_fired();
    // The Job may have failed by now: it is ours all the same, not an old one.
    let accepted = found.result.as_ref().unwrap();
    assert!(!accepted.is_replay);
    assert_eq!(retries(&found), 1);
    assert_eq!(
        lab.sandbox()
            .store()
            .list(&kinds::JOB, Some(NAMESPACE))
            .0
            .len(),
        1
    );
}

/// The lock of the table went to somebody else.
struct Lost;

impl Guard for Lost {
    fn renew(&self) -> BoxFuture<'_, Result<(), String>> {
        std::future::ready(Err("the lock is lost".to_owned())).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_again_when_the_data_may_be_another_one_s() {
    let lab = lab().await;
    lab.script("rules: [{name: lost, on: port_forward, times: 0, fault: {cut: {direction: out}}}]");
    let wanted = submission("slow_pets", "key-5");
    let mint = Tokens::of([lab.token("ingestor")]);
    let found = guarded(&lab.client, &wanted, &Limits::default(), &mint, &Lost).await;
    let Err(SubmitError::Unanswered { reason, .. }) = &found.result else {
        panic!("{:?}", found.result);
    };
    assert!(
        reason.ends_with("it was not sent again, because the lock is lost"),
        "{reason}"
    );
    assert_eq!(retries(&found), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_does_not_make_an_old_run_ours() {
    let lab = lab().await;
    let wanted = submission("fail_pets", "key-4");
    let first = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    lab.wait(
        &kinds::JOB,
        &first.result.unwrap().job,
        lab::has_condition("Failed"),
    )
    .await;
    // Times of the API server are whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    lab.script("rules: [{name: lost, on: port_forward, fault: {cut: {direction: out}}}]");
    let again = run(&lab, &lab.client, &wanted, &Limits::default()).await;
    lab.every_rule_fired();
    assert!(
        matches!(again.result, Err(SubmitError::Replayed { .. })),
        "{:?}",
        again.result
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_sent_is_not_forgotten_for_a_later_one() {
    let lab = lab().await;
    let script = "rules:
- {name: lost, on: port_forward, fault: {cut: {direction: out}}}
- {name: away, on: request, match: {resource: pods/portforward}, skip: 1, times: 0, fault: {answer: {code: 503}}}
";
    let limits = |retry| Limits {
        retry,
        ..Limits::default()
    };
    let found = with_more_and_more_time(&lab, script, limits, |found| retries(found) >= 1).await;
    lab.every_rule_fired();
    assert!(
        matches!(found.result, Err(SubmitError::Unanswered { .. })),
        "{:?}",
        found.result
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_keep_their_meaning() {
    let lab = lab().await;
    let limits = Limits::default();
    let first = run(&lab, &lab.client, &submission("slow_pets", "used"), &limits).await;
    assert!(first.result.is_ok());
    let conflict = run(&lab, &lab.client, &submission("slow_cats", "used"), &limits).await;
    assert!(matches!(conflict.result, Err(SubmitError::Conflict { .. })));

    let mut wanted = submission("pets", "k");
    wanted.ingest_config = "kind: Other".to_owned();
    let rejected = run(&lab, &lab.client, &wanted, &limits).await;
    assert!(matches!(rejected.result, Err(SubmitError::Rejected(_))));

    let mut wanted = submission("pets", "k");
    wanted.image_digest = Some("latest".to_owned());
    let malformed = run(&lab, &lab.client, &wanted, &limits).await;
    assert!(
        matches!(malformed.result, Err(SubmitError::Malformed(text)) if text.contains("image_digest"))
    );

    let pusher = Tokens::of([lab.token("pusher")]);
    let denied = run_with(&lab.client, &submission("pets", "k"), &limits, &pusher).await;
    assert!(matches!(denied.result, Err(SubmitError::Denied(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_minted_once_more() {
    let lab = lab().await;
    let wanted = submission("slow_pets", "k");
    let limits = Limits::default();
    let mint = Tokens::of(["stale".to_owned(), lab.token("ingestor")]);
    let found = run_with(&lab.client, &wanted, &limits, &mint).await;
    assert!(found.result.is_ok() && found.events.contains(&Event::TokenRefused));

    let mint = Tokens::of(["stale".to_owned()]);
    let found = run_with(&lab.client, &wanted, &limits, &mint).await;
    assert!(matches!(found.result, Err(SubmitError::Unauthorized(_))));
    assert_eq!(mint.minted.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_never_answers_ends_in_time() {
    let lab = lab().await;
    let script =
        "rules: [{name: deaf, on: port_forward, times: 0, fault: {stall: {direction: out}}}]";
    let limits = |retry| Limits {
        submit: Duration::from_millis(300),
        retry,
        ..Limits::default()
    };
    let found = with_more_and_more_time(&lab, script, limits, |found| retries(found) >= 1).await;
    assert!(
        matches!(&found.result, Err(SubmitError::Unanswered { reason, .. }) if reason.contains("--submit-timeout")),
        "{:?}",
        found.result
    );
    assert!(retries(&found) >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_is_not_to_be_had() {
    let lab = lab().await;
    let limits = Limits {
        retry: Duration::ZERO,
        ..Limits::default()
    };
    let check = async |client: &Client, fits: fn(&TunnelError) -> bool| {
        let found = run(&lab, client, &submission("pets", "k"), &limits).await;
        match found.result {
            Err(SubmitError::Tunnel(error)) if fits(&error) => {}
            other => panic!("{other:?}"),
        }
    };
    let rules =
        json!([{"apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list"]}]);
    let client = lab.client_with("no-tunnel", rules).await;
    check(
        &client,
        |error| matches!(error, TunnelError::Forbidden(text) if text.contains("pods/portforward")),
    )
    .await;
    let client = lab.client_of("nobody").await;
    check(&client, |error| {
        matches!(error, TunnelError::Unauthorized(_))
    })
    .await;
    let request = "on: request, match: {resource: pods/portforward}, times: 0";
    lab.script(&format!(
        "rules: [{{name: proxy, {request}, fault: {{answer: {{code: 403, empty: true}}}}}}]"
    ));
    check(&lab.client, |error| {
        matches!(error, TunnelError::NoUpgrade(_))
    })
    .await;
    lab.script(&format!(
        "rules: [{{name: busy, {request}, fault: {{answer: {{code: 503}}}}}}]"
    ));
    check(&lab.client, |error| {
        matches!(error, TunnelError::Unreachable { .. })
    })
    .await;
    lab.every_rule_fired();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_takes_its_time() {
    let lab = lab().await;
    let limits = |request| Limits {
        request,
        retry: Duration::ZERO,
        ..Limits::default()
    };
    for resource in ["services", "pods/portforward"] {
        let script = format!(
            "rules: [{{name: slow, on: request, match: {{resource: {resource}}}, times: 0, fault: {{delay: {{millis: 120000}}}}}}]"
        );
        let was_asked = |_: &Run| lab.has_struck();
        let found = with_more_and_more_time(&lab, &script, limits, was_asked).await;
        assert!(
            matches!(&found.result, Err(SubmitError::Tunnel(TunnelError::Unreachable { reason, .. })) if reason.contains("--request-timeout")),
            "{:?}",
            found.result
        );
        lab.every_rule_fired();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_behind_the_service() {
    let lab = lab().await;
    let missing = tunnel::backends(
        &lab.client,
        NAMESPACE,
        "no-such-service",
        &Limits::default(),
    )
    .await;
    assert!(matches!(missing, Err(TunnelError::Service { .. })));
    let service = json!({
        "metadata": {"name": "lonely", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 80}]},
    });
    lab.sandbox().create(&kinds::SERVICE, service).unwrap();
    let lonely = tunnel::backends(&lab.client, NAMESPACE, "lonely", &Limits::default()).await;
    let expected = TunnelError::NobodyReady {
        service: "lonely".to_owned(),
        seen: 0,
    };
    assert_eq!(lonely, Err(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_pod_is_tried() {
    let lab = lab().await;
    // A pod that is ready and listens on nothing, before the real one in the alphabet or after it.
    for name in ["a-deaf", "z-deaf"] {
        let mut deaf = lab::pod(name, "exec sleep 1000");
        deaf["metadata"]["labels"] = json!({"app": "manager"});
        lab.pod(deaf, is_ready).await;
    }
    for index in 0..4 {
        let wanted = submission("slow_pets", &format!("k{index}"));
        let found = run(&lab, &lab.client, &wanted, &Limits::default()).await;
        assert!(
            found.result.is_ok(),
            "{:?} {:?}",
            found.result,
            found.events
        );
    }
}
