//! `longshore sandbox`: up, what stands in its way, and that nothing is left.

mod common;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn longshore(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longshore"))
        .env("XDG_DATA_HOME", home)
        .args(["sandbox"])
        .args(arguments)
        .output()
        .unwrap()
}

/// Starts a sandbox, whoever runs the tests.
fn up(home: &Path, more: &[&str]) -> Output {
    longshore(home, &[&["up", "--allow-root"], more].concat())
}

fn refused(output: &Output, code: i32, id: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(id) && said.contains("remedy:"), "{said}");
}

/// A sandbox that is ended whatever happens to the test.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn pid(&self) -> String {
        let text = std::fs::read(self.path().join("longshore/sandbox/state.json")).unwrap();
        let state: serde_json::Value = serde_json::from_slice(&text).unwrap();
        state["pid"].to_string()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        longshore(self.path(), &["down"]);
    }
}

#[test]
fn a_sandbox_comes_and_goes() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    refused(&longshore(home.path(), &["down"]), 3, "sandbox.not-running");
    refused(
        &longshore(home.path(), &["kubeconfig"]),
        3,
        "sandbox.not-running",
    );
    let output = up(home.path(), &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    refused(&up(home.path(), &[]), 13, "sandbox.running");
    let folder = home.path().join("longshore/sandbox");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["kubeconfig", "state.json", "options.json", "log"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let output = longshore(home.path(), &["kubeconfig"]);
    let path = String::from_utf8(output.stdout).unwrap();
    assert_eq!(Path::new(path.trim()), folder.join("kubeconfig"));
    assert!(longshore(home.path(), &["down"]).status.success());
    assert!(!folder.exists());
    let status = longshore(home.path(), &["status"]);
    assert_eq!(
        String::from_utf8_lossy(&status.stdout),
        "No sandbox is running.\n"
    );
}

#[test]
fn a_taken_port_and_a_foreign_folder_are_said() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(
        &up(home.path(), &["--port", &port]),
        12,
        "sandbox.port-taken",
    );
    let folder = home.path().join("longshore/sandbox");
    assert!(!folder.exists(), "nothing is left of the attempt");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("precious"), "x").unwrap();
    refused(&up(home.path(), &[]), 3, "sandbox.not-ours");
    std::fs::write(folder.join("state.json"), r#"{"version": 99}"#).unwrap();
    refused(&up(home.path(), &[]), 3, "sandbox.other-version");
    refused(
        &longshore(home.path(), &["down"]),
        3,
        "sandbox.other-version",
    );
    assert!(folder.join("precious").exists());
}

#[test]
fn a_killed_sandbox_is_cleared_by_the_next_one() {
    let home = Home::new();
    assert!(up(home.path(), &[]).status.success());
    let pid = home.pid();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    let begun = Instant::now();
    while longshore(home.path(), &["status"]).stdout != b"No sandbox is running.\n" {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    let output = up(home.path(), &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_ne!(home.pid(), pid);
}
