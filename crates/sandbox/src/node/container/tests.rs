//! Processes in containers, with and without namespaces.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::{Attach, Container, ContainerError, Keeper, Mount, Mounts, Spec, Toolbox, Tools};

struct Lab {
    directory: tempfile::TempDir,
    keeper: Arc<Keeper>,
    toolbox: Arc<Toolbox>,
}

impl Lab {
    /// `None`, and a word about it, where namespaces are asked for and not allowed.
    async fn new(mounts: Mounts) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let id = directory.path().display().to_string();
        let keeper = match Keeper::start(&id, mounts).await {
            Ok(keeper) => keeper,
            Err(error @ ContainerError::NoNamespaces(_)) => {
                eprintln!("skipped: containers with real mounts ({error})");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let toolbox = Toolbox::prepare(&directory.path().join("tools")).unwrap();
        std::fs::create_dir(directory.path().join("volume")).unwrap();
        Some(Self {
            keeper: Arc::new(keeper),
            toolbox: Arc::new(toolbox),
            directory,
        })
    }

    fn has(&self, tools: Tools) -> bool {
        let found = self.toolbox.check(tools);
        if let Err(error) = &found {
            eprintln!("skipped: containers of {} ({error})", tools.name());
        }
        found.is_ok()
    }

    fn volume(&self) -> std::path::PathBuf {
        self.directory.path().join("volume")
    }

    async fn container(&self, tools: Tools) -> Arc<Container> {
        let own = self.directory.path().join("container");
        std::fs::create_dir_all(&own).unwrap();
        let mount = |path: &str, read_only| Mount {
            path: path.to_owned(),
            source: self.volume(),
            read_only,
        };
        let spec = Spec {
            id: own.display().to_string(),
            tools,
            mounts: vec![mount("/data/shared", false), mount("/read/only", true)],
            env: vec![("COLOUR".to_owned(), "green".to_owned())],
            working_dir: String::new(),
            directory: own,
        };
        let container =
            Container::create(Arc::clone(&self.keeper), Arc::clone(&self.toolbox), spec);
        Arc::new(container.await.unwrap())
    }
}

async fn run(container: &Arc<Container>, argv: &[&str]) -> (String, i32) {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let attach = Attach {
        stdout: true,
        stderr: true,
        ..Attach::default()
    };
    let mut started = container.spawn(&argv, attach).unwrap();
    let mut said = String::new();
    started
        .stdout
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    started
        .stderr
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    let exit = started
        .exit
        .wait_for(Option::is_some)
        .await
        .unwrap()
        .unwrap();
    (said, exit.code)
}

#[tokio::test]
async fn arguments_are_rewritten_where_there_are_no_namespaces() {
    let lab = Lab::new(Mounts::Rewritten).await.unwrap();
    for tools in [Tools::Host, Tools::Busybox] {
        if !lab.has(tools) {
            continue;
        }
        let container = lab.container(tools).await;
        let script = r#"echo "$1" > "$2"; echo "$COLOUR" "$1""#;
        let said = run(
            &container,
            &[
                "/bin/sh",
                "-c",
                script,
                "sh",
                "a/data/shared",
                "/data/shared/x",
            ],
        )
        .await;
        assert_eq!(said, ("green a/data/shared\n".to_owned(), 0));
        assert_eq!(
            std::fs::read(lab.volume().join("x")).unwrap(),
            b"a/data/shared\n"
        );
    }
}

#[tokio::test]
async fn mount_paths_are_real_where_namespaces_are_allowed() {
    let Some(lab) = Lab::new(Mounts::Real).await else {
        return;
    };
    for tools in [Tools::Host, Tools::Busybox] {
        if !lab.has(tools) {
            continue;
        }
        let container = lab.container(tools).await;
        let script =
            "cd /data/shared && echo $COLOUR > y && cat y && pwd && echo no > /read/only/y";
        let (said, code) = run(&container, &["/bin/sh", "-c", script]).await;
        assert!(said.starts_with("green\n/data/shared\n"), "{said}");
        assert!(said.contains("Read-only file system"), "{said}");
        assert_ne!(code, 0);
        assert_eq!(std::fs::read(lab.volume().join("y")).unwrap(), b"green\n");

        container.make_read_only().await.unwrap();
        let (said, _) = run(&container, &["sh", "-c", "echo no > /data/shared/z"]).await;
        assert!(said.contains("Read-only file system"), "{said}");
    }
}

#[tokio::test]
async fn a_limited_volume_is_full_when_it_is_full() {
    let Some(lab) = Lab::new(Mounts::Real).await else {
        return;
    };
    lab.keeper.limit(&lab.volume(), 1 << 20).await.unwrap();
    let container = lab.container(Tools::Host).await;
    let fill = [
        "dd",
        "if=/dev/zero",
        "of=/data/shared/big",
        "bs=64k",
        "count=64",
    ];
    let (said, code) = run(&container, &fill).await;
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(code, 1);
    let seen = lab.keeper.seen_from_outside(&lab.volume().join("big"));
    assert_eq!(std::fs::metadata(seen).unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn exit_codes_and_signals_come_through() {
    for mounts in [Mounts::Rewritten, Mounts::Real] {
        let Some(lab) = Lab::new(mounts).await else {
            continue;
        };
        let container = lab.container(Tools::Host).await;
        assert_eq!(run(&container, &["sh", "-c", "exit 7"]).await.1, 7);
        assert_eq!(run(&container, &["sh", "-c", "kill -9 $$"]).await.1, 137);
        assert_eq!(run(&container, &["sh", "-c", "kill -15 $$"]).await.1, 143);
        let sleep = ["sleep", "1000"].map(str::to_owned);
        for (code, signal) in [(137, true), (143, false)] {
            let mut started = container.spawn(&sleep, Attach::default()).unwrap();
            if signal {
                started.group.kill();
            } else {
                started.group.terminate();
            }
            let exit = started
                .exit
                .wait_for(Option::is_some)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(exit.code, code);
        }
    }
}

#[tokio::test]
async fn what_is_not_among_the_tools_is_not_found() {
    for mounts in [Mounts::Rewritten, Mounts::Real] {
        let Some(lab) = Lab::new(mounts).await else {
            continue;
        };
        let container = lab.container(Tools::Empty).await;
        for name in ["sh", "/bin/sh", "nonsense", "/nonsense"] {
            let error = container
                .spawn(&[name.to_owned()], Attach::default())
                .unwrap_err();
            assert!(
                matches!(error, ContainerError::NotFound(_)),
                "{name}: {error}"
            );
        }
        let error = container.spawn(&[], Attach::default()).unwrap_err();
        assert!(matches!(error, ContainerError::NoCommand));
    }
}

#[tokio::test]
async fn nothing_is_mounted_over_the_machine() {
    let Some(lab) = Lab::new(Mounts::Real).await else {
        return;
    };
    for path in ["/usr/share/x", "/bin", "/", "relative", "/data/../usr/x"] {
        let own = lab.directory.path().join("refused");
        std::fs::create_dir_all(&own).unwrap();
        let spec = Spec {
            directory: own,
            mounts: vec![Mount {
                path: path.to_owned(),
                source: lab.volume(),
                read_only: false,
            }],
            ..Spec::default()
        };
        let made = Container::create(Arc::clone(&lab.keeper), Arc::clone(&lab.toolbox), spec).await;
        assert!(matches!(made, Err(ContainerError::MountPath(_))), "{path}");
    }
}

async fn gone(pid: &str) {
    while Path::new(&format!("/proc/{pid}/environ")).exists()
        && std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| !bytes.is_empty())
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn written(path: &Path) -> String {
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn stopping_a_container_finds_what_left_its_group() {
    let lab = Lab::new(Mounts::Auto).await.unwrap();
    let container = lab.container(Tools::Host).await;
    let script = r#"setsid sh -c 'echo $$ > "$1"; exec sleep 1000' sh "$1" & wait"#;
    let argv = ["sh", "-c", script, "sh", "/data/shared/pid"].map(str::to_owned);
    let mut started = container.spawn(&argv, Attach::default()).unwrap();
    let pid = written(&lab.volume().join("pid")).await;
    container.stop();
    gone(&pid).await;
    let exit = started
        .exit
        .wait_for(Option::is_some)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(exit.code, 137);
    let error = container.spawn(&argv, Attach::default()).unwrap_err();
    assert!(matches!(error, ContainerError::Stopped));
}

/// The keeper is tried as it is used: its pipe ends because the process that held it was killed.
#[tokio::test]
async fn a_killed_sandbox_leaves_no_process() {
    let directory = tempfile::tempdir().unwrap();
    // A shell in the sandbox's place: it holds the keeper's pipe and starts a process that leaves its group.
    let marker = directory.path().display().to_string();
    let script = r#"mkfifo "$2/pipe"
sh -c "$1" keeper "LONGSHORE_SANDBOX=$2" < "$2/pipe" > /dev/null &
exec 9> "$2/pipe"
LONGSHORE_SANDBOX=$2 setsid sleep 1000 9>&- & echo $! > "$2/one"
kill -9 $$"#;
    let mut child = std::process::Command::new("sh")
        .args(["-c", script, "sh", include_str!("keeper.sh"), &marker])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.wait().unwrap();
    gone(&written(&directory.path().join("one")).await).await;
}
