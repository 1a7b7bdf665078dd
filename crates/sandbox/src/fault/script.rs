//! The fault script as people write it: YAML or JSON, in a file or in an API call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longer than any client waits.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What goes wrong, and when. Everything that is drawn by lot is drawn from `seed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Where chance begins.
    #[serde(default)]
    pub seed: u64,
    /// Tried in order; several may strike one stream.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the fault script cannot be read: {0}")]
pub struct ScriptError(String);

impl Script {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    /// When it is neither, or names what does not exist.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let script: Self =
            serde_saphyr::from_str(text).map_err(|error| ScriptError(error.to_string()))?;
        for rule in &script.rules {
            rule.fault
                .fits(rule.on)
                .map_err(|why| ScriptError(format!("rule {:?}: {why}", rule.name)))?;
        }
        Ok(script)
    }
}

/// One fault and the streams or requests that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the report calls it.
    pub name: String,
    /// What kind of traffic it strikes.
    pub on: Target,
    /// Which of it.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// Lets this many matches pass first.
    #[serde(default)]
    pub skip: u64,
    /// Strikes this many matches, 0 for all that follow.
    #[serde(default = "once")]
    pub times: u64,
    /// How likely a match is struck, out of a hundred.
    #[serde(default = "certain")]
    pub percent: u8,
    /// What happens.
    pub fault: Fault,
}

fn once() -> u64 {
    1
}

fn certain() -> u8 {
    100
}

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Commands in containers.
    Exec,
    /// Tunnels to ports.
    PortForward,
    /// Log streams.
    Log,
    /// Everything else the API server answers, and the opening of the streams above.
    Request,
}

/// Every field that is given has to fit; none given fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Namespace, whole.
    pub namespace: Option<String>,
    /// Beginning of the pod's, or object's, name.
    pub name: Option<String>,
    /// Container, whole.
    pub container: Option<String>,
    /// Part of the command, its arguments joined by blanks.
    pub command: Option<String>,
    /// Verb of authorisation, whole.
    pub verb: Option<String>,
    /// Resource with subresource, whole: `pods/exec`.
    pub resource: Option<String>,
    /// Beginning of the path.
    pub path: Option<String>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client.
    In,
    /// To the client.
    Out,
}

/// A number, or a range from which the seed draws one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// Just this.
    Exactly(u64),
    /// Both ends may come out.
    Between {
        /// The least.
        from: u64,
        /// The most.
        to: u64,
    },
}

impl Default for Amount {
    fn default() -> Self {
        Self::Exactly(0)
    }
}

/// What goes wrong. `after` counts payload bytes of the direction that the fault watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection is gone, without a word.
    Cut {
        /// Whose bytes are counted.
        direction: Direction,
        /// How many pass first.
        #[serde(default)]
        after: Amount,
    },
    /// Input ends early and the answer is Success, as when a kubelet is killed.
    EndStdin {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The client hears Success, the process waits for input for ever, as when a container runtime restarts.
    LoseEndOfInput {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// Nothing more is read (or written) for a while, pongs included. A request stands still as a whole, before it is served.
    Stall {
        /// Whose bytes are counted, and stand still.
        direction: Direction,
        /// How many pass first.
        #[serde(default)]
        after: Amount,
        /// How long; for ever if it is not given.
        millis: Option<u64>,
    },
    /// The last bytes of stdout never arrive.
    LoseStdoutTail {
        /// How many.
        bytes: u64,
    },
    /// The connection ends in order, but without an exit status.
    LoseStatus {},
    /// Everything arrives but the end.
    NeverEnd {},
    /// One byte at a time, both ways.
    Drip {},
    /// `v5.channel.k8s.io` is not known, as before Kubernetes 1.30.
    RefuseV5 {},
    /// Takes a while to begin.
    Delay {
        /// How long.
        millis: u64,
    },
    /// Answers this instead.
    Answer {
        /// HTTP status.
        code: u16,
        /// Whether the body is empty instead of a `Status`.
        #[serde(default)]
        empty: bool,
        /// `Retry-After`, in seconds.
        retry_after: Option<u32>,
        /// The sentence of the `Status`, such as that of a webhook.
        message: Option<String>,
    },
    /// The request is served, the answer is lost.
    LoseAnswer {},
    /// The process is killed: 137.
    Kill {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The volume of the pod has no room left. Needs a volume with a size of its own.
    FillVolume {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The volumes of the pod become read-only.
    ReadOnlyVolume {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The pod is deleted, grace 0.
    DeletePod {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The process is killed for its memory; from then on every command in the pod ends with 137.
    OutOfMemory {
        /// How many bytes of input pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The log stream ends in order while the container runs on.
    EndLog {
        /// How many bytes of log pass first.
        #[serde(default)]
        after: Amount,
    },
    /// The API server goes away and comes back.
    RestartApi {
        /// How many bytes from the client pass first.
        #[serde(default)]
        after: Amount,
        /// How long it is away.
        #[serde(default)]
        millis: u64,
        /// How long streams go on before that, while nothing new is taken: 60,000 when a real one is asked to end, none when it is
        /// killed.
        #[serde(default)]
        grace_millis: u64,
    },
}

impl Fault {
    /// Says whether the fault has a meaning for that traffic.
    fn fits(&self, target: Target) -> Result<(), String> {
        let fits = match self {
            Self::EndStdin { .. }
            | Self::LoseEndOfInput { .. }
            | Self::LoseStdoutTail { .. }
            | Self::LoseStatus {}
            | Self::Kill { .. }
            | Self::OutOfMemory { .. } => target == Target::Exec,
            Self::RefuseV5 {} => target == Target::Exec,
            Self::NeverEnd {} | Self::Drip {} => target != Target::Request,
            Self::FillVolume { .. } | Self::ReadOnlyVolume { .. } | Self::DeletePod { .. } => {
                matches!(target, Target::Exec | Target::PortForward)
            }
            Self::EndLog { .. } => target == Target::Log,
            Self::LoseAnswer {} => target == Target::Request,
            Self::Cut { .. }
            | Self::Stall { .. }
            | Self::Delay { .. }
            | Self::Answer { .. }
            | Self::RestartApi { .. } => true,
        };
        if fits {
            Ok(())
        } else {
            Err(format!("this fault means nothing on {target:?}"))
        }
    }

    /// How long a request stands still before it is served: a stall is a delay there, and may be for ever.
    pub(crate) fn request_delay(&self) -> Option<Duration> {
        match self {
            Self::Stall { millis, .. } => Some(millis.map_or(FOR_EVER, Duration::from_millis)),
            other => other.delay(),
        }
    }

    /// The wait of [`Fault::Delay`].
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self {
            Self::Delay { millis } => Some(Duration::from_millis(*millis)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_yaml() {
        let script = Script::parse(
            "seed: 7
rules:
  - name: cut
    on: exec
    match: {namespace: tracebloc, command: sha256sum}
    skip: 1
    times: 0
    fault: {cut: {direction: in, after: {from: 1, to: 9}}}
  - name: full
    on: exec
    fault: {fill_volume: {after: 4096}}
  - name: nameless
    on: request
    percent: 50
    fault: {answer: {code: 403, empty: true}}
",
        )
        .unwrap();
        assert_eq!(script.seed, 7);
        assert_eq!(
            script.rules[0].fault,
            Fault::Cut {
                direction: Direction::In,
                after: Amount::Between { from: 1, to: 9 }
            }
        );
        assert_eq!((script.rules[0].skip, script.rules[0].times), (1, 0));
        assert_eq!(script.rules[1].times, 1);
        assert_eq!(script.rules[2].percent, 50);
    }

    #[test]
    fn a_script_is_json_too() {
        let script =
            Script::parse(r#"{"rules":[{"name":"v4","on":"exec","fault":{"refuse_v5":{}}}]}"#)
                .unwrap();
        assert_eq!(script.rules[0].fault, Fault::RefuseV5 {});
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for text in [
            "rules: [{name: x, on: exec, fault: {explode: {}}}]",
            "rules: [{name: x, on: nowhere, fault: {drip: {}}}]",
            "rules: [{name: x, on: exec, fault: {drip: {}}, colour: red}]",
            "rules: [{name: x, on: log, fault: {lose_status: {}}}]",
        ] {
            assert!(Script::parse(text).is_err(), "{text}");
        }
    }
}
