//! Runs the program the way tests need it: an empty environment, a folder of its own, and every JSON line checked
//! against the published schema.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate that uses a part of this"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The moment at which all tests take place.
pub const EPOCH: &str = "1700000000";

/// A folder in which the program runs, removed afterwards.
pub struct Place {
    root: tempfile::TempDir,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The same under a name.
    pub fn snapshot(&self, name: &str) -> PathBuf {
        self.write(name, redis_snapshot())
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .args(arguments)
            .env_clear()
            .env("SOURCE_DATE_EPOCH", EPOCH)
            .env("TMPDIR", self.scratch())
            .current_dir(self.root.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        Run::of(
            self.command(arguments).output().expect("the program runs"),
            self.root.path(),
        )
    }

    /// Runs with bytes on standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        input: &[u8],
        arguments: impl IntoIterator<Item = S>,
    ) -> Run {
        let mut child = self.spawn(self.command(arguments).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().expect("a pipe");
        // The program may stop reading before the end; that is its right.
        drop(stdin.write_all(input));
        drop(stdin);
        Run::of(
            child.wait_with_output().expect("the program ends"),
            self.root.path(),
        )
    }

    pub fn spawn(&self, command: &mut Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    /// Everything below the folder except scratch files, as sorted relative paths.
    pub fn listing(&self) -> Vec<String> {
        let mut all = Vec::new();
        list(self.root.path(), self.root.path(), &mut all);
        all.retain(|name| !name.starts_with("tmp"));
        all.sort();
        all
    }

    /// What is left in the folder for temporary files.
    pub fn scratch_listing(&self) -> Vec<String> {
        let mut all = Vec::new();
        list(&self.scratch(), &self.scratch(), &mut all);
        all
    }

    pub fn scratch(&self) -> PathBuf {
        let path = self.root.path().join("tmp");
        fs::create_dir_all(&path).expect("a scratch folder");
        path
    }
}

impl Run {
    pub fn of(output: Output, root: &Path) -> Self {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("output is UTF-8");
            text.replace(&root.display().to_string(), "[ROOT]")
        };
        Self {
            code: output
                .status
                .code()
                .unwrap_or_else(|| 1000 + output.status.signal().unwrap_or(0)),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Asserts the exit code, and shows everything if it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\nstdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The lines of a run with `--format json`, each checked against the schema; the last is the result.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let lines: Vec<Value> = self
            .stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect();
        let last = lines.len().checked_sub(1).expect("at least one line");
        for (number, line) in lines.iter().enumerate() {
            let complaints: Vec<String> = schema()
                .iter_errors(line)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert!(
                complaints.is_empty(),
                "{line}\nbreaks the schema: {complaints:#?}"
            );
            assert_eq!(
                line["type"] == "result",
                number == last,
                "the result is the last line, and only it"
            );
        }
        assert_eq!(lines[last]["exit_code"], self.code);
        lines
    }

    /// The result of a run with `--format json`.
    #[track_caller]
    pub fn result(&self) -> Value {
        self.json().pop().expect("a result")
    }

    /// Asserts exit code and error id of a run with `--format json`, and that the error has what every error needs.
    #[track_caller]
    pub fn fails(self, code: i32, id: &str) -> Value {
        let run = self.exits(code);
        let result = run.result();
        assert_eq!(result["error"]["id"], id, "{result:#}");
        result["error"].clone()
    }

    /// The events with a name.
    #[track_caller]
    pub fn events(&self, name: &str) -> Vec<Value> {
        self.json()
            .into_iter()
            .filter(|line| line["event"] == name)
            .collect()
    }
}

/// A snapshot of a real node with 106 Redis strings, see `demo/README.md`.
pub fn redis_snapshot() -> &'static [u8] {
    include_bytes!("../follower.fsm")
}

/// The published schema of every line of JSON output.
pub fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = include_str!("../../../../docs/schemas/output-line.json");
        let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is a schema")
    })
}

fn list(root: &Path, directory: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        all.push(
            path.strip_prefix(root)
                .expect("below the root")
                .display()
                .to_string(),
        );
        if path.is_dir() && !path.is_symlink() {
            list(root, &path, all);
        }
    }
}
