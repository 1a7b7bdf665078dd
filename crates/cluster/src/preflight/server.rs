//! The way to the API server.

use kube::Client;

use super::{Report, Rule, checks, name};
use crate::Connection;
use crate::api::{Call, Refusal};
use crate::target::NamespaceSource;

/// Checks that a server answers. `None` when it does not.
pub(super) async fn check(connection: &Connection, report: &mut Report) -> Option<()> {
    configuration(connection, report);
    let before = report.findings.len();
    let server = connection.target().server.clone();
    let call = Call::of("get", "the server's version", "", "");
    let version = connection
        .ask(call, |client: Client| async move {
            client.apiserver_version().await
        })
        .await;
    match version {
        Ok(version) => {
            report.server_version = Some(version.git_version.clone());
            report.end(
                name::SERVER,
                before,
                format!("{server}, {}", version.git_version),
            );
        }
        // Nobody has to be allowed to see the version; the server is there all the same.
        Err(error) if matches!(error.refusal, Refusal::Forbidden(_) | Refusal::NotFound(_)) => {
            report.end(name::SERVER, before, server);
        }
        Err(error) => {
            let rule = checks::of_read(&error.refusal, Rule::Refused);
            report.find(rule, format!("server/{server}"), error.refusal.to_string());
            report.end(name::SERVER, before, server);
            return None;
        }
    }
    Some(())
}

fn configuration(connection: &Connection, report: &mut Report) {
    let before = report.findings.len();
    let target = connection.target();
    if !target.checks_certificate {
        let message = "the server's certificate is not checked (insecure-skip-tls-verify)";
        report.find(
            Rule::CertificateUnchecked,
            format!("server/{}", target.server),
            message,
        );
    }
    let context = match &target.context {
        Some(context) => format!("context {context}"),
        None => "the pod's own account".to_owned(),
    };
    let source = match target.namespace_source {
        NamespaceSource::Flag => " (chosen)",
        NamespaceSource::Context => "",
        NamespaceSource::Default => " (nobody chose it)",
    };
    let said = format!("{context}, namespace {}{source}", target.namespace);
    report.end(name::CONFIGURATION, before, said);
}
