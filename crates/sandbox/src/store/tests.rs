//! The store's promises: versions, conflicts, two-step deletion, watching.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ChangeKind, Deleted, Deletion, HISTORY_CHANGES, Store, name_of, uid_of, version_of};
use crate::clock::SystemClock;
use crate::kinds::{CONFIG_MAP, POD};

fn store() -> Store {
    Store::new(Arc::new(SystemClock))
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}})
}

#[test]
fn versions_grow_and_stale_writes_conflict() {
    let store = store();
    let first = store.create(&CONFIG_MAP, map("a")).unwrap();
    let mut second = Value::clone(&first);
    second["data"] = json!({"k": "1"});
    let second = store.update(&CONFIG_MAP, second).unwrap();
    assert!(version_of(&second) > version_of(&first));
    assert_eq!(uid_of(&second), uid_of(&first));

    let mut late = Value::clone(&first);
    late["data"] = json!({"k": "2"});
    let failure = store.update(&CONFIG_MAP, late).unwrap_err();
    assert_eq!((failure.code, failure.reason), (409, "Conflict"));
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the \
         latest version and try again"
    );
}

#[test]
fn a_write_that_changes_nothing_keeps_the_version() {
    let store = store();
    let first = store.create(&CONFIG_MAP, map("a")).unwrap();
    let again = store.update(&CONFIG_MAP, Value::clone(&first)).unwrap();
    assert_eq!(version_of(&again), version_of(&first));
}

#[test]
fn a_second_creation_of_a_name_is_refused() {
    let store = store();
    store.create(&CONFIG_MAP, map("a")).unwrap();
    let failure = store.create(&CONFIG_MAP, map("a")).unwrap_err();
    assert_eq!((failure.code, failure.reason), (409, "AlreadyExists"));
    assert_eq!(failure.message, "configmaps \"a\" already exists");
}

#[test]
fn generated_names_differ() {
    let store = store();
    let unnamed = json!({"metadata": {"generateName": "x-", "namespace": "default"}});
    let one = store.create(&CONFIG_MAP, unnamed.clone()).unwrap();
    let two = store.create(&CONFIG_MAP, unnamed).unwrap();
    assert!(name_of(&one).starts_with("x-") && name_of(&one).len() == 7);
    assert_ne!(name_of(&one), name_of(&two));
}

#[test]
fn a_running_pod_is_deleted_in_two_steps() {
    let store = store();
    let pod =
        json!({"metadata": {"name": "p", "namespace": "default"}, "spec": {"nodeName": "sandbox"}});
    store.create(&POD, pod).unwrap();
    let marked = match store
        .delete(&POD, "default", "p", &Deletion::default())
        .unwrap()
    {
        Deleted::Pending(pod) => pod,
        Deleted::Gone(_) => panic!("gone at once"),
    };
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    assert!(matches!(
        store
            .delete(&POD, "default", "p", &Deletion::now(&marked))
            .unwrap(),
        Deleted::Gone(_)
    ));
    assert!(store.get(&POD, "default", "p").unwrap_err().is_not_found());
}

#[test]
fn finalizers_hold_an_object_until_the_last_is_taken() {
    let store = store();
    let mut held = map("a");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    store.create(&CONFIG_MAP, held).unwrap();
    assert!(matches!(
        store
            .delete(&CONFIG_MAP, "default", "a", &Deletion::default())
            .unwrap(),
        Deleted::Pending(_)
    ));
    assert!(store.get(&CONFIG_MAP, "default", "a").is_ok());
    store
        .modify(&CONFIG_MAP, "default", "a", |object| {
            object["metadata"]["finalizers"] = json!([]);
            Ok(())
        })
        .unwrap();
    assert!(store.get(&CONFIG_MAP, "default", "a").is_err());
}

#[test]
fn another_uid_is_not_deleted() {
    let store = store();
    store.create(&CONFIG_MAP, map("a")).unwrap();
    let how = Deletion {
        uid: Some("other".to_owned()),
        ..Deletion::default()
    };
    assert!(
        store
            .delete(&CONFIG_MAP, "default", "a", &how)
            .unwrap_err()
            .is_conflict()
    );
}

#[test]
fn a_watch_sees_every_change_of_its_kind_and_namespace_once() {
    let store = store();
    let from = store.version();
    let mut watch = store
        .watch(&CONFIG_MAP, Some("default"), Some(from))
        .unwrap();
    store.create(&CONFIG_MAP, map("a")).unwrap();
    store
        .create(
            &CONFIG_MAP,
            json!({"metadata": {"name": "b", "namespace": "other"}}),
        )
        .unwrap();
    store.create(&POD, map("p")).unwrap();
    store
        .delete(&CONFIG_MAP, "default", "a", &Deletion::default())
        .unwrap();
    let mut seen = Vec::new();
    while let Some(change) = watch.try_next().unwrap() {
        seen.push((change.change, name_of(&change.object).to_owned()));
    }
    assert_eq!(
        seen,
        [
            (ChangeKind::Added, "a".to_owned()),
            (ChangeKind::Deleted, "a".to_owned())
        ]
    );
    assert_eq!(watch.seen(), store.version());
}

#[test]
fn a_watch_from_before_the_history_is_told_so() {
    let store = store();
    store.create(&CONFIG_MAP, map("a")).unwrap();
    let mut slow = store.watch(&CONFIG_MAP, None, Some(1)).unwrap();
    for _ in 0..=HISTORY_CHANGES {
        store
            .modify(&CONFIG_MAP, "default", "a", |object| {
                object["n"] = (object["n"].as_u64().unwrap_or(0) + 1).into();
                Ok(())
            })
            .unwrap();
    }
    let failure = store.watch(&CONFIG_MAP, None, Some(1)).unwrap_err();
    assert_eq!((failure.code, failure.reason), (410, "Expired"));
    assert_eq!(slow.try_next().unwrap_err().code, 410);
}

#[tokio::test]
async fn a_waiting_watch_is_woken() {
    let store = store();
    let mut watch = store.watch(&CONFIG_MAP, None, None).unwrap();
    let waiting = tokio::spawn(async move { watch.next().await });
    store.create(&CONFIG_MAP, map("a")).unwrap();
    assert_eq!(name_of(&waiting.await.unwrap().unwrap().object), "a");
}
