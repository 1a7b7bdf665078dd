//! Stage pods in a sandbox: opened, refused, lost, closed.

mod site;

use std::time::Duration;

use cluster::limits::Limits;
use cluster::stage::{Cause, Gate, StageError, close, find_orphans, image, sweep_orphans};
use sandbox::kinds;
use sandbox::node::{Image, ImageRule};
use serde_json::json;
use site::{NAMESPACE, Site, User, look, opened, owner, plan, quick, request};
use tokio_util::sync::CancellationToken;

fn go_on() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn a_pod_is_opened_and_closed_with_the_least_role_and_with_a_wide_one() {
    let site = Site::start().await;
    for user in [User::Pusher, User::Admin] {
        let connection = site.connect(user).await;
        let plan = plan(&connection, request("cats_dogs")).await;
        let (pod, heard) = opened(&connection, &plan, &go_on()).await;
        let pod = pod.unwrap();
        assert!(
            heard.iter().any(|said| said.contains("Created")),
            "{heard:?}"
        );
        assert_eq!(pod.image, image::DEFAULT);
        assert_eq!(site.stage_pods().len(), 1);
        close(&connection, &pod).await.unwrap();
        assert_eq!(site.stage_pods().len(), 0);
        close(&connection, &pod).await.unwrap();
    }
}

#[tokio::test]
async fn the_pod_goes_where_the_volume_is_and_carries_its_owner() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let plan = plan(&connection, request("_x")).await;
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    let pod = pod.unwrap();
    let object = site.get(&kinds::POD, &pod.name);
    let spec = &object["spec"];
    let term = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"][0];
    assert_eq!(
        term["matchFields"][0]["values"],
        json!([pod.node.clone().unwrap()])
    );
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["serviceAccountName"], "ingestor");
    assert_eq!(spec["activeDeadlineSeconds"], 1800);
    assert!(spec["containers"][0]["resources"]["limits"]["cpu"].is_null());
    assert_eq!(object["metadata"]["labels"]["tracebloc.io/table"], "x");
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(annotations["tracebloc.io/table"], "_x");
    assert_eq!(annotations["longshore/run"], plan.owner.run.as_str());
    assert_eq!(annotations["longshore/host"], "laptop");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_said_at_once() {
    let site = Site::start().await;
    for (user, events) in [(User::Pusher, false), (User::Admin, true)] {
        let connection = site.connect(user).await;
        let mut request = request("t");
        request.image = Some("sandbox.invalid/missing:1".to_owned());
        let plan = plan(&connection, request).await;
        let (pod, _) = opened(&connection, &plan, &go_on()).await;
        let error = pod.unwrap_err();
        let StageError::NotReady {
            cause: Cause::Pull { reason, .. },
            events: told,
            events_forbidden,
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(reason, "ErrImagePull");
        assert_eq!(*events_forbidden, !events);
        assert_eq!(
            told.iter().any(|it| it.contains("Failed")),
            events,
            "{told:?}"
        );
        assert_eq!(site.stage_pods().len(), 0);
    }
}

#[tokio::test]
async fn an_image_of_the_release_stands_in_for_the_default() {
    let missing = |config: &mut sandbox::Config| {
        config.node.images.insert(
            0,
            ImageRule {
                prefix: "alpine:".to_owned(),
                image: Image::Missing,
            },
        );
    };
    let site = Site::with(missing).await;
    let manager = site
        .pods()
        .into_iter()
        .find(|pod| {
            pod["metadata"]["name"]
                .as_str()
                .unwrap()
                .contains("jobs-manager")
        })
        .unwrap();
    site.change(
        &kinds::POD,
        manager["metadata"]["name"].as_str().unwrap(),
        |pod| {
            pod["spec"]["initContainers"] =
                json!([{"name": "init", "image": "registry.example/busybox:1"}]);
        },
    );
    let connection = site.connect(User::Pusher).await;
    let plan = plan(&connection, request("t")).await;
    let (pod, heard) = opened(&connection, &plan, &go_on()).await;
    let pod = pod.unwrap();
    assert_eq!(pod.image, "registry.example/busybox:1");
    assert!(
        heard.iter().any(|said| said.contains("NextImage")),
        "{heard:?}"
    );
    assert_eq!(site.stage_pods().len(), 1);
}

#[tokio::test]
async fn an_image_of_another_architecture_is_recognised() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let mut request = request("t");
    request.image = Some("sandbox.invalid/other-architecture:1".to_owned());
    let plan = plan(&connection, request).await;
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    let error = pod.unwrap_err();
    let is_architecture = matches!(
        &error,
        StageError::NotReady {
            cause: Cause::Architecture { .. },
            ..
        }
    );
    assert!(is_architecture, "{error:?}");
    assert_eq!(site.stage_pods().len(), 0);
}

#[tokio::test]
async fn a_pod_that_finds_no_node_is_given_up_with_the_schedulers_words() {
    let site = Site::start().await;
    let mut patience = Duration::from_millis(300);
    loop {
        let limits = Limits {
            pod_ready: patience,
            ..quick()
        };
        let connection = site.connect_to(User::Pusher, NAMESPACE, limits).await;
        let mut plan = plan(&connection, request("t")).await;
        plan.node_selector = [("pool".to_owned(), "none".to_owned())].into();
        let (pod, _) = opened(&connection, &plan, &go_on()).await;
        let error = pod.unwrap_err();
        let StageError::TooSlow { waiting, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(error.to_string().contains("--pod-timeout"), "{error}");
        assert_eq!(site.stage_pods().len(), 0);
        if waiting.contains("0/1 nodes are available") {
            return;
        }
        // The scheduler of a busy machine has said nothing yet.
        patience *= 2;
        assert!(patience < Duration::from_secs(60), "{waiting}");
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_creation_leaves_no_second_pod() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let plan = plan(&connection, request("t")).await;
    site.script("rules: [{name: lost, on: request, match: {resource: pods, verb: create}, fault: {lose_answer: {}}}]");
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    let pod = pod.unwrap();
    assert!(site.faults.unfired().is_empty());
    let names: Vec<_> = site
        .stage_pods()
        .iter()
        .map(|it| it["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, [json!(pod.name)]);
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_deleted_when_the_budget_is_over() {
    let site = Site::start().await;
    let limits = Limits {
        pod_create: Duration::from_millis(10),
        ..quick()
    };
    let connection = site.connect_to(User::Pusher, NAMESPACE, limits).await;
    let plan = plan(&connection, request("t")).await;
    site.script("rules: [{name: lost, on: request, match: {resource: pods, verb: create}, times: 0, fault: {lose_answer: {}}}]");
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    assert!(matches!(pod, Err(StageError::Api(_))), "{pod:?}");
    assert_eq!(site.stage_pods().len(), 0);
}

#[tokio::test]
async fn a_stop_while_waiting_deletes_the_pod() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let mut plan = plan(&connection, request("t")).await;
    plan.node_selector = [("pool".to_owned(), "none".to_owned())].into();
    let stop = CancellationToken::new();
    let stopping = async {
        while site.stage_pods().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
    };
    let ((pod, _), ()) = tokio::join!(opened(&connection, &plan, &stop), stopping);
    assert!(matches!(pod, Err(StageError::Stopped)), "{pod:?}");
    assert_eq!(site.stage_pods().len(), 0);
}

#[tokio::test]
async fn whoever_may_not_look_at_the_pod_does_not_wait_for_it() {
    let site = Site::start().await;
    let limits = Limits {
        pod_ready: Duration::from_secs(3600),
        ..quick()
    };
    let connection = site.connect_to(User::Pusher, NAMESPACE, limits).await;
    let plan = plan(&connection, request("t")).await;
    site.script("rules: [{name: no, on: request, match: {resource: pods, verb: get}, times: 0, fault: {answer: {code: 403}}}]");
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    assert!(matches!(pod, Err(StageError::Api(_))), "{pod:?}");
    assert_eq!(site.stage_pods().len(), 0);
}

#[tokio::test]
async fn a_pod_that_admission_refuses_is_not_a_matter_of_permissions() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let mut plan = plan(&connection, request("t")).await;
    plan.account = "nobody".to_owned();
    let (pod, _) = opened(&connection, &plan, &go_on()).await;
    let error = pod.unwrap_err();
    assert!(
        matches!(
            &error,
            StageError::Refused {
                gate: Gate::Other,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn only_pods_that_have_ended_and_are_ours_are_removed() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let plan = plan(&connection, request("t")).await;
    let mut names = Vec::new();
    for _ in 0..3 {
        let (pod, _) = opened(&connection, &plan, &go_on()).await;
        names.push(pod.unwrap().name);
    }
    // The first has ended long ago, the second just so, the third runs.
    for (name, created) in [
        (&names[0], "2020-01-01T00:00:00Z"),
        (&names[2], "2020-01-01T00:00:00Z"),
    ] {
        site.change(&kinds::POD, name, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(created)
        });
    }
    for name in &names[..2] {
        site.change(&kinds::POD, name, |pod| {
            pod["status"]["phase"] = json!("Failed")
        });
    }
    let own = find_orphans(&connection, NAMESPACE, Some(&plan.owner.run))
        .await
        .unwrap();
    assert!(own.pods.is_empty(), "{own:?}");
    let stranger = owner().run;
    let orphans = find_orphans(&connection, NAMESPACE, Some(&stranger))
        .await
        .unwrap();
    assert_eq!(orphans.pods.len(), 3);
    let heard = std::sync::Mutex::new(Vec::new());
    sweep_orphans(&connection, NAMESPACE, &stranger, &|said| {
        heard.lock().unwrap().push(format!("{said:?}"));
    })
    .await;
    assert_eq!(
        heard.into_inner().unwrap(),
        [format!("Removed {{ pod: {:?} }}", names[0])]
    );
    assert_eq!(site.stage_pods().len(), 2);
    let owner = &orphans.pods[0].owner;
    assert_eq!(owner.as_deref(), Some("ana@laptop"));
}

#[tokio::test]
async fn the_release_and_its_volume_are_found() {
    let site = Site::start().await;
    let connection = site.connect(User::Pusher).await;
    let (release, volume) = look(&connection).await;
    assert_eq!(release.name, "demo");
    assert_eq!(release.chart_version, "1.9.62");
    assert_eq!(
        release.url(),
        "http://jobs-manager.tracebloc.svc.cluster.local:8080"
    );
    assert_eq!(
        release.account.source,
        cluster::release::AccountSource::Policy
    );
    assert_eq!(volume.phase, "Bound");
    assert_eq!(volume.access_in_words(), "written from one node");
    assert_eq!(volume.mounters.len(), 1);
    assert!(volume.leader().is_some());
}
