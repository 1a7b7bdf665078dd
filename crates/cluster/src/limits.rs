//! Every time limit of the cluster side, in one table.

use std::time::Duration;

/// A limit: its name on the command line, what it bounds, its default.
///
/// A message that a limit causes tells its value and its [name](Limit::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name of the flag without its dashes.
    pub name: &'static str,
    /// What it bounds, as half a sentence.
    pub bounds: &'static str,
    /// The value that holds unless another one is asked for.
    pub default: Duration,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident, $name:literal, $bounds:literal, $seconds:literal;)*) => {
        /// The limits of one run.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $field: Duration,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: Duration::from_secs($seconds),)* }
            }
        }

        impl Limits {
            /// Sets the limit of that name; `false` if there is none.
            pub fn set(&mut self, name: &str, value: Duration) -> bool {
                match name {
                    $($name => self.$field = value,)*
                    _ => return false,
                }
                true
            }
        }

        /// All limits.
        pub const TABLE: &[Limit] = &[
            $(Limit { name: $name, bounds: $bounds, default: Duration::from_secs($seconds) },)*
        ];
    };
}

limits! {
    /// Connecting to the API server, or to the proxy before it.
    connect, "connect-timeout", "connecting to the API server", 10;
    /// One run of the credential plugin.
    credential, "credential-timeout", "the credential plugin", 60;
    /// One request to the API server.
    request, "request-timeout", "one request to the API server", 30;
    /// Creation of the stage pod, answers that got lost included.
    pod_create, "pod-create-timeout", "the creation of the stage pod", 30;
    /// From the creation of the stage pod until it is ready.
    pod_ready, "pod-timeout", "the start of the stage pod", 60;
    /// Nothing heard from the stage pod while something is due.
    stall, "stall-timeout", "silence of the stage pod", 60;
    /// The close of an exec connection after its status.
    exec_end, "exec-end-timeout", "the close of an exec connection after its status", 2;
    /// All attempts to go on with a broken transfer, since the last progress.
    retry, "retry-budget", "attempts to go on with a broken transfer", 300;
    /// Removal of what a run made, also after an interrupt.
    clean_up, "cleanup-timeout", "cleaning up", 30;
    /// One submission, answer included.
    submit, "submit-timeout", "one submission", 30;
    /// Another run's hold on the local journal.
    journal, "journal-timeout", "another run's hold on the local journal", 5;
    /// From the submission until the Job has a pod that does something.
    job_start, "job-start-timeout", "the start of the Job", 300;
    /// Watching the Job.
    watch, "watch-timeout", "watching the Job", 3600;
    /// The rest of the log of a pod that has ended.
    log_tail, "log-tail-timeout", "silence of the log of a pod that has ended", 5;
    /// An API server that does not answer while a Job is watched.
    api_away, "api-timeout", "an absence of the API server while a Job is watched", 120;
    /// The Job's condition after its log has ended.
    job_status, "job-status-timeout", "the Job's last condition", 30;
}

/// Tells a limit as the messages that it causes do.
#[must_use]
pub fn told(name: &str, value: Duration) -> String {
    format!("{} s (--{name})", value.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        for limit in TABLE {
            let mut limits = Limits::default();
            assert!(limits.set(limit.name, Duration::from_millis(1)));
            assert_ne!(limits, Limits::default(), "{}", limit.name);
        }
        assert!(!Limits::default().set("no-such-limit", Duration::ZERO));
    }
}
