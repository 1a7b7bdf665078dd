//! What the checks before a push found.

use cluster::preflight::{Finding, Report, Severity};

use crate::errors;
use crate::failure::Failure;
use crate::output::{Event, Level, Output, Style, printable, printable_lines};

/// The verdict as an error: that of the first finding which stands in the way.
pub(crate) fn failure(report: &Report) -> Option<Failure> {
    let mut findings = report.findings.iter();
    let first = findings.find(|finding| finding.severity() == Severity::Error)?;
    let count = report.count(Severity::Error);
    let message = match count {
        1 => "a check failed".to_owned(),
        count => format!("{count} checks failed"),
    };
    let failure = errors::of_rule(first.rule, message, report.course());
    Some(failure.remedy("Each finding above names its remedy; docs/cluster.md explains them."))
}

/// Shows the findings, the worst last, where the eye is.
pub(crate) fn tell(report: &Report, output: &Output) {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity());
    for finding in findings {
        match output.is_json() {
            true => output.event(&event(finding)),
            false => output.message(&in_words(finding, output.screen_style())),
        }
    }
}

fn event(finding: &Finding) -> Event {
    let level = match finding.severity() {
        Severity::Note => Level::Note,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Finding,
    };
    Event::new(level, finding.rule.row().id)
        .with("severity", finding.severity().name())
        .with("place", finding.place.as_str())
        .with("message", finding.message.as_str())
        .with("remedy", finding.remedy.as_str())
}

fn in_words(finding: &Finding, style: Style) -> String {
    let label = match finding.severity() {
        Severity::Error => style.error("error:"),
        Severity::Warning => style.warning("warning:"),
        Severity::Note => style.note("note:"),
    };
    let id = style.note(&format!("[{}]", finding.rule.row().id));
    let mut text = format!(
        "{label} {}: {} {id}\n",
        printable(&finding.place),
        printable_lines(&finding.message, 2)
    );
    if finding.severity() != Severity::Note {
        let remedy = printable(&finding.remedy);
        text.push_str(&format!("  {} {remedy}\n", style.note("remedy:")));
    }
    text
}
