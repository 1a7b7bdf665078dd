//! The rules of `ARCHITECTURE.md` that a compiler does not check: who may depend on whom, and who may touch what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::shared::workspace_dir;

/// Every crate and what it may depend on. `testkit` is a dev-dependency of any and in no release.
const MAY_USE: [(&str, &[&str]); 10] = [
    (
        "longshore",
        &[
            "sandbox", "cluster", "codec", "dataset", "snapshot", "dump", "spill", "fsroot",
        ],
    ),
    ("sandbox", &[]),
    ("cluster", &["dataset", "fsroot", "spill"]),
    ("codec", &["snapshot", "dump", "spill", "fsroot"]),
    ("dataset", &["spill", "fsroot"]),
    ("snapshot", &[]),
    ("dump", &["spill", "fsroot"]),
    ("spill", &["fsroot"]),
    ("fsroot", &[]),
    ("testkit", &[]),
];

/// Crates in which something waits, so that async has a place there.
const ASYNC: [&str; 3] = ["cli", "cluster", "sandbox"];

/// Crates that are no part of how data is read and written: stand-ins for what the product talks to.
const STAND_INS: [&str; 2] = ["sandbox", "testkit"];

/// Calls that change files.
const MUTATORS: [&str; 14] = [
    "fs::write",
    "fs::create_dir",
    "fs::remove_",
    "fs::rename",
    "fs::copy",
    "fs::hard_link",
    "fs::set_permissions",
    "fs::soft_link",
    "unix::fs::symlink",
    "unix::fs::chown",
    "File::create",
    "File::options",
    "OpenOptions",
    ".set_len(",
];

const SYSTEM_CALLS: [&str; 4] = ["rustix::", "libc::", "nix::", "syscall("];

const PRINTS: [&str; 7] = [
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "io::stdout(",
    "io::stderr(",
];

/// `env!` is a matter of the build and may stand anywhere.
const PROCESS: [&str; 3] = ["env::", "process::exit", "process::abort"];

#[test]
fn dependencies_point_one_way() {
    let allowed = BTreeMap::from(MAY_USE);
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let may_use = allowed
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the table of crates"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            if !allowed.contains_key(other) {
                continue;
            }
            match dependency["kind"].as_str() {
                Some("dev") => {
                    // A crate may use itself with other features, and what it may use anyway. The client is tried against the
                    // sandbox, which knows nothing of it.
                    let is_fine = other == "testkit"
                        || other == name
                        || may_use.contains(&other)
                        || (name, other) == ("cluster", "sandbox");
                    assert!(is_fine, "{name} tests with {other}");
                }
                _ => assert!(may_use.contains(&other), "{name} depends on {other}"),
            }
        }
    }
}

#[test]
fn the_table_of_crates_is_free_of_circles() {
    let allowed = BTreeMap::from(MAY_USE);
    for (name, may_use) in &allowed {
        for other in *may_use {
            let back = allowed[other];
            assert!(!back.contains(name), "{name} and {other} use each other");
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let text = fs::read_to_string(manifest).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
    let text = fs::read_to_string(workspace_dir().join("Cargo.toml")).unwrap();
    assert!(text.contains("unsafe_code = \"forbid\""));
}

#[test]
fn only_fsroot_changes_files() {
    let elsewhere = sources(|krate, _| krate != "fsroot" && !STAND_INS.contains(&krate));
    refuse(&elsewhere, &MUTATORS);
}

#[test]
fn system_calls_are_made_in_one_module_and_for_process_groups() {
    // What a credential plugin has started ends with it, for which the standard library has no call.
    let group = Path::new("crates/cluster/src/target/group.rs");
    let elsewhere = sources(|krate, path| {
        !STAND_INS.contains(&krate)
            && !path.starts_with("crates/fsroot/src/platform")
            && path != group
    });
    refuse(&elsewhere, &SYSTEM_CALLS);
}

/// Whether a stream is a terminal is a question to the environment.
#[test]
fn only_the_output_of_the_command_line_prints() {
    let elsewhere = sources(|krate, path| {
        krate != "testkit"
            && !path.starts_with("crates/cli/src/output")
            && path != Path::new("crates/cli/src/environment.rs")
    });
    refuse(&elsewhere, &PRINTS);
}

#[test]
fn only_the_command_line_reads_the_environment_and_ends_the_process() {
    let allowed = ["crates/cli/src/environment.rs", "crates/cli/src/main.rs"];
    // The sandbox runs programs of the machine it is on, and has to find them.
    let elsewhere = sources(|krate, path| {
        !STAND_INS.contains(&krate) && !allowed.iter().any(|file| path == Path::new(file))
    });
    refuse(&elsewhere, &PROCESS);
}

#[test]
fn nothing_waits_in_the_crates_that_compute() {
    let sync = sources(|krate, _| !ASYNC.contains(&krate));
    refuse(
        &sync,
        &["async fn", "async move", ".await", "tokio::", "futures"],
    );
}

#[test]
fn no_file_is_named_after_nothing() {
    for source in sources(|_, _| true) {
        let parts = source.path.with_extension("");
        for part in parts.iter().filter_map(|part| part.to_str()) {
            let nothing = [
                "util", "utils", "helper", "helpers", "common", "types", "misc",
            ];
            assert!(!nothing.contains(&part), "{}", source.path.display());
        }
    }
}

/// A scan that finds nothing would let everything pass.
#[test]
fn the_scan_sees_what_is_there() {
    let platform = sources(|_, path| path.starts_with("crates/fsroot/src/platform"));
    assert!(violations(&platform, &SYSTEM_CALLS).len() > 10);
    let printing = sources(|_, path| path.starts_with("crates/cli/src/output"));
    assert!(!violations(&printing, &PRINTS).is_empty());
    let reading = sources(|_, path| path.ends_with("cli/src/environment.rs"));
    assert!(!violations(&reading, &PROCESS).is_empty());

    let source = Source::of(
        "x.rs",
        "//! fs::write(a)\nlet a = 1; // fs::write(a)\n#[cfg(test)]\nmod tests {\n    fs::write(a);\n}\n",
    );
    assert!(violations(&[source], &MUTATORS).is_empty());
    let source = Source::of("x.rs", "fs::write(a);\n");
    assert_eq!(violations(&[source], &MUTATORS), ["x.rs:1: fs::write"]);
}

/// One file of a crate, without comments and tests.
struct Source {
    path: PathBuf,
    code: String,
}

impl Source {
    fn of(path: impl Into<PathBuf>, text: &str) -> Self {
        let product = match text.find("#[cfg(test)]\nmod tests {") {
            Some(tests) => text.get(..tests).unwrap_or(text),
            None => text,
        };
        let code = product
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        Self {
            path: path.into(),
            code,
        }
    }
}

#[track_caller]
fn refuse(sources: &[Source], words: &[&str]) {
    assert!(!sources.is_empty());
    let found = violations(sources, words);
    assert!(found.is_empty(), "{found:#?}");
}

fn violations(sources: &[Source], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code.lines().enumerate() {
            for word in words.iter().filter(|word| mentions(line, word)) {
                let path = source.path.display();
                found.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    found
}

/// A word within a longer one is another word: `eprintln!` is not `println!`, `myfs::write` is not `fs::write`.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
            || word.starts_with('.')
    })
}

/// The files below `crates/*/src` that are part of the product and that the filter takes: crate's folder, and path from
/// the root of the repository.
fn sources(take: impl Fn(&str, &Path) -> bool) -> Vec<Source> {
    let root = workspace_dir();
    let mut sources = Vec::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        collect(&folder.path().join("src"), &mut |path| {
            let relative = path.strip_prefix(&root).unwrap();
            if !is_test(relative) && take(&name, relative) {
                sources.push(Source::of(relative, &fs::read_to_string(path).unwrap()));
            }
        });
    }
    sources
}

/// `tests.rs`, what lies below `tests/`, and two files that are compiled for tests only.
fn is_test(path: &Path) -> bool {
    let compiled_for_tests = ["crates/cli/src/reference.rs", "crates/fsroot/src/faults.rs"];
    path.with_extension("").iter().any(|part| part == "tests")
        || compiled_for_tests
            .iter()
            .any(|file| path == Path::new(file))
}

fn collect(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path);
        }
    }
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(workspace_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}
