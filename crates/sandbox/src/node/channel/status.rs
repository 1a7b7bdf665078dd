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

    /// Makes the message of channel 3.
    #[must_use]
    pub fn status(self, command: &[String]) -> Value {
        if self.code == 0 {
            return json!({"metadata": {}, "status": "Success"});
        }
        let code = self.code;
        let command = command.join(" ");
        json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: error executing command [{command}], exit code {code}"),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        })
    }
}

/// Makes the message for a command that could not be started: no exit code in it.
#[must_use]
pub fn command_not_found(message: &str) -> Value {
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("Internal error occurred: {message}"),
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    })
}
