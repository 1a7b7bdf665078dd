//! What is said on channel 3 when a command has ended.

use serde_json::{Value, json};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; 128 and the signal's number for a process that a signal ended.
    pub code: i32,
}

impl Exit {
    /// Killed.
    pub const KILLED: Self = Self { code: 137 };

    /// Reads what the operating system says.
    #[must_use]
    pub fn of(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = || status.signal().map_or(255, |signal| 128 + signal);
        Self {
            code: status.code().unwrap_or_else(signal),
        }
    }

    /// Makes the message of channel 3, in the words of an API server up to 1.35, which speaks SPDY to the kubelet.
    #[must_use]
    pub fn status(self) -> Value {
        if self.code == 0 {
            return json!({"metadata": {}, "status": "Success"});
        }
        let code = self.code;
        json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        })
    }
}

/// Makes the message for a command that could not be started: no exit code in it.
#[must_use]
pub fn command_not_found(message: &str) -> Value {
    // Kubelet and API server both say that it is internal.
    let message = format!("Internal error occurred: {message}");
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("Internal error occurred: {message}"),
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    })
}
