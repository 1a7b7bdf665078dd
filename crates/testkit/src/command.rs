//! Runs the program the way a user would, in a place of its own, and checks every JSON line against the published schema.

pub mod moment;
pub mod small_disk;
pub mod streams;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::shared::workspace_dir;

/// The moment at which every run takes place: 2023-11-14T22:13:20Z.
pub const SOURCE_DATE_EPOCH: u64 = 1_700_000_000;

/// A temporary directory in which the program runs with an empty environment and a fixed clock.
///
/// `work` is where it runs, `tmp` is where it puts temporary files, `home` belongs to nobody.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    dir: TempDir,
}

impl Sandbox {
    /// Makes a sandbox for a program, usually `env!("CARGO_BIN_EXE_longshore")`.
    ///
    /// # Panics
    /// When the temporary directory cannot be made.
    pub fn new(program: impl Into<PathBuf>) -> Sandbox {
        let dir = TempDir::with_prefix("longshore-test-").expect("a temporary directory");
        for name in ["home", "tmp", "work"] {
            fs::create_dir(dir.path().join(name)).expect("a directory in the sandbox");
        }
        Sandbox {
            program: program.into(),
            dir,
        }
    }

    /// Gives the program that runs here.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Gives the path of a name in the directory where the program runs.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// Gives the directory that the program takes for temporary files.
    pub fn scratch(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// Writes a file, with its parents, and gives its path.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("a name in the sandbox has a parent");
        fs::create_dir_all(parent).expect("parents can be made");
        fs::write(&path, bytes).expect("a file in the sandbox is writable");
        path
    }

    /// Lists everything below the directory where the program runs: relative paths, sorted.
    ///
    /// A test compares this before and after to see that nothing was left behind.
    pub fn listing(&self) -> Vec<String> {
        below(&self.path(""))
    }

    /// Lists what lies among the temporary files and in the home directory, where nothing may be left.
    pub fn scratch_listing(&self) -> Vec<String> {
        [self.scratch(), self.dir.path().join("home")]
            .iter()
            .flat_map(|dir| below(dir))
            .collect()
    }

    /// Prepares a run: environment, clock, directory. Add to it before it is started.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    /// Gives another program the surroundings of this one, for tests that start it through something else.
    pub fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.scratch())
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH.to_string())
            .stdin(Stdio::null());
        // Coverage of the child is written where the caller asked for it.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use = "a run that nobody looks at proves nothing"]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        self.complete(&mut self.command(arguments))
    }

    /// Runs a prepared command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use = "a run that nobody looks at proves nothing"]
    pub fn complete(&self, command: &mut Command) -> Run {
        self.finish(command.output().expect("the program starts"))
    }

    /// Runs the program with bytes on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use = "a run that nobody looks at proves nothing"]
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        input: &[u8],
        arguments: impl IntoIterator<Item = S>,
    ) -> Run {
        self.complete_with_input(input, &mut self.command(arguments))
    }

    /// Runs a prepared command with bytes on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use = "a run that nobody looks at proves nothing"]
    pub fn complete_with_input(&self, input: &[u8], command: &mut Command) -> Run {
        let mut child = self.spawn(command.stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let output = std::thread::scope(|scope| {
            // The program may stop reading early; what it thinks of that shows in its output.
            scope.spawn(move || drop(stdin.write_all(input)));
            child
                .wait_with_output()
                .expect("the program can be waited for")
        });
        self.finish(output)
    }

    /// Starts a prepared command whose output is kept for [`Sandbox::finish`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    /// Takes the output of a run that the caller started.
    ///
    /// # Panics
    /// When the output is not UTF-8, which all output of the program is.
    #[must_use = "a run that nobody looks at proves nothing"]
    pub fn finish(&self, output: Output) -> Run {
        let dir = self.dir.path().to_string_lossy().into_owned();
        let redact = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("output is UTF-8");
            text.replace(&dir, "[SANDBOX]")
        };
        Run {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: redact(output.stdout),
            stderr: redact(output.stderr),
        }
    }
}

/// What a run left: the sandbox's own path is replaced by `[SANDBOX]` in both texts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// The exit code, unless a signal ended the program.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Requires an exit code.
    ///
    /// # Panics
    /// When it is another one; the message has both outputs.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        assert_eq!(
            (self.code, self.signal),
            (Some(code), None),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Gives the lines of a run with `--format json`; the last is the result.
    ///
    /// # Panics
    /// When a line breaks the published schema, a result is not last, or the result's exit code is not the process's.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        let lines: Vec<Value> = self.stdout.lines().map(parse).collect();
        let Some((result, events)) = lines.split_last() else {
            panic!("no output\n{}", self.stderr);
        };
        lines.iter().for_each(keeps_to_the_schema);
        assert_eq!(result["type"], "result", "{result}");
        assert!(
            events.iter().all(|line| line["type"] != "result"),
            "only the last line is the result"
        );
        assert_eq!(result["exit_code"].as_i64(), self.code.map(i64::from));
        lines
    }

    /// Gives the result of a run with `--format json`.
    #[track_caller]
    pub fn result(&self) -> Value {
        self.json().pop().unwrap_or_default()
    }

    /// Gives the events with a name.
    #[track_caller]
    pub fn events(&self, name: &str) -> Vec<Value> {
        self.json()
            .into_iter()
            .filter(|line| line["event"] == name)
            .collect()
    }

    /// Requires exit code and error id of a run with `--format json`, and gives the error.
    ///
    /// # Panics
    /// When either is another one.
    #[track_caller]
    pub fn fails(self, code: i32, id: &str) -> Value {
        let run = self.exits(code);
        let result = run.result();
        assert_eq!(result["error"]["id"], id, "{result:#}");
        result["error"].clone()
    }
}

#[track_caller]
fn keeps_to_the_schema(line: &Value) {
    let complaints: Vec<String> = schema()
        .iter_errors(line)
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect();
    assert!(
        complaints.is_empty(),
        "{line}\nbreaks the schema: {complaints:#?}"
    );
}

/// The published schema of every line of JSON output.
fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let path = workspace_dir().join("docs/schemas/output-line.json");
        let text = fs::read_to_string(path).expect("the schema is in the repository");
        let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is a schema")
    })
}

fn below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).expect("a directory of the sandbox is readable") {
            let entry = entry.expect("an entry is readable");
            if entry.file_type().expect("an entry has a type").is_dir() {
                pending.push(entry.path());
            }
            let path = entry.path();
            let relative = path.strip_prefix(root).expect("within the sandbox");
            found.push(relative.display().to_string());
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Sandbox {
        Sandbox::new("/bin/sh")
    }

    #[test]
    fn the_environment_is_empty_and_the_clock_fixed() {
        let sandbox = Sandbox::new("/usr/bin/env");
        let run = sandbox.run([] as [&str; 0]).exits(0);
        let names: Vec<_> = run
            .stdout
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        assert!(names.contains(&("SOURCE_DATE_EPOCH", "1700000000")));
        assert!(names.contains(&("HOME", "[SANDBOX]/home")));
        assert!(names.iter().all(|(name, _)| *name != "CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn input_output_and_codes_arrive() {
        let script = "cat; pwd >&2; exit 3";
        let run = shell().run_with_input(b"x\n", ["-c", script]).exits(3);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("x\n", "[SANDBOX]/work\n")
        );

        let run = shell().run(["-c", "kill -9 $$"]);
        assert_eq!((run.code, run.signal), (None, Some(9)));
    }

    fn prints(lines: &str, code: i32) -> Run {
        shell().run(["-c", &format!("echo '{lines}'; exit {code}")])
    }

    const EVENT: &str = r#"{"type":"warning","event":"odd"}"#;
    const RESULT: &str = r#"{"type":"result","command":"x","exit_code":3,"error":{"id":"a.b","message":"m","causes":[],"retryable":false,"place":null,"remedy":null}}"#;

    #[test]
    fn lines_are_read_and_told_apart() {
        let run = prints(&format!("{EVENT}\n{RESULT}"), 3);
        assert_eq!(run.events("odd").len(), 1);
        assert_eq!(run.fails(3, "a.b")["message"], "m");
    }

    #[test]
    #[should_panic(expected = "breaks the schema")]
    fn a_line_that_the_schema_does_not_know_is_noticed() {
        drop(prints(&format!("{{\"type\":\"gossip\"}}\n{RESULT}"), 3).json());
    }

    #[test]
    #[should_panic(expected = "only the last line")]
    fn a_second_result_is_noticed() {
        drop(prints(&format!("{RESULT}\n{RESULT}"), 3).json());
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn a_result_that_tells_another_code_is_noticed() {
        drop(prints(RESULT, 4).json());
    }

    #[test]
    fn input_that_is_not_read_does_no_harm() {
        Sandbox::new("/bin/true")
            .run_with_input(&vec![0; 1 << 20], [] as [&str; 0])
            .exits(0);
    }

    #[test]
    fn leftovers_are_listed() {
        let sandbox = shell();
        sandbox.write("a/b", "x");
        assert_eq!(sandbox.listing(), ["a", "a/b"]);
        assert!(sandbox.scratch_listing().is_empty());
        sandbox.run(["-c", "echo x > $TMPDIR/left"]).exits(0);
        assert_eq!(sandbox.scratch_listing(), ["left"]);
    }
}
