//! Jobs of a sandbox, watched with and without harm.

mod lab;

use std::sync::Mutex;
use std::time::Duration;

use cluster::Clients;
use cluster::limits::Limits;
use cluster::watch::{self, Detach, Event, JobEnd, Logs, Outcome, Report, Target, WatchError};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams};
use lab::{Lab, NAMESPACE};
use sandbox::kinds;
use sandbox::node::container::Mounts;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

fn target(job: &str) -> Target {
    Target {
        namespace: NAMESPACE.to_owned(),
        job: job.to_owned(),
    }
}

/// A Job of one container that runs a shell script.
fn job(name: &str, script: &str) -> Value {
    let pod = lab::pod(name, script);
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"backoffLimit": 0, "template": {"spec": pod["spec"]}},
    })
}

fn make(lab: &Lab, job: Value) {
    lab.sandbox().create(&kinds::JOB, job).unwrap();
}

struct Watched {
    result: Result<Report, WatchError>,
    events: Vec<Event>,
}

impl Watched {
    fn lines(&self) -> Vec<&str> {
        let lines = self.events.iter().filter_map(|event| match event {
            Event::Line(line) => Some(line.as_str()),
            _ => None,
        });
        lines.collect()
    }

    fn has(&self, fits: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(fits)
    }

    #[track_caller]
    fn outcome(&self) -> &Outcome {
        match &self.result {
            Ok(report) => &report.outcome,
            Err(error) => panic!("{error:?} {:#?}", self.events),
        }
    }
}

async fn watch(clients: &dyn Clients, job: &str, limits: &Limits) -> Watched {
    watch_until(clients, job, limits, &CancellationToken::new(), |_| {}).await
}

async fn watch_until(
    clients: &dyn Clients,
    job: &str,
    limits: &Limits,
    stop: &CancellationToken,
    on: impl Fn(&Event) + Send + Sync,
) -> Watched {
    let events = Mutex::new(Vec::new());
    let tell = |event| {
        on(&event);
        events.lock().unwrap().push(event);
    };
    let target = target(job);
    let watching = watch::watch(clients, &target, limits, stop, &tell);
    let result = tokio::time::timeout(Duration::from_secs(60), watching).await;
    Watched {
        result: result.expect("the watch ends"),
        events: events.into_inner().unwrap(),
    }
}

/// Prints a banner of so many records, inserted ones, and rows that failed.
fn banner(total: u32, inserted: u32, failed: u32) -> String {
    let (rule, thin) = ("═".repeat(60), "─".repeat(60));
    format!(
        "printf '%s\\n' '' '{rule}' '📊 INGESTION SUMMARY 📊' '{rule}' 'Ingestor ID:                me' \
         '📈 Total Records Found:     {total}' '✅ Successfully Processed:  {total}' \
         '💾 Inserted to Database:    {inserted}' '🚀 Sent to API:             {inserted}' \
         '⏭️  Skipped Records:        0' '📁 File Transfer Failures:  0' '❌ Failed DB Insertion:     {failed}' \
         '❌ Failed to Send to API:   0' '{thin}' 'done' '{rule}'"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_succeeds() {
    let lab = Lab::start().await;
    make(&lab, job("j", &format!("echo begin; {}", banner(3, 3, 0))));
    let watched = watch(&lab.client, "j", &Limits::default()).await;
    assert_eq!(watched.outcome(), &Outcome::Succeeded);
    let report = watched.result.as_ref().unwrap();
    let summary = report.summary.as_ref().unwrap();
    assert_eq!((summary.total_records, summary.inserted_records), (3, 3));
    assert!(summary.is_whole && report.is_log_whole);
    assert_eq!(watched.lines()[0], "begin");
    assert_eq!(watched.lines().len(), 17);

    let look = watch::look(&lab.client, &target("j"), &Limits::default()).await;
    let look = look.unwrap();
    assert_eq!(look.end, Some(JobEnd::Complete));
    assert_eq!(look.phase.as_deref(), Some("Succeeded"));
    let mut lines = Vec::new();
    let mut take = |line| lines.push(line);
    let logs = watch::logs(&lab.client, &target("j"), &Limits::default(), &mut take).await;
    assert!(matches!(logs, Ok(Logs::Whole { .. })));
    assert_eq!(lines, watched.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_summary_changes() {
    let lab = Lab::start().await;
    let check = async |name: &str, script: &str, expected: Outcome, has_summary: bool| {
        make(&lab, job(name, script));
        let watched = watch(&lab.client, name, &Limits::default()).await;
        assert_eq!(watched.outcome(), &expected, "{name}");
        let report = watched.result.unwrap();
        assert_eq!(report.summary.is_some(), has_summary, "{name}");
        assert!(report.is_log_whole);
    };
    let partial = Outcome::CompletedWithFailures;
    check("partial", &banner(3, 1, 2), partial, true).await;
    check("zero", &banner(0, 0, 0), Outcome::Succeeded, true).await;
    check("silent", "true", Outcome::Succeeded, false).await;
    let failed = Outcome::Failed {
        reason: "BackoffLimitExceeded".to_owned(),
        detail: Some("exit code 7".to_owned()),
    };
    check("failed", "echo no; exit 7", failed.clone(), false).await;
    // A good summary does not save a Job that failed.
    let script = format!("{}; exit 7", banner(1, 1, 0));
    check("late", &script, failed, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_structured_result_comes_first() {
    let lab = Lab::start().await;
    let counts = json!({"total_records": 9, "inserted_records": 9, "sent_to_api": 9, "skipped_records": 0,
        "file_transfer_failures": 0, "db_insert_failures": 0});
    let script = format!("{}; printf %s '{counts}' > \"$0\"", banner(3, 3, 0));
    let mut job = job("j", &script);
    let spec = &mut job["spec"]["template"]["spec"];
    spec["volumes"] = json!([{"name": "end", "emptyDir": {}}]);
    let container = &mut spec["containers"][0];
    container["volumeMounts"] = json!([{"name": "end", "mountPath": "/end"}]);
    container["terminationMessagePath"] = "/end/message".into();
    let command = container["command"].as_array_mut().unwrap();
    command.push("/end/message".into());
    make(&lab, job);
    let watched = watch(&lab.client, "j", &Limits::default()).await;
    assert_eq!(watched.outcome(), &Outcome::Succeeded);
    let summary = watched.result.unwrap().summary.unwrap();
    assert_eq!((summary.total_records, summary.is_whole), (9, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_log_is_taken_up_where_it_was() {
    let lab = Lab::start().await;
    let count = "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo line $i; echo same; [ $((i % 30)) = 0 ] && sleep 0.1; done";
    for (index, fault) in [
        "cut: {direction: out, after: {from: 1, to: 4000}}",
        "end_log: {after: {from: 1, to: 4000}}",
        "answer: {code: 500}",
    ]
    .iter()
    .enumerate()
    {
        lab.script(&format!(
            "seed: {index}\nrules: [{{name: x, on: log, times: 4, fault: {{{fault}}}}}]"
        ));
        let name = format!("j{index}");
        make(&lab, job(&name, &format!("{count}; {}", banner(1, 1, 0))));
        let watched = watch(&lab.client, &name, &Limits::default()).await;
        assert_eq!(watched.outcome(), &Outcome::Succeeded, "{fault}");
        let lines = watched.lines();
        let (numbers, sames): (Vec<_>, Vec<_>) = lines[..600]
            .iter()
            .copied()
            .partition(|line| line.starts_with("line "));
        let expected: Vec<_> = (1..=300).map(|number| format!("line {number}")).collect();
        assert_eq!(numbers, expected, "{fault}");
        assert_eq!(sames.len(), 300, "{fault}");
        assert!(watched.result.unwrap().summary.unwrap().is_whole);
        lab.every_rule_fired();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_colours_reaches_the_terminal() {
    let lab = Lab::start().await;
    make(
        &lab,
        job(
            "j",
            "printf '\\033[31mred\\033[0m\\033[2J\\033]0;title\\007\\n10%%\\r20%%\\r\\n'",
        ),
    );
    let watched = watch(&lab.client, "j", &Limits::default()).await;
    assert_eq!(watched.lines(), ["\u{1b}[31mred\u{1b}[0m", "20%"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_pod_is_not_a_failed_job() {
    let lab = Lab::with_release().await;
    let mut retried = job(
        "j",
        "mkdir /data/shared/once 2> /dev/null && { echo first; exit 1; }; echo second",
    );
    retried["spec"]["backoffLimit"] = 3.into();
    let spec = &mut retried["spec"]["template"]["spec"];
    spec["volumes"] =
        json!([{"name": "shared", "persistentVolumeClaim": {"claimName": "client-pvc"}}]);
    spec["containers"][0]["volumeMounts"] =
        json!([{"name": "shared", "mountPath": "/data/shared"}]);
    make(&lab, retried);
    let watched = watch(&lab.client, "j", &Limits::default()).await;
    assert_eq!(watched.outcome(), &Outcome::Succeeded);
    assert!(
        watched.has(
            |event| matches!(event, Event::PodFailed { detail, .. } if detail == "exit code 1")
        )
    );
    let lines: Vec<_> = watched.lines();
    assert!(lines.ends_with(&["second"]), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_deleted_while_it_is_watched() {
    let lab = Lab::start().await;
    make(&lab, job("j", "echo here; sleep 1000"));
    let jobs = Api::<Job>::namespaced(lab.client.clone(), NAMESPACE);
    let seen = Notify::new();
    let deleting = async {
        seen.notified().await;
        jobs.delete("j", &DeleteParams::background()).await.unwrap();
    };
    let (limits, stop) = (Limits::default(), CancellationToken::new());
    let watching = watch_until(&lab.client, "j", &limits, &stop, |event| {
        if matches!(event, Event::Line(_)) {
            seen.notify_one();
        }
    });
    let (watched, ()) = tokio::join!(watching, deleting);
    assert!(matches!(
        watched.result,
        Err(WatchError::Gone { was_seen: true, .. })
    ));
    let never = watch(&lab.client, "never", &Limits::default()).await;
    assert!(matches!(
        never.result,
        Err(WatchError::Gone {
            was_seen: false,
            ..
        })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_log_leaves_the_job_s_word() {
    let lab = Lab::start().await;
    let rules = json!([
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    let client = lab.client_with("deaf", rules).await;
    make(&lab, job("j", &banner(2, 1, 1)));
    let watched = watch(&client, "j", &Limits::default()).await;
    assert_eq!(watched.outcome(), &Outcome::Succeeded);
    assert!(watched.has(|event| matches!(event, Event::LogForbidden(_))));
    let report = watched.result.unwrap();
    assert!(report.summary.is_none() && !report.is_log_whole);

    let rules = json!([{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]);
    let client = lab.client_with("blind", rules).await;
    assert_eq!(
        watch(&client, "j", &Limits::default()).await.outcome(),
        &Outcome::Succeeded
    );
}

/// Makes a Job whose pod has ended well, and of whose end nothing is said. Nobody looks after a Job that is suspended.
async fn make_silent(lab: &Lab) {
    let mut suspended = job("j", "");
    suspended["spec"]["suspend"] = json!(true);
    make(lab, suspended);
    let mut pod = lab::pod("p", &banner(2, 1, 1));
    pod["metadata"]["labels"] = json!({"job-name": "j"});
    lab.pod(pod, |pod| pod["status"]["phase"] == "Succeeded")
        .await;
}

/// The log is at its end and the Job has not said how it ended: whoever leaves then has left, and nothing else is true.
#[tokio::test(flavor = "multi_thread")]
async fn leaving_between_the_end_of_the_log_and_the_end_of_the_job() {
    let lab = Lab::start().await;
    make_silent(&lab).await;
    // A rule that changes nothing counts the looks.
    let count = "{name: looks, on: request, match: {resource: jobs, verb: get}, skip: 1000000, fault: {answer: {code: 500}}}";
    let limits = Limits::default();
    for looks in 1.. {
        lab.script(&format!("rules: [{count}]"));
        let stop = CancellationToken::new();
        let leaving = async {
            while lab.matched("looks") < looks {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.cancel();
        };
        let watching = watch_until(&lab.client, "j", &limits, &stop, |_| {});
        let (watched, ()) = tokio::join!(watching, leaving);
        assert_eq!(watched.outcome(), &Outcome::Detached(Detach::Asked));
        let report = watched.result.unwrap();
        if report.is_log_whole {
            // What was counted until then is told.
            assert_eq!(report.summary.unwrap().total_records, 2);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_says_nothing_is_not_called_a_success() {
    let lab = Lab::start().await;
    make_silent(&lab).await;
    let limits = Limits {
        job_status: Duration::from_millis(100),
        ..Limits::default()
    };
    let watched = watch(&lab.client, "j", &limits).await;
    let error = watched.result.unwrap_err();
    assert!(
        matches!(error, WatchError::Undetermined { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("--job-status-timeout"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_look() {
    let lab = Lab::start().await;
    make(&lab, job("j", "sleep 1000"));
    let nobody = lab.client_with("nobody", json!([])).await;
    let watched = watch(&nobody, "j", &Limits::default()).await;
    assert!(matches!(watched.result, Err(WatchError::Forbidden(_))));
    let stranger = lab.client_of("no such token").await;
    let watched = watch(&stranger, "j", &Limits::default()).await;
    assert!(matches!(watched.result, Err(WatchError::Unauthorized(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_detachment_has_its_reason() {
    let lab = Lab::start().await;
    make(&lab, job("j", "echo on; sleep 1000"));
    let (limits, stop) = (Limits::default(), CancellationToken::new());
    let asked = watch_until(&lab.client, "j", &limits, &stop, |event| {
        if matches!(event, Event::Line(_)) {
            stop.cancel();
        }
    });
    assert_eq!(asked.await.outcome(), &Outcome::Detached(Detach::Asked));
    let limits = Limits {
        watch: Duration::from_secs(1),
        ..Limits::default()
    };
    let long = watch(&lab.client, "j", &limits).await;
    assert_eq!(long.outcome(), &Outcome::Detached(Detach::TooLong));

    let mut big = job("big", "true");
    big["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "999"}});
    make(&lab, big);
    until_it_waits(&lab, "big", "Unschedulable").await;
    let limits = Limits {
        job_start: Duration::from_secs(1),
        ..Limits::default()
    };
    let waiting = watch(&lab.client, "big", &limits).await;
    assert_eq!(waiting.outcome(), &Outcome::Detached(Detach::NotStarted));
}

/// Watches until it is told that a Job's pod waits for a reason like that.
async fn until_it_waits(lab: &Lab, job: &str, word: &str) {
    let (limits, stop) = (Limits::default(), CancellationToken::new());
    let watched = watch_until(&lab.client, job, &limits, &stop, |event| {
        if matches!(event, Event::Waiting { reason, .. } if reason.contains(word)) {
            stop.cancel();
        }
    });
    assert_eq!(watched.await.outcome(), &Outcome::Detached(Detach::Asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_told() {
    let lab = Lab::start().await;
    let mut missing = job("missing", "true");
    missing["spec"]["template"]["spec"]["containers"][0]["image"] =
        "sandbox.invalid/missing:1".into();
    make(&lab, missing);
    until_it_waits(&lab, "missing", "Image").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_will_not_go_away_ends_the_watch() {
    let lab = Lab::start().await;
    let mut broken = job("broken", "true");
    broken["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "nowhere", "key": "x"}}}]);
    make(&lab, broken);
    let watched = watch(&lab.client, "broken", &Limits::default()).await;
    assert!(
        matches!(&watched.result, Err(WatchError::CannotStart { reason, .. }) if reason == "CreateContainerConfigError"),
        "{:?}",
        watched.result
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_comes_back_and_one_that_does_not() {
    // Its script waits for a file of this machine, which a container with a root of its own does not see.
    let lab = Lab::with(|config| config.node.mounts = Mounts::Rewritten).await;
    let script = "echo begun; while [ ! -e \"$1\" ]; do sleep 0.05; done";
    let told = tempfile::tempdir().unwrap();
    let told = told.path().join("told");
    let mut waiting = job("j", &format!("{script}; {}", banner(1, 1, 0)));
    let command = &mut waiting["spec"]["template"]["spec"]["containers"][0]["command"];
    let words = command.as_array_mut().unwrap();
    words.extend(["sh".into(), told.display().to_string().into()]);
    make(&lab, waiting);
    let (limits, stop) = (Limits::default(), CancellationToken::new());
    let (begun, missed) = (Notify::new(), CancellationToken::new());
    let watching = watch_until(&lab.client, "j", &limits, &stop, |event| match event {
        Event::Line(_) => begun.notify_one(),
        Event::Unreachable(_) => missed.cancel(),
        _ => {}
    });
    let restarting = async {
        begun.notified().await;
        // Away until somebody has missed it, however seldom they look.
        while !missed.is_cancelled() {
            let pause = Duration::from_millis(400);
            lab.sandbox().restart_api(pause).await.unwrap();
        }
        std::fs::write(&told, "").unwrap();
    };
    let (watched, ()) = tokio::join!(watching, restarting);
    assert_eq!(watched.outcome(), &Outcome::Succeeded);
    assert!(watched.has(|event| matches!(event, Event::Unreachable(_))));
    assert!(watched.result.unwrap().summary.unwrap().is_whole);

    let client = lab.client.clone();
    lab.running.stop().await;
    let limits = Limits {
        api_away: Duration::from_secs(1),
        ..Limits::default()
    };
    let watched = watch(&client, "j", &limits).await;
    assert!(
        matches!(&watched.result, Err(WatchError::Unreachable { limit, .. }) if limit.contains("--api-timeout")),
        "{:?}",
        watched.result
    );
}
