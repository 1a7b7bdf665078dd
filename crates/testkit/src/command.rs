//! Runs the program the way a user would, in a place of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The fixed clock of every run: 2026-11-21T12:00:00Z.
pub const SOURCE_DATE_EPOCH: u64 = 1_795_262_400;

/// A temporary directory in which the program runs with an empty environment and a fixed clock.
#[derive(Debug)]
pub struct Sandbox {
    binary: PathBuf,
    dir: TempDir,
}

impl Sandbox {
    /// Makes a sandbox for a program, usually `env!("CARGO_BIN_EXE_longshore")`.
    ///
    /// # Panics
    /// When the temporary directory cannot be made.
    pub fn new(binary: impl Into<PathBuf>) -> Sandbox {
        let dir = TempDir::with_prefix("longshore-test-").expect("a temporary directory");
        for name in ["home", "tmp", "work"] {
            fs::create_dir(dir.path().join(name)).expect("a directory in the sandbox");
        }
        Sandbox {
            binary: binary.into(),
            dir,
        }
    }

    /// Gives the path of a name in the directory where the program runs.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// Gives the directory that the program takes for temporary files.
    pub fn tmp(&self) -> PathBuf {
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

    /// Lists what lies in the sandbox — work, temporary files, home — relative to it and sorted.
    ///
    /// A test compares this before and after to see that nothing was left behind.
    ///
    /// # Panics
    /// When a directory cannot be read.
    pub fn listing(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut pending = vec![self.dir.path().to_owned()];
        while let Some(dir) = pending.pop() {
            for entry in fs::read_dir(dir).expect("a directory of the sandbox is readable") {
                let entry = entry.expect("an entry is readable");
                if entry.file_type().expect("an entry has a type").is_dir() {
                    pending.push(entry.path());
                }
                let relative = entry.path();
                let relative = relative
                    .strip_prefix(self.dir.path())
                    .expect("within the sandbox");
                found.push(relative.to_owned());
            }
        }
        found.sort();
        found
    }

    /// Prepares a run: environment, clock, directory. Add to it before it is started.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.tmp())
            .env("PATH", "/usr/bin:/bin")
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH.to_string())
            .stdin(Stdio::null());
        // Coverage of the child is written where the caller asked for it.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        let output = self
            .command(arguments)
            .output()
            .expect("the program starts");
        self.finish(output)
    }

    /// Runs the program with bytes on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Run {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
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

    /// Takes the output of a run that the caller started from [`Sandbox::command`].
    pub fn finish(&self, output: Output) -> Run {
        let dir = self.dir.path().to_string_lossy().into_owned();
        let redact = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&dir, "[SANDBOX]");
        Run {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: redact(&output.stdout),
            stderr: redact(&output.stderr),
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
    pub fn expect_code(&self, code: i32) -> &Run {
        assert_eq!(
            (self.code, self.signal),
            (Some(code), None),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Gives the JSON objects on standard output, one a line.
    ///
    /// # Panics
    /// When a line is something else.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Gives the last JSON object, which is the result of every command.
    ///
    /// # Panics
    /// When there is none or its `type` is another.
    #[track_caller]
    pub fn result(&self) -> Value {
        let last = self
            .lines()
            .pop()
            .unwrap_or_else(|| panic!("no output\n{}", self.stderr));
        assert_eq!(last["type"], "result", "{last}");
        last
    }

    /// Gives the JSON objects of one type, such as `warning`.
    #[track_caller]
    pub fn of_type(&self, name: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["type"] == name)
            .collect()
    }

    /// Gives the id of the error in the result.
    #[track_caller]
    pub fn error_id(&self) -> String {
        let result = self.result();
        result["error"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no error: {result}"))
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_empty_and_the_clock_fixed() {
        let sandbox = Sandbox::new("/usr/bin/env");
        let run = sandbox.run([] as [&str; 0]);
        run.expect_code(0);
        let names: Vec<_> = run
            .stdout
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        assert!(names.contains(&("SOURCE_DATE_EPOCH", "1795262400")));
        assert!(names.contains(&("HOME", "[SANDBOX]/home")));
        assert!(names.iter().all(|(name, _)| *name != "CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn input_output_and_codes_arrive() {
        let sandbox = Sandbox::new("/bin/sh");
        let script = r#"cat; echo '{"type":"result","error":{"id":"a.b"}}'; pwd >&2; exit 3"#;
        let run = sandbox.run_with_input(["-c", script], b"{\"type\":\"warning\"}\n");
        run.expect_code(3);
        assert_eq!(run.error_id(), "a.b");
        assert_eq!(run.of_type("warning").len(), 1);
        assert_eq!(run.stderr, "[SANDBOX]/work\n");

        let run = sandbox.run(["-c", "kill -9 $$"]);
        assert_eq!((run.code, run.signal), (None, Some(9)));
    }

    #[test]
    fn input_that_is_not_read_does_no_harm() {
        let sandbox = Sandbox::new("/bin/true");
        sandbox
            .run_with_input([] as [&str; 0], &vec![0; 1 << 20])
            .expect_code(0);
    }

    #[test]
    fn leftovers_are_listed() {
        let sandbox = Sandbox::new("/bin/true");
        sandbox.write("a/b", "x");
        let names = ["home", "tmp", "work", "work/a", "work/a/b"].map(PathBuf::from);
        assert_eq!(sandbox.listing(), names);
    }
}
