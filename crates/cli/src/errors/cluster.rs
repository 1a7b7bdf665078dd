//! Errors of the cluster side.

use ::cluster::api::{ApiError, Refusal};
use ::cluster::clean::CleanError;
use ::cluster::preflight::{Class, Course, Rule};
use ::cluster::release::ReleaseError;
use ::cluster::stage::NoRandomness;
use ::cluster::target::{PluginError, TargetError};
use ::cluster::token::TokenError;
use ::cluster::volume::VolumeError;

use super::push::{stage, transfer};
use super::remedy;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::signals::Signals;

/// Says with which code a kind of trouble ends the program.
fn class(class: Class) -> Exit {
    match class {
        Class::Configuration => Exit::LocalData,
        Class::Unreachable => Exit::ClusterUnreachable,
        Class::NotFound => Exit::NotFound,
        Class::NotAuthorised => Exit::NotAuthorised,
        Class::Staging => Exit::StagingFailed,
        Class::Submission => Exit::SubmissionRejected,
    }
}

/// Says what is wrong with local configuration. Nothing of it is the cluster's fault.
pub(crate) fn target(error: &TargetError) -> Failure {
    let at = |id| Failure::new(Exit::LocalData, id, error.to_string());
    match error {
        TargetError::NoKubeconfig { looked } => {
            let looked: Vec<String> = looked
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let failure = at("kubeconfig.none").remedy("Name one with --kubeconfig or KUBECONFIG.");
            match looked.is_empty() {
                true => failure,
                false => failure.at("path", looked.join(", ")),
            }
        }
        TargetError::Unreadable { path, source } => at("kubeconfig.unreadable")
            .at("path", path.display().to_string())
            .because(source)
            .remedy("Name a file that is there and can be read."),
        TargetError::Malformed { path, line, .. } => {
            let failure = at("kubeconfig.malformed")
                .at("path", path.display().to_string())
                .remedy("Fetch the kubeconfig again, or mend the line.");
            match line {
                Some(line) => failure.at("line", *line),
                None => failure,
            }
        }
        TargetError::Merge(_) => {
            at("kubeconfig.merge").remedy("Name one of them with --kubeconfig.")
        }
        TargetError::NoContext { known } => {
            at("kubeconfig.no-context").remedy(choose("Choose one with --context", known))
        }
        TargetError::UnknownContext { known, .. } => at("kubeconfig.unknown-context")
            .at("argument", "--context")
            .remedy(choose("Choose one with --context", known)),
        TargetError::UnknownCluster { .. } => {
            at("kubeconfig.unknown-cluster").remedy("Add the cluster, or choose another --context.")
        }
        TargetError::UnknownUser { .. } => {
            at("kubeconfig.unknown-user").remedy("Add the user, or choose another --context.")
        }
        TargetError::BadServer { .. } => {
            at("kubeconfig.server").remedy("Write the server as https://HOST:PORT.")
        }
        TargetError::BadProxy { .. } => {
            at("kubeconfig.proxy").remedy("See proxy-url in the kubeconfig, and HTTPS_PROXY.")
        }
        TargetError::Authority(_) => at("kubeconfig.authority")
            .remedy("See certificate-authority in the kubeconfig, or fetch it again."),
        TargetError::Identity(_) => {
            at("kubeconfig.identity").remedy("Log in again, or fetch the kubeconfig again.")
        }
        TargetError::Provider(_) => at("kubeconfig.auth-provider")
            .remedy("Use a credential plugin (exec) instead, as Kubernetes has since 1.26."),
        TargetError::BadNamespace(_) => {
            Failure::new(Exit::Usage, "usage.namespace", error.to_string())
                .at("argument", "--namespace")
                .remedy("Use lower-case letters, digits and hyphens.")
        }
        TargetError::Plugin(error) => plugin(error),
    }
}

fn choose(what: &str, known: &[String]) -> String {
    match known.is_empty() {
        true => "Name another kubeconfig with --kubeconfig; this one has no contexts.".to_owned(),
        false => format!("{what}: {}.", known.join(", ")),
    }
}

fn plugin(error: &PluginError) -> Failure {
    let at = |id| Failure::new(Exit::LocalData, id, error.to_string());
    match error {
        PluginError::NoCommand => at("credential.no-command").remedy("Mend the user's exec entry in the kubeconfig."),
        PluginError::NotStarted { hint, source, .. } => {
            let remedy = hint.as_deref().unwrap_or("Install it, or use another way to log in.");
            at("credential.not-started").because(source).remedy(remedy.trim())
        }
        PluginError::NeedsTerminal { .. } => at("credential.needs-terminal")
            .remedy("Run the command at a terminal, or log in another way."),
        PluginError::TooSlow { .. } => at("credential.timeout")
            .remedy("It may wait for a browser: log in first with its own tool, or give it longer with --credential-timeout.")
            .retryable(),
        PluginError::Failed { said, .. } => {
            let mut failure = at("credential.failed").remedy("Log in again with the plugin's own tool.");
            if !said.is_empty() {
                failure.causes.push(said.clone());
            }
            failure.retryable()
        }
        PluginError::NoCredential { .. } => at("credential.invalid")
            .remedy("Run the plugin by hand and see what it prints; it may be of the wrong version."),
    }
}

/// Says what a refused request means, wherever no more is known than the request.
pub(crate) fn api(error: &ApiError) -> Failure {
    let by = |rule| by_rule(rule, error);
    match &error.refusal {
        Refusal::Credential(error) => target(error),
        Refusal::Unreachable(_) => by(Rule::Unreachable),
        Refusal::Proxy(_) => by(Rule::Proxy),
        Refusal::Certificate(_) => by(Rule::Certificate),
        Refusal::TimedOut(_) => by(Rule::TooSlow),
        Refusal::NotKubernetes(_) => by(Rule::NotKubernetes),
        Refusal::Unauthorized(_) => by(Rule::Unauthorized),
        Refusal::Forbidden(_) => by(Rule::NoPermission).remedy(
            "Have the permission granted; `longshore cluster doctor` lists all that are needed.",
        ),
        Refusal::NotFound(_) => {
            Failure::new(Exit::NotFound, "cluster.not-found", error.to_string())
                .because(&error.refusal)
                .remedy("See `longshore cluster doctor`.")
        }
        Refusal::Exists(_) | Refusal::Answer { .. } => {
            by(Rule::Refused).remedy("The reason is the server's; its administrator may know more.")
        }
    }
}

/// Says why there is no release.
pub(crate) fn release(error: &ReleaseError) -> Failure {
    let at = |id| Failure::new(Exit::NotFound, id, error.to_string());
    match error {
        ReleaseError::Api(error) => api(error),
        ReleaseError::None {
            namespace,
            looked_everywhere,
        } => {
            let failure = at("release.none").at("namespace", namespace.clone());
            failure.remedy(match looked_everywhere {
                true => "No namespace has one: install it. `longshore cluster doctor` checks more.",
                false => "Name the namespace of the release with --namespace, or install it there. `longshore cluster doctor` checks more.",
            })
        }
        ReleaseError::Several { namespace, .. } => at("release.several")
            .at("namespace", namespace.clone())
            .remedy("Remove all but one; which of them is meant is not guessed."),
        ReleaseError::Elsewhere { namespace, .. } => at("release.elsewhere")
            .at("namespace", namespace.clone())
            .remedy("Choose one of them with --namespace."),
    }
}

/// Says why there is no token.
pub(crate) fn token(error: &TokenError) -> Failure {
    match error {
        TokenError::Api(error) => match &error.refusal {
            refusal @ Refusal::Answer { .. } if !refusal.is_passing() => {
                by_rule(Rule::TokenInvalid, error)
            }
            _ => api(error),
        },
        TokenError::Neither { .. } => Failure::new(Exit::NotAuthorised, "token.none", error.to_string())
            .remedy("Have create on serviceaccounts/token granted, or a Secret with a long-lived token of the account made."),
    }
}

/// Says why the volume was not cleaned.
pub(crate) fn clean(error: &CleanError, signals: &Signals) -> Failure {
    match error {
        CleanError::Volume(VolumeError::Api(error)) => api(error),
        CleanError::Volume(error @ VolumeError::NoClaim { .. }) => by_rule(Rule::NoClaim, error),
        CleanError::Stage(error) => stage(error, signals),
        CleanError::Target(error) => target(error),
        CleanError::Far(error) => transfer(error),
    }
}

/// Says it with id, code, course and remedy of the finding that it would be.
pub(super) fn by_rule(rule: Rule, error: &(dyn std::error::Error + 'static)) -> Failure {
    let row = rule.row();
    let failure = of_rule(rule, error.to_string(), row.course).remedy(row.remedy);
    match error.source() {
        Some(source) => failure.because(source),
        None => failure,
    }
}

/// Says it with id and code of a finding.
pub(crate) fn of_rule(rule: Rule, message: String, course: Course) -> Failure {
    let row = rule.row();
    let failure = Failure::new(class(row.class), row.id, message);
    match course {
        Course::Passing => failure.retryable(),
        Course::Lasting => failure,
    }
}

/// The system gives no threads or timers.
pub(crate) fn runtime(error: &std::io::Error) -> Failure {
    super::thread(error)
}

/// The system gives no random numbers.
pub(crate) fn randomness(error: &NoRandomness) -> Failure {
    Failure::new(Exit::Internal, "internal.randomness", error.to_string()).remedy(remedy::REPORT)
}
