//! Several pushes of one table at the same time.

use std::sync::Arc;

use sandbox::node::{Image, ImageRule};
use sandbox::release;
use testkit::command::Run;
use testkit::command::moment::until;

use crate::port::Port;

/// A sandbox in which a Job, once begun, goes on until the test ends.
fn port() -> Port {
    Port::with(|config| {
        let image = Image::Task(Arc::new(|_| Box::pin(std::future::pending())));
        let prefix = "longshore.sandbox/ingestor".to_owned();
        config.node.images.insert(0, ImageRule { prefix, image });
    })
}

#[test]
fn whoever_comes_second_is_told_who_was_first() {
    let port = Port::open();
    let stall = "{name: stall, on: exec, match: {command: \" receive \"}, fault: {stall: {direction: in, after: 1000}}}";
    port.script(&format!("rules: [{stall}]"));
    port.write("data/texts/a.txt", "a long thing\n".repeat(10_000));
    let mut first = port.pushing("notes", &["--format=json"]);
    first.env("USER", "ana");
    let first = port.spawn(&mut first);
    port.until_fired("stall");
    let error = port.push("notes", &[]).fails(16, "table.held");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("ana@"), "{message}");
    assert_eq!(error["retryable"], true);
    assert_eq!(port.pods().len(), 1, "that of the first one");
    port.cut_all();
    port.end(first).exits(0);
    let database = release::database(port.sandbox().config());
    let sql = "SELECT count(*) FROM notes";
    assert_eq!(
        release::query(&database, sql).unwrap().rows[0][0].as_deref(),
        Some("2")
    );
}

#[test]
fn of_eight_at_once_one_wins_and_its_data_is_whole() {
    let port = port();
    for rival in 0..8 {
        let folder = format!("rival{rival}");
        port.write(
            format!("{folder}/labels.csv"),
            "filename,label\na.txt,good\nb.txt,bad\n",
        );
        for name in ["a", "b"] {
            port.write(
                format!("{folder}/texts/{name}.txt"),
                format!("{name} of {rival}\n"),
            );
        }
    }
    let children: Vec<_> = (0..8)
        .map(|rival| {
            let mut command = port.command(["dataset", "push", &format!("rival{rival}")]);
            command.args([
                "--table=notes",
                "--task=text_classification",
                "--label-column=label",
            ]);
            command.arg("--kubeconfig").arg(&port.kubeconfig);
            command.args(["--detach", "--format=json", "--progress=none"]);
            port.spawn(&mut command)
        })
        .collect();
    let runs: Vec<Run> = children.into_iter().map(|child| port.end(child)).collect();
    let (winners, losers): (Vec<_>, Vec<_>) = runs
        .iter()
        .enumerate()
        .partition(|(_, run)| run.code == Some(0));
    assert_eq!(winners.len(), 1, "{runs:#?}");
    for (_, run) in losers {
        let error = &run.result()["error"];
        let id = error["id"].as_str().unwrap();
        assert!(
            ["table.held", "table.changed", "push.job-runs"].contains(&id),
            "{run:#?}"
        );
        assert_eq!(run.code, Some(16));
    }
    let (winner, _) = winners[0];
    let staged = port.shared().join(".tracebloc-staging/notes/texts");
    for name in ["a", "b"] {
        let text = std::fs::read_to_string(staged.join(format!("{name}.txt"))).unwrap();
        assert_eq!(text, format!("{name} of {winner}\n"));
    }
    assert_eq!(port.jobs().len(), 1);
    until("the pods are gone", || port.pods().is_empty());
    assert!(!port.is_locked("notes"), "{:?}", port.kept("notes"));
}
