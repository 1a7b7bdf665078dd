//! Whole pushes, from the command line to the rows: in the sandbox, and unchanged on a cluster that `LONGSHORE_E2E_KUBECONFIG` names
//! (see `docs/real-cluster.md`). What arrived is looked at by a pod of the test's own, with `sha256sum`.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod site;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use site::{Content, Site};
use testkit::picture;

/// A table that nobody else has, on a cluster that is used again.
pub(crate) fn table(name: &str) -> String {
    format!("e2e_{name}_{}", std::process::id())
}

/// The digests of a folder's files, by the reference's program.
pub(crate) fn digests(site: &Site, folder: &str) -> Content {
    let script = "cd \"$0\" && find . -type f -exec sha256sum {} +";
    let out = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(site.path(folder))
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let pairs = text.lines().map(|line| line.split_once("  ./").unwrap());
    pairs
        .map(|(digest, path)| (path.to_owned(), digest.to_owned()))
        .collect()
}

/// What an ingested table consists of: its pictures, without the directory they came in.
pub(crate) fn pictures(files: &Content) -> Vec<(&str, &str)> {
    let pictures = files.iter().filter_map(|(path, digest)| {
        let name = path.strip_prefix("images/")?;
        Some((name, digest.as_str()))
    });
    pictures.collect()
}

/// What of a volume's content lies below a directory, and is no table of rows.
pub(crate) fn below<'a>(content: &'a Content, directory: &str) -> Vec<(&'a str, &'a str)> {
    let prefix = format!("{directory}/");
    let files = content.iter().filter_map(|(path, digest)| {
        let name = path.strip_prefix(&prefix)?;
        name.ends_with(".png").then_some((name, digest.as_str()))
    });
    files.collect()
}

/// One site for everything, as starting one costs more than what is done in it.
#[test]
fn datasets_arrive_whole_or_not_at_all() {
    let site = Site::enter();
    picture::folder(&site.path("data"), 1, &[0, 100, 65_537, 1 << 20, 3_000_001]);
    arrives_and_is_not_sent_again(&site);
    is_only_looked_at(&site);
    has_one_winner(&site);
    fails_as_the_run_does(&site);
    is_left_and_found(&site);
    faults::strike(&site);
}

fn arrives_and_is_not_sent_again(site: &Site) {
    let table = table("whole");
    let result = site
        .complete(&mut site.push("data", &table, &["--receipt=receipt"]))
        .exits(0)
        .result();
    assert_eq!(
        (&result["status"], &result["reclaimed"]),
        (&"succeeded".into(), &true.into())
    );
    assert_eq!(result["summary"]["inserted_records"], 5);
    let content = site.content(&table);
    assert_eq!(below(&content, &table), pictures(&digests(site, "data")));
    assert!(below(&content, &format!(".tracebloc-staging/{table}")).is_empty());
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--quiet", "../receipt"]);
    assert!(
        check
            .current_dir(site.path("data"))
            .status()
            .unwrap()
            .success()
    );
    let again = site.complete(&mut site.push("data", &table, &[]));
    again.fails(6, "table.exists");
    assert_eq!(site.stage_pods(), [""; 0]);
}

fn is_only_looked_at(site: &Site) {
    let table = table("dry");
    for flag in ["--dry-run", "--dry-run=pod"] {
        let result = site
            .complete(&mut site.push("data", &table, &[flag]))
            .exits(0)
            .result();
        assert_eq!(result["status"], "dry-run");
    }
    assert_eq!(site.content(&table), BTreeMap::new());
    assert_eq!(site.stage_pods(), [""; 0]);
}

fn has_one_winner(site: &Site) {
    let table = table("rivals");
    for rival in 0..3_u8 {
        let sizes = [3 << 20, 1 << 20, usize::from(rival) * 1000];
        picture::folder(
            &site.path(format!("rival{rival}")),
            2 + u64::from(rival),
            &sizes,
        );
    }
    let children: Vec<_> = (0..3)
        .map(|rival| site.spawn(&mut site.push(&format!("rival{rival}"), &table, &[])))
        .collect();
    let runs = children
        .into_iter()
        .map(|child| site.finish(child.wait_with_output().unwrap()));
    let runs: Vec<_> = runs.collect();
    let won: Vec<usize> = (0..3)
        .filter(|rival| runs[*rival].code == Some(0))
        .collect();
    let [winner] = won[..] else {
        panic!("{runs:#?}")
    };
    // Who comes when the winner is through finds the table taken.
    let told = runs.iter().all(|run| matches!(run.code, Some(0 | 6 | 16)));
    assert!(told, "{runs:#?}");
    let winner = digests(site, &format!("rival{winner}"));
    assert_eq!(below(&site.content(&table), &table), pictures(&winner));
}

fn fails_as_the_run_does(site: &Site) {
    let table = format!("fail_{}", table("run"));
    let failed = site.complete(&mut site.push("data", &table, &[]));
    failed.fails(9, "run.failed");
    assert_eq!(below(&site.content(&table), &table), []);
}

fn is_left_and_found(site: &Site) {
    let table = table("left");
    let left = site
        .complete(&mut site.push("data", &table, &["--detach"]))
        .exits(0)
        .result();
    assert_eq!(left["status"], "detached");
    let key = left["idempotency_key"].as_str().unwrap();
    let words = ["run", "wait", key, "--format=json", "--kubeconfig"];
    let mut wait = site.command(words);
    wait.arg(site.kubeconfig());
    let waited = site.complete(&mut wait).exits(0).result();
    assert_eq!(waited["status"], "succeeded");
    assert_eq!(
        below(&site.content(&table), &table),
        pictures(&digests(site, "data"))
    );
    drop(fs::remove_file(site.path("receipt")));
}
