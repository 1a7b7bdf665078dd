//! A run whose Job could not be written down beside the data.

use std::sync::Arc;

use cluster::watch::Outcome;

use super::folder::{checked, pictures};
use super::site::{Site, User};
use super::{order, push};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_that_nobody_recorded_is_not_asked_for_again() {
    let site = Site::start().await;
    let data = tempfile::tempdir().unwrap();
    pictures(data.path(), &[100, 200]);
    let checked = checked(data.path(), "fail_pets");
    let order = order("fail_pets", &checked);
    let connection = Arc::new(site.connect(User::Admin).await);
    // The first record is written before the submission, the second one names the Job.
    site.script(
        "rules: [{name: lost, on: exec, match: {command: \" record \"}, skip: 1, times: 0, fault: {kill: {after: 0}}}]",
    );
    let (first, diary) = push(&connection, &order).await;
    let first = first.unwrap_or_else(|error| panic!("{error:?}\n{diary:#?}"));
    assert!(
        diary.iter().any(|line| line.contains("push_not_recorded")),
        "{diary:#?}"
    );
    site.script("seed: 0");
    // Without a journal, as from another machine.
    let (second, diary) = push(&connection, &order).await;
    let second = second.unwrap_or_else(|error| panic!("{error:?}\n{diary:#?}"));
    assert_ne!(first.key, second.key);
    assert_ne!(first.job.job, second.job.job);
    let outcome = second.report.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
}
