//! The local sandbox's errors.

use std::path::Path;

use sandbox::StartError;
use sandbox::local::LocalError;

use super::remedy;
use crate::exit::Exit;
use crate::failure::Failure;

/// Turns an error of the local sandbox into what the user sees.
pub(crate) fn sandbox(error: &LocalError, folder: &Path) -> Failure {
    let at = folder.display().to_string();
    let failure = |exit, id| Failure::new(exit, id, error.to_string()).at("path", at.clone());
    match error {
        LocalError::Running(state) => failure(Exit::DestinationExists, "sandbox.running")
            .at("server", state.server.clone())
            .remedy("Use it, or end it with \"longshore sandbox down\"."),
        LocalError::NotRunning => failure(Exit::LocalData, "sandbox.not-running")
            .remedy("Start one with \"longshore sandbox up\"."),
        LocalError::OtherVersion(_) => failure(Exit::LocalData, "sandbox.other-version")
            .remedy("End it with the version of longshore that started it, or remove the folder."),
        LocalError::NotOurs(_) => failure(Exit::LocalData, "sandbox.not-ours")
            .remedy("Move the folder away if nobody needs it."),
        LocalError::PortTaken(_) => failure(Exit::LocalIo, "sandbox.port-taken")
            .remedy("Name another --port, or leave it out for a free one.")
            .retryable(),
        LocalError::DiskFull(_) => failure(Exit::LocalIo, "sandbox.disk-full")
            .remedy(remedy::FREE_SPACE)
            .retryable(),
        LocalError::Tool(_) => failure(Exit::LocalData, "sandbox.tool-missing")
            .remedy("Install it, or choose other --tools."),
        LocalError::NoNamespaces => failure(Exit::LocalData, "sandbox.no-namespaces")
            .remedy("Leave out --volume-size, or let users make user and mount namespaces."),
        LocalError::Faults(_) => failure(Exit::Usage, "sandbox.faults-invalid")
            .remedy("docs/sandbox.md lists the faults and what fits them."),
        LocalError::EndedEarly(_) => {
            failure(Exit::Internal, "sandbox.ended-early").remedy(remedy::REPORT)
        }
        LocalError::TooSlow(..) => failure(Exit::LocalIo, "sandbox.too-slow")
            .remedy("Try again when the machine is less busy.")
            .retryable(),
        LocalError::Start(StartError::NotLoopback(_)) => {
            failure(Exit::Usage, "sandbox.not-loopback").remedy("Listen on 127.0.0.1.")
        }
        LocalError::Start(StartError::Listen { source, .. }) => {
            failure(Exit::LocalIo, "sandbox.listen")
                .because(source)
                .remedy("Name another --port.")
        }
        LocalError::Start(StartError::DataDir { source, .. }) => {
            failure(Exit::LocalIo, "sandbox.data")
                .because(source)
                .remedy("Make the folder writable.")
        }
        LocalError::Start(StartError::Certificates(_)) | LocalError::Release(_) => {
            failure(Exit::Internal, "sandbox.start").remedy(remedy::REPORT)
        }
        LocalError::Io { source, .. } => failure(Exit::LocalIo, "sandbox.io")
            .because(source)
            .remedy("Make the folder writable, or set XDG_DATA_HOME."),
    }
}
