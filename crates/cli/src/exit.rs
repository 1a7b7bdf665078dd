//! Exit codes. They are interface: one number, one meaning, in every command.

/// What the process says with its exit status.
///
/// A number is never given a second meaning; finer meaning is the error's id. The table is published in
/// `docs/exit-codes.md`, and a test holds the two together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// A defect of this program.
    Internal = 1,
    /// The command line, or a specification given to it, is not valid.
    Usage = 2,
    /// Local data, or the kubeconfig, cannot be used.
    LocalData = 3,
    /// The release or its volume was not found.
    NotFound = 4,
    /// The cluster does not let this user do it.
    NotAuthorised = 5,
    /// The dataset is in the cluster already.
    AlreadyThere = 6,
    /// Staging the data failed.
    StagingFailed = 7,
    /// The submission was rejected.
    SubmissionRejected = 8,
    /// The run failed, or its outcome is not known.
    RunFailed = 9,
    /// The snapshot is damaged or not supported.
    SnapshotDamaged = 10,
    /// The dump is invalid or did not verify.
    DumpInvalid = 11,
    /// Local input or output failed, a full disk included.
    LocalIo = 12,
    /// The destination exists.
    DestinationExists = 13,
    /// Finished, with parts left out.
    PartsLeftOut = 14,
    /// The cluster cannot be reached.
    ClusterUnreachable = 15,
    /// Another run holds the table.
    TableHeld = 16,
    /// Stopped by an interrupt (Ctrl-C).
    Interrupted = 130,
    /// Stopped by a request to terminate, or because the terminal went away.
    Terminated = 143,
}

impl Exit {
    /// Every code with its meaning, as the published table lists them.
    pub(crate) const ALL: [(Exit, &'static str); 19] = [
        (Exit::Done, "done"),
        (Exit::Internal, "internal error, a defect of this program"),
        (Exit::Usage, "usage, or an invalid specification"),
        (Exit::LocalData, "local data or kubeconfig"),
        (Exit::NotFound, "release or volume not found"),
        (Exit::NotAuthorised, "not authorised"),
        (Exit::AlreadyThere, "dataset already in the cluster"),
        (Exit::StagingFailed, "staging failed"),
        (Exit::SubmissionRejected, "submission rejected"),
        (Exit::RunFailed, "run failed, or its outcome is unknown"),
        (Exit::SnapshotDamaged, "snapshot damaged or unsupported"),
        (Exit::DumpInvalid, "dump invalid, or verification failed"),
        (Exit::LocalIo, "local input or output, disk full included"),
        (Exit::DestinationExists, "destination exists"),
        (Exit::PartsLeftOut, "finished with parts left out"),
        (Exit::ClusterUnreachable, "cluster unreachable"),
        (Exit::TableHeld, "another run holds the table"),
        (Exit::Interrupted, "interrupted (SIGINT)"),
        (Exit::Terminated, "terminated (SIGTERM, SIGHUP)"),
    ];

    /// The number the process ends with.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_frozen() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.number()).collect();
        assert_eq!(
            numbers,
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 130, 143
            ]
        );
    }

    /// The published table has one row for each code, in order, with the same words.
    #[test]
    fn documentation_lists_the_same_codes() {
        let table = include_str!("../../../docs/exit-codes.md");
        let rows: Vec<(u8, &str)> = table
            .lines()
            .filter_map(|line| {
                let mut cells = line.trim_start_matches('|').split('|').map(str::trim);
                Some((cells.next()?.parse().ok()?, cells.next()?))
            })
            .collect();
        let expected: Vec<(u8, &str)> = Exit::ALL
            .iter()
            .map(|(exit, words)| (exit.number(), *words))
            .collect();
        assert_eq!(rows, expected);
    }
}
