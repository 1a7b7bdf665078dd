//! Permissions and the token.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Report, Rule, checks, name};
use crate::Connection;
use crate::access::{self, Answer, Need, Permission};
use crate::api::Refusal;
use crate::release::Release;
use crate::time;
use crate::token::{self, Source, Token, TokenError};

/// A life this much shorter than was asked for is worth a word. Servers round, and clocks differ a little.
const SHORTER: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn check(connection: &Connection, report: &mut Report) {
    let before = report.findings.len();
    let namespace = report
        .release
        .as_ref()
        .map_or(&connection.target().namespace, |release| &release.namespace)
        .clone();
    let asked = access::needed(report.release.as_ref());
    let answers = access::review(connection, &namespace, asked).await;
    judge(&answers, &namespace, report);
    let granted = answers.iter().filter(|answer| is_granted(answer)).count();
    let said = format!(
        "{granted} of {} granted in namespace {namespace}",
        answers.len()
    );
    report.end(name::PERMISSIONS, before, said);
    report.permissions = answers;
}

fn is_granted(answer: &Answer) -> bool {
    matches!(answer.is_granted, Ok(true))
}

fn judge(answers: &[Answer], namespace: &str, report: &mut Report) {
    let has_token_way = answers
        .iter()
        .any(|answer| answer.permission.need == Need::Token && is_granted(answer));
    for answer in answers {
        let permission = &answer.permission;
        let place = place(permission);
        match (&answer.is_granted, permission.need) {
            (Ok(true), _) => {}
            (Err(error), _) => {
                // One that cannot be asked for is told once, not seventeen times.
                if !report
                    .findings
                    .iter()
                    .any(|it| it.rule == Rule::PermissionsUnknown)
                {
                    report.find(Rule::PermissionsUnknown, place, checks::words(error));
                }
            }
            (Ok(false), Need::Required) => missing(permission, namespace, report),
            (Ok(false), Need::Token) => {
                if !has_token_way && permission.resource == "serviceaccounts/token" {
                    missing(permission, namespace, report);
                }
            }
            (Ok(false), Need::Useful(without)) => {
                let remedy = format!(
                    "{} {}",
                    Rule::NoUsefulPermission.row().remedy,
                    rule_of(permission)
                );
                let message = format!("not granted: {without}");
                report.find_with(Rule::NoUsefulPermission, place, message, remedy);
            }
        }
    }
}

fn missing(permission: &Permission, namespace: &str, report: &mut Report) {
    let place = place(permission);
    let remedy = format!(
        "{} {}",
        Rule::NoPermission.row().remedy,
        rule_of(permission)
    );
    let message = format!("not granted in namespace {namespace}");
    report.find_with(Rule::NoPermission, place, message, remedy);
}

fn place(permission: &Permission) -> String {
    format!("{} {}", permission.verb, permission.resource)
}

/// The rule of a role that grants a permission, to be copied.
fn rule_of(permission: &Permission) -> String {
    format!(
        "{{apiGroups: [\"{}\"], resources: [{}], verbs: [{}]}}",
        permission.group, permission.resource, permission.verb
    )
}

pub(super) async fn token(
    connection: &Connection,
    release: &Release,
    lifetime: Duration,
    report: &mut Report,
) {
    let before = report.findings.len();
    let account = &release.account.name;
    let place = format!("serviceaccount/{account}");
    match token::obtain(connection, &release.namespace, account, lifetime).await {
        Ok(token) => {
            if token.source == Source::Secret {
                let message = "the token is taken from a Secret, because none may be made";
                report.find(Rule::StaticToken, place.clone(), message);
            }
            let wanted = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
            let left = left(connection, &token).await;
            if left.is_some_and(|left| left.saturating_add(SHORTER) < wanted) {
                let message = format!("the token holds less than {}s", lifetime.as_secs());
                report.find(Rule::ShortToken, place, message);
            }
            let said = format!("{account}, by {}", token.source.name());
            report.end(name::TOKEN, before, said);
            report.token = Some(token);
        }
        Err(error) => {
            let rule = match &error {
                TokenError::Neither { .. } => Rule::NoToken,
                TokenError::Api(error) => match &error.refusal {
                    refusal @ Refusal::Answer { .. } if !refusal.is_passing() => Rule::TokenInvalid,
                    other => checks::of_read(other, Rule::NoToken),
                },
            };
            let message = match &error {
                TokenError::Neither { .. } => error.to_string(),
                TokenError::Api(error) => checks::words(error),
            };
            report.find(rule, place, message);
            report.end(name::TOKEN, before, account.clone());
        }
    }
}

/// How long a token still holds, by the clock of the server that made it. `None` if it never ends, or that clock is not known.
async fn left(connection: &Connection, token: &Token) -> Option<SignedDuration> {
    let until = token.expires?;
    let now = time::of_server(connection).await.ok()??;
    Some(until.duration_since(now))
}
