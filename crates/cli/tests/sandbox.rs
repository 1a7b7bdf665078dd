//! `longshore sandbox`: up, what stands in its way, and that nothing is left.

mod common;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::Place;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};
use testkit::command::small_disk::SmallDisk;

/// Far more than anything here takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

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

impl Home {
    fn folder(&self) -> std::path::PathBuf {
        self.path().join("longshore/sandbox")
    }

    /// Starts a sandbox and connects to it.
    async fn client(&self, more: &[&str]) -> Client {
        let output = up(self.path(), more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let text = std::fs::read_to_string(self.folder().join("kubeconfig")).unwrap();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        let config =
            kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
        Client::try_from(config.unwrap()).unwrap()
    }

    /// Runs a command and reads its JSON result.
    fn result(&self, arguments: &[&str]) -> Value {
        let output = longshore(self.path(), &[arguments, &["--format=json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
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
fn of_several_that_start_at_once_one_does() {
    let home = Home::new();
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let starting = [(); 4].map(|()| scope.spawn(|| up(home.path(), &[])));
        starting.map(|one| one.join().unwrap()).into()
    });
    let (started, others): (Vec<_>, Vec<_>) =
        outputs.iter().partition(|output| output.status.success());
    assert_eq!(started.len(), 1, "{outputs:?}");
    for other in others {
        refused(other, 13, "sandbox.running");
    }
    assert!(longshore(home.path(), &["down"]).status.success());
    let folder = home.folder().display().to_string();
    let begun = Instant::now();
    loop {
        let left = Command::new("pgrep").args(["-f", &folder]).output();
        let left = left.unwrap().stdout;
        if left.is_empty() {
            break;
        }
        let left = String::from_utf8_lossy(&left).into_owned();
        assert!(begun.elapsed() < PATIENCE, "{left}");
    }
}

/// As after an `up` that was killed before its server had written its state, and another `up`.
#[test]
fn a_server_whose_place_another_one_has_ends() {
    let home = Home::new();
    assert!(up(home.path(), &[]).status.success());
    let first = home.pid();
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(home.folder(), &elsewhere).unwrap();
    assert!(up(home.path(), &[]).status.success());
    let until = Instant::now() + PATIENCE;
    while Path::new("/proc").join(&first).join("exe").exists() {
        assert!(Instant::now() < until, "{first} still serves");
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = longshore(home.path(), &["status"]);
    assert!(status.status.success());
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
fn root_is_refused_unless_told() {
    // Whoever is not root cannot see it; containers of builds are.
    if !sandbox::local::is_root() {
        return;
    }
    let home = Home::new();
    refused(&longshore(home.path(), &["up"]), 2, "sandbox.root");
    assert!(!home.folder().exists());
}

/// Runs a command where busybox is no file, wherever it lies.
const WITHOUT_BUSYBOX: &str = "for file in /bin/busybox /usr/bin/busybox; do
    if [ -e $file ]; then mount --bind /dev/null $file || exit 99; fi; done; exec \"$@\"";

#[test]
fn a_namespace_that_cannot_be_is_the_users_mistake() {
    let home = Home::new();
    for name in ["Bad_Name", "-a", "a-", "", &"a".repeat(64)] {
        let output = up(home.path(), &[&format!("--namespace={name}")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("63 lower case letters"), "{said}");
    }
    assert!(!home.folder().exists());
}

#[test]
fn a_tool_that_is_missing_is_named() {
    let home = Home::new();
    let words = [
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        WITHOUT_BUSYBOX,
        "sh",
    ];
    let mut command = Command::new("unshare");
    command
        .args(words)
        .arg(env!("CARGO_BIN_EXE_longshore"))
        .args(["sandbox", "up", "--allow-root", "--tools", "busybox"])
        .env("XDG_DATA_HOME", home.path())
        .env("PATH", "/usr/bin:/bin");
    let tried = Command::new("unshare").args(words).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        testkit::shared::skip("sandbox without a tool", "this user may not mount");
        return;
    }
    let output = command.output().unwrap();
    refused(&output, 3, "sandbox.tool-missing");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("busybox is not installed"), "{said}");
    assert!(!home.folder().exists(), "nothing is left of the attempt");
}

#[test]
fn a_full_disk_is_said() {
    let place = Place::new();
    let Some(disk) = SmallDisk::new(&place, "disk", "512k") else {
        return;
    };
    let command = place.command(["sandbox", "up", "--allow-root", "--format=json"]);
    let mut command = disk.wrap(&command);
    command.env("XDG_DATA_HOME", place.path("disk"));
    let error = place.complete(&mut command).fails(12, "sandbox.disk-full");
    assert!(error["remedy"].is_string(), "{error}");
    let left = disk.left();
    assert!(
        left.iter().all(|name| !name.contains("sandbox")),
        "{left:?}"
    );
}

#[tokio::test]
async fn faults_are_set_and_told_of() {
    let home = Home::new();
    let script = home.path().join("faults.yaml");
    let write = |text: &str| std::fs::write(&script, text).unwrap();
    let file = script.to_str().unwrap();
    write("rules: [{name: x, on: exec, fault: {explode: {}}}]");
    refused(
        &up(home.path(), &["--faults", file]),
        2,
        "sandbox.faults-invalid",
    );
    assert!(!home.folder().exists());
    write(
        "rules:
  - {name: proxy, on: request, match: {resource: secrets}, fault: {answer: {code: 404}}}
  - {name: idle, on: exec, fault: {drip: {}}}",
    );
    let client = home.client(&["--faults", file]).await;
    let secrets: Api<Secret> = Api::namespaced(client, "tracebloc");
    let error = secrets.get("demo-secrets").await.unwrap_err();
    assert!(error.to_string().contains("could not find"), "{error}");
    secrets.get("demo-secrets").await.unwrap();
    let result = home.result(&["faults"]);
    let proxy = json!({"name": "proxy", "matched": 2, "armed": 1, "fired": 1});
    assert_eq!(result["rules"][0], proxy, "{result}");
    assert_eq!(result["unfired"], json!(["idle"]));
    let output = longshore(home.path(), &["faults", "--require-fired"]);
    refused(&output, 14, "sandbox.fault-never-fired");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("proxy        2      1      1"), "{text}");
    let status = longshore(home.path(), &["status"]).stdout;
    assert!(String::from_utf8_lossy(&status).contains("Faults that never struck: idle."));

    write("rules: [{name: new, on: exec, fault: {nonsense: {}}}]");
    refused(
        &longshore(home.path(), &["faults", file]),
        2,
        "sandbox.faults-invalid",
    );
    write(
        "rules: [{name: away, on: request, match: {resource: secrets}, fault: {restart_api: {millis: 400}}}]",
    );
    let result = home.result(&["faults", file]);
    assert_eq!(result["unfired"], json!(["away"]), "{result}");
    // The request is lost; the report waits until the API server is back.
    drop(secrets.get("demo-secrets").await);
    assert_eq!(home.result(&["faults"])["unfired"], json!([]));
    let down = home.result(&["down"]);
    assert_eq!(down["unfired"], json!([]), "{down}");
    refused(
        &longshore(home.path(), &["faults"]),
        3,
        "sandbox.not-running",
    );
}

/// A pod that spreads out: a child in its own group, another that left it, and one that ignores what it is asked.
const SPREADING: &str =
    "sleep 1000 & setsid sleep 1000 & trap '' TERM HUP INT; while :; do sleep 1000; done";

async fn run_a_pod(client: &Client) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod = json!({
        "metadata": {"name": "spreading"},
        "spec": {"containers": [{"name": "main", "image": "any", "command": ["sh", "-c", SPREADING]}]},
    });
    let made = pods
        .create(&Default::default(), &serde_json::from_value(pod).unwrap())
        .await;
    made.unwrap();
}

/// The processes whose environment says that they belong to the sandbox of that process.
fn processes_of(sandbox: &str) -> Vec<String> {
    let mark = format!("LONGSHORE_SANDBOX={sandbox}:");
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let is_its = |path: &Path| {
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable.starts_with(mark.as_bytes()))
    };
    let its = all.map(|one| one.path()).filter(|path| is_its(path));
    its.map(|path| path.display().to_string()).collect()
}

fn until_there_are(processes: usize, pid: &str) {
    let begun = Instant::now();
    loop {
        let found = processes_of(pid);
        let is_so = if processes == 0 {
            found.is_empty()
        } else {
            found.len() >= processes
        };
        if is_so {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn no_container_outlives_a_killed_sandbox() {
    let home = Home::new();
    let client = home.client(&[]).await;
    run_a_pod(&client).await;
    let pid = home.pid();
    // The shell, and a sleep for each of its three commands.
    until_there_are(4, &pid);
    let killed = Command::new("kill").args(["-KILL", &pid]).status();
    assert!(killed.unwrap().success());
    until_there_are(0, &pid);
}

#[tokio::test]
async fn nothing_is_left_after_down() {
    let home = Home::new();
    let client = home.client(&["--volume-size", "8MiB"]).await;
    run_a_pod(&client).await;
    let pid = home.pid();
    until_there_are(4, &pid);
    assert!(longshore(home.path(), &["down"]).status.success());
    until_there_are(0, &pid);
    assert!(!home.folder().exists());
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
        assert!(begun.elapsed() < PATIENCE);
    }
    let output = up(home.path(), &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_ne!(home.pid(), pid);
}
