//! Tells the program which commit it is built from, if there is a git checkout around it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=LONGSHORE_TARGET={target}");

    let commit = git(&["rev-parse", "HEAD"]);
    let date = git(&["log", "-1", "--format=%cd", "--date=short"]);
    match (commit, date) {
        (Some(commit), Some(date)) => {
            rerun_when_the_commit_changes();
            let short: String = commit.chars().take(12).collect();
            println!("cargo:rustc-env=LONGSHORE_COMMIT={commit}");
            println!("cargo:rustc-env=LONGSHORE_COMMIT_DATE={date}");
            println!("cargo:rustc-env=LONGSHORE_SOURCE={short} {date}");
        }
        _ => println!("cargo:rustc-env=LONGSHORE_SOURCE=built without git"),
    }
}

/// The reflog grows with every commit, checkout and rebase; where it is off, HEAD itself is watched.
fn rerun_when_the_commit_changes() {
    for name in ["logs/HEAD", "HEAD"] {
        let path = git(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
