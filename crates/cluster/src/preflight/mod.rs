//! Everything that can be known before a byte is sent, told together.
//!
//! [`run`] goes from the server to the pod and goes on after a failure wherever the next check makes sense without it. It
//! changes nothing in the cluster; the stage pod is only tried for admission, which the server does without making it. What can
//! only be seen from inside of the pod is listed as [not checked](ON_THE_VOLUME).

mod checks;
mod finding;
mod pod;
mod rights;
mod rule;
mod server;
mod site;

use std::time::Duration;

pub use checks::of_stage;
pub(crate) use checks::{of_far, of_start};
pub use finding::{Check, Finding, Outcome};
pub use rule::{Class, Course, Rule, Severity, TABLE};

use crate::Connection;
use crate::access::Answer;
use crate::release::Release;
use crate::stage;
use crate::token::Token;
use crate::volume::Volume;

/// What only a pod with the volume mounted can see.
pub const ON_THE_VOLUME: [&str; 4] = [
    "free space and inodes of the volume",
    "whether the stage pod's user may write to the volume",
    "whether the table holds data already",
    "what dead runs have left on the volume",
];

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct Request {
    /// The ingestor's account, instead of the one that the release names.
    pub account: Option<String>,
    /// The stage pod that will be wanted.
    pub stage: stage::Request,
    /// How long the token is to hold.
    pub token_lifetime: Duration,
}

/// What was found out.
#[derive(Debug, Default)]
pub struct Report {
    /// What was checked, in order.
    pub checks: Vec<Check>,
    /// All that is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// Version of the server.
    pub server_version: Option<String>,
    /// The release.
    pub release: Option<Release>,
    /// The volume.
    pub volume: Option<Volume>,
    /// The permissions.
    pub permissions: Vec<Answer>,
    /// The ingestor's token.
    pub token: Option<Token>,
    /// The stage pod as it would be.
    pub plan: Option<stage::Plan>,
}

impl Report {
    /// Says what stands in the way: the class of the first error, if there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Class> {
        let errors = self.findings.iter();
        let mut errors = errors.filter(|finding| finding.severity() == Severity::Error);
        errors.next().map(|finding| finding.rule.row().class)
    }

    /// Says whether what stands in the way may go away by itself: all of it, or the same command fails again.
    #[must_use]
    pub fn course(&self) -> Course {
        let errors = self.findings.iter();
        let mut errors = errors.filter(|finding| finding.severity() == Severity::Error);
        match errors.all(|finding| finding.rule.row().course == Course::Passing) {
            true => Course::Passing,
            false => Course::Lasting,
        }
    }

    /// Counts the findings of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let all = self.findings.iter();
        all.filter(|finding| finding.severity() == severity).count()
    }
}

/// Checks everything.
pub async fn run(connection: &Connection, request: &Request) -> Report {
    let mut report = Report::default();
    if server::check(connection, &mut report).await.is_none() {
        report.skip(&AFTER_SERVER, "the API server did not answer");
        return report;
    }
    site::check(connection, request, &mut report).await;
    rights::check(connection, &mut report).await;
    match report.release.clone() {
        Some(release) => {
            rights::token(connection, &release, request.token_lifetime, &mut report).await;
            pod::check(connection, &release, request, &mut report).await;
        }
        None => report.skip(&AFTER_RELEASE, "there is no release"),
    }
    report
}

/// Names of the checks, in the words of the result.
mod name {
    pub(super) const CONFIGURATION: &str = "kubeconfig";
    pub(super) const SERVER: &str = "api-server";
    pub(super) const RELEASE: &str = "release";
    pub(super) const SERVICE: &str = "service";
    pub(super) const VOLUME: &str = "volume";
    pub(super) const PERMISSIONS: &str = "permissions";
    pub(super) const TOKEN: &str = "token";
    pub(super) const ARCHITECTURE: &str = "architecture";
    pub(super) const ADMISSION: &str = "stage-pod";
    pub(super) const ORPHANS: &str = "orphans";
}

const AFTER_SERVER: [&str; 8] = [
    name::RELEASE,
    name::SERVICE,
    name::VOLUME,
    name::PERMISSIONS,
    name::TOKEN,
    name::ARCHITECTURE,
    name::ADMISSION,
    name::ORPHANS,
];

const AFTER_RELEASE: [&str; 4] = [
    name::TOKEN,
    name::ARCHITECTURE,
    name::ADMISSION,
    name::ORPHANS,
];
