//! Limits of time as options, made from the one table of them.

use std::marker::PhantomData;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};
use cluster::limits::{Limit, Limits, TABLE};

/// The limits that a command has options for.
pub(crate) trait Set: std::fmt::Debug + Clone {
    /// Their names in the table; `None` for all of them.
    const NAMES: Option<&'static [&'static str]>;

    /// Their rows of the table.
    fn rows() -> impl Iterator<Item = &'static Limit> {
        TABLE
            .iter()
            .filter(|row| Self::NAMES.is_none_or(|names| names.contains(&row.name)))
    }
}

/// Those of asking the API server.
#[derive(Clone, Debug)]
pub(crate) struct Asking;

impl Set for Asking {
    const NAMES: Option<&'static [&'static str]> =
        Some(&["connect-timeout", "credential-timeout", "request-timeout"]);
}

/// Those of a stage pod too.
#[derive(Clone, Debug)]
pub(crate) struct Staging;

impl Set for Staging {
    const NAMES: Option<&'static [&'static str]> = Some(&[
        "connect-timeout",
        "credential-timeout",
        "request-timeout",
        "pod-create-timeout",
        "pod-timeout",
        "stall-timeout",
        "cleanup-timeout",
    ]);
}

/// Those of watching a run.
#[derive(Clone, Debug)]
pub(crate) struct Watching;

impl Set for Watching {
    const NAMES: Option<&'static [&'static str]> = Some(&[
        "connect-timeout",
        "credential-timeout",
        "request-timeout",
        "journal-timeout",
        "job-start-timeout",
        "watch-timeout",
        "log-tail-timeout",
        "api-timeout",
        "job-status-timeout",
    ]);
}

/// All of them: a push meets every one.
#[derive(Clone, Debug)]
pub(crate) struct Pushing;

impl Set for Pushing {
    const NAMES: Option<&'static [&'static str]> = None;
}

/// The limits as they were asked for, the others as they are.
#[derive(Clone, Debug)]
pub(crate) struct LimitArgs<S> {
    /// All of them.
    pub(crate) limits: Limits,
    set: PhantomData<S>,
}

impl<S: Set> clap::Args for LimitArgs<S> {
    fn augment_args(command: Command) -> Command {
        command.args(S::rows().map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn option(row: &'static Limit) -> Arg {
    Arg::new(row.name)
        .long(row.name)
        .value_name("TIME")
        .value_parser(duration)
        .help(format!(
            "Limit of time for {} [default: {}s]",
            row.bounds,
            row.default.as_secs()
        ))
        .help_heading("Limits of time")
        .hide_short_help(true)
}

impl<S: Set> FromArgMatches for LimitArgs<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut limits = Limits::default();
        for row in S::rows() {
            if let Some(value) = matches.get_one::<Duration>(row.name) {
                limits.set(row.name, *value);
            }
        }
        Ok(Self {
            limits,
            set: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads `90`, `90s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("{unit:?} is not s, m or h")),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "it is not a whole number of seconds".to_owned())?;
    match number.checked_mul(factor) {
        None | Some(0) => Err("it has to be at least a second, and not for ever".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "0",
            "s",
            "1d",
            "-1",
            "1.5m",
            "99999999999999999999",
            "9999999999999999999h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_name_is_in_the_table() {
        for names in [Asking::NAMES, Staging::NAMES, Watching::NAMES] {
            for name in names.unwrap() {
                assert!(TABLE.iter().any(|row| row.name == *name), "{name}");
            }
        }
    }
}
