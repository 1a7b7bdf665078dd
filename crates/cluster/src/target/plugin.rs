//! Credential plugins: programs that hand out the user's credential.
//!
//! The library would run them too, but without a limit of time, and one that opens a browser waits for ever where nobody sits.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use jiff::Timestamp;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::TargetError;
use super::group::Group;

/// Words of a plugin's standard error that are kept.
const SAID_MAX_BYTES: usize = 2000;

/// A program that prints an `ExecCredential`.
#[derive(Clone, Debug)]
pub struct Plugin {
    command: String,
    exec: ExecConfig,
    has_terminal: bool,
}

/// Why a plugin gave no credential.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The entry names no program.
    #[error("the kubeconfig names no command for its credential plugin")]
    NoCommand,
    /// It cannot be started.
    #[error("the credential plugin {command:?} cannot be started")]
    NotStarted {
        /// The program.
        command: String,
        /// How to install it, as the kubeconfig says.
        hint: Option<String>,
        /// What the system said.
        source: std::io::Error,
    },
    /// It has to ask somebody, and nobody is there.
    #[error("the credential plugin {command:?} needs a terminal")]
    NeedsTerminal {
        /// The program.
        command: String,
    },
    /// It takes longer than it may: waiting for a browser, for one.
    #[error("the credential plugin {command:?} has not answered within {}s (--credential-timeout)", limit.as_secs())]
    TooSlow {
        /// The program.
        command: String,
        /// How long it may take.
        limit: Duration,
    },
    /// It ended with an error.
    #[error("the credential plugin {command:?} failed with {status}")]
    Failed {
        /// The program.
        command: String,
        /// How it ended.
        status: String,
        /// What it said, as far as it did not say it to the terminal.
        said: String,
    },
    /// What it printed is not a credential.
    #[error("the credential plugin {command:?} printed no credential: {reason}")]
    NoCredential {
        /// The program.
        command: String,
        /// What is wrong with it. Never what it printed.
        reason: String,
    },
}

impl Plugin {
    /// Takes the plugin of a user's entry.
    pub(super) fn of(
        mut exec: ExecConfig,
        cluster: &Cluster,
        has_terminal: bool,
    ) -> Result<Self, TargetError> {
        let command = exec.command.clone().filter(|command| !command.is_empty());
        let command = command.ok_or(PluginError::NoCommand)?;
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) && !has_terminal {
            return Err(PluginError::NeedsTerminal { command }.into());
        }
        if exec.provide_cluster_info {
            let info = ExecAuthCluster::try_from(cluster)
                .map_err(|error| TargetError::Authority(error.to_string()))?;
            exec.cluster = Some(info);
        }
        let has_terminal =
            has_terminal && exec.interactive_mode != Some(ExecInteractiveMode::Never);
        Ok(Self {
            command,
            exec,
            has_terminal,
        })
    }

    /// Runs the program and puts what it says into the user's entry. Returns until when it holds, if it ends.
    pub(crate) async fn credential(
        &self,
        user: &mut AuthInfo,
        limit: Duration,
    ) -> Result<Option<Timestamp>, PluginError> {
        let output = match tokio::time::timeout(limit, self.run()).await {
            Ok(output) => output?,
            Err(_) => {
                let command = self.command.clone();
                return Err(PluginError::TooSlow { command, limit });
            }
        };
        if !output.status.success() {
            return Err(PluginError::Failed {
                command: self.command.clone(),
                status: output.status.to_string(),
                said: tail(&output.stderr),
            });
        }
        let bad = |reason: &str| PluginError::NoCredential {
            command: self.command.clone(),
            reason: reason.to_owned(),
        };
        let printed: Printed = serde_saphyr::from_slice(&output.stdout)
            .map_err(|_| bad("it is not an ExecCredential"))?;
        fill(user, printed.status.unwrap_or_default()).map_err(bad)
    }

    async fn run(&self) -> Result<Output, PluginError> {
        let mut command = Command::new(&self.command);
        command.args(self.exec.args.iter().flatten());
        for variable in self.exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let info = json!({
            "apiVersion": self.exec.api_version, "kind": "ExecCredential",
            "spec": {"interactive": self.has_terminal, "cluster": self.exec.cluster},
        });
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        // Dropped when its time is up.
        command.kill_on_drop(true).stdout(Stdio::piped());
        match self.has_terminal {
            // Of a group of its own the terminal would take no answers; as it is, its Ctrl-C reaches them all.
            true => {
                command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
            }
            false => {
                command.stdin(Stdio::null()).stderr(Stdio::piped());
                Group::lead(&mut command);
            }
        }
        self.complete(command)
            .await
            .map_err(|source| PluginError::NotStarted {
                command: self.command.clone(),
                hint: self.exec.install_hint.clone(),
                source,
            })
    }

    async fn complete(&self, mut command: Command) -> io::Result<Output> {
        let mut child = command.spawn()?;
        let group = (!self.has_terminal).then(|| Group::of(&child));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
        let status = child.wait().await?;
        // What it leaves running when it has answered is meant to run.
        if let Some(group) = group {
            group.let_go();
        }
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }
}

/// Reads to the end, if there is anything to read from.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct Printed {
    status: Option<Credential>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

fn fill(user: &mut AuthInfo, credential: Credential) -> Result<Option<Timestamp>, &'static str> {
    let until = credential
        .expiration_timestamp
        .map(|until| until.parse::<Timestamp>())
        .transpose()
        .map_err(|_| "the time at which it expires is not a time")?;
    match (
        credential.client_certificate_data,
        credential.client_key_data,
    ) {
        (Some(certificate), Some(key)) => {
            // Plugins print PEM, kubeconfigs hold its base64.
            user.client_certificate_data = Some(BASE64.encode(certificate.as_bytes()));
            user.client_key_data = Some(BASE64.encode(key.as_bytes()).into());
        }
        (None, None) if credential.token.is_none() => {
            return Err("it has neither a token nor a certificate");
        }
        (None, None) => {}
        _ => return Err("a certificate comes with its key, or not at all"),
    }
    if let Some(token) = credential.token {
        user.token = Some(token.into());
    }
    Ok(until)
}

/// The end of what a program said, which is where the reason usually stands.
fn tail(said: &[u8]) -> String {
    let start = said.len().saturating_sub(SAID_MAX_BYTES);
    let tail = said.get(start..).unwrap_or_default();
    String::from_utf8_lossy(tail).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(script: &str, mode: Option<ExecInteractiveMode>) -> Result<Plugin, TargetError> {
        let exec = ExecConfig {
            command: Some("sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned()]),
            interactive_mode: mode,
            ..ExecConfig::default()
        };
        Plugin::of(exec, &Cluster::default(), false)
    }

    async fn ask(script: &str) -> (AuthInfo, Result<Option<Timestamp>, PluginError>) {
        let mut user = AuthInfo::default();
        let plugin = plugin(script, None).unwrap();
        let until = plugin.credential(&mut user, Duration::from_secs(20)).await;
        (user, until)
    }

    #[tokio::test]
    async fn a_token_and_its_end_are_taken() {
        let script = r#"echo '{"kind": "ExecCredential", "status": {"token": "t", "expirationTimestamp": "2030-01-01T00:00:00Z"}}'"#;
        let (user, until) = ask(script).await;
        assert_eq!(until.unwrap().unwrap().to_string(), "2030-01-01T00:00:00Z");
        assert!(user.token.is_some());
    }

    #[tokio::test]
    async fn a_plugin_that_fails_says_why_in_its_own_words() {
        let (_, until) = ask("echo 'no session, run x login' >&2; exit 3").await;
        let error = until.unwrap_err();
        let PluginError::Failed { said, status, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(said, "no session, run x login");
        assert!(status.contains('3'), "{status}");
    }

    #[tokio::test]
    async fn what_it_prints_is_never_told() {
        for printed in [
            "secret",
            r#"{"status": {"token": ["secret"]}}"#,
            r#"{"status": {"clientCertificateData": "secret"}}"#,
            r#"{"status": {"token": "secret", "expirationTimestamp": "secret"}}"#,
            "{}",
        ] {
            let (_, until) = ask(&format!("cat <<'END'\n{printed}\nEND")).await;
            let error = until.unwrap_err();
            assert!(matches!(error, PluginError::NoCredential { .. }), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn one_that_waits_for_a_browser_is_given_up() {
        let plugin = plugin("sleep 600", None).unwrap();
        let limit = Duration::from_millis(50);
        let until = plugin.credential(&mut AuthInfo::default(), limit).await;
        assert!(matches!(until, Err(PluginError::TooSlow { .. })));
    }

    /// Whether a process is there, and not only waits to be asked how it ended.
    fn runs(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn one_that_is_given_up_ends_with_all_it_has_started() {
        let place = tempfile::tempdir().unwrap();
        let note = place.path().join("note").display().to_string();
        let script =
            format!("sleep 600 & echo \"$$ $!\" > '{note}.new'; mv '{note}.new' '{note}'; wait");
        let plugin = plugin(&script, None).unwrap();
        let mut user = AuthInfo::default();
        let noted = async {
            loop {
                if let Ok(noted) = std::fs::read_to_string(&note) {
                    return noted;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Given up at the limit or on a signal, it is dropped like this.
        let noted = tokio::select! {
            until = plugin.credential(&mut user, Duration::from_secs(600)) => panic!("{until:?}"),
            noted = noted => noted,
        };
        for pid in noted.split_whitespace() {
            let gone = async {
                while runs(pid) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
            assert!(gone.is_ok(), "{noted}");
        }
    }

    #[tokio::test]
    async fn nobody_to_ask_is_said_at_once() {
        let error = plugin("true", Some(ExecInteractiveMode::Always)).unwrap_err();
        assert!(matches!(
            error,
            TargetError::Plugin(PluginError::NeedsTerminal { .. })
        ));
        let (_, until) =
            ask(r#"case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) exit 9;; esac"#).await;
        assert!(matches!(until, Err(PluginError::Failed { .. })));
    }

    #[tokio::test]
    async fn a_missing_program_comes_with_its_hint() {
        let exec = ExecConfig {
            command: Some("/nowhere/login".to_owned()),
            install_hint: Some("get it there".to_owned()),
            ..ExecConfig::default()
        };
        let plugin = Plugin::of(exec, &Cluster::default(), false).unwrap();
        let until = plugin
            .credential(&mut AuthInfo::default(), Duration::from_secs(20))
            .await;
        let Err(PluginError::NotStarted { hint, .. }) = until else {
            panic!("{until:?}");
        };
        assert_eq!(hint.as_deref(), Some("get it there"));
    }
}
