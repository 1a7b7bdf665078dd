//! Findings: all of them as JSON lines, or a few of each rule in words.

use dataset::Report;
use dataset::finding::Finding;
use dataset::rule::{Remedied, Rule, Severity};

use crate::output::{Event, Level, Output, Style, printable};

/// Findings of a rule that people see.
const SHOWN_PER_RULE: usize = 5;

/// Shows what was found, in the order of the rules.
pub(super) fn tell(report: &mut Report, output: &Output) -> Result<(), dataset::Stopped> {
    if output.is_json() {
        report
            .findings
            .for_each(|finding| output.event(&event(finding)))?;
    } else {
        output.message(&in_words(report, output.screen_style()));
    }
    Ok(())
}

fn event(finding: &Finding) -> Event {
    let level = match finding.severity {
        Severity::Note => Level::Note,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Finding,
    };
    let mut event = Event::new(level, finding.rule.id()).with("severity", finding.severity.name());
    if let Some(file) = &finding.place.file {
        event = event.with("path", &**file);
    }
    for (name, number) in [("line", finding.place.line), ("row", finding.place.row)] {
        if let Some(number) = number {
            event = event.with(name, number);
        }
    }
    if let Some(column) = &finding.place.column {
        event = event.with("column", &**column);
    }
    let mended = match finding.rule.row().remedied {
        Remedied::InData => "data",
        Remedied::ByFlag => "flag",
    };
    event
        .with("message", finding.message.as_str())
        .with("remedy", finding.remedy.as_str())
        .with("mended_in", mended)
        .with("count", finding.count)
}

fn in_words(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let mut kept = report.findings.kept();
    for (rule, count) in report.findings.counts() {
        let end = kept.partition_point(|finding| finding.rule <= rule);
        let (of_rule, rest) = kept.split_at(end);
        kept = rest;
        let more = count.found.saturating_sub(SHOWN_PER_RULE as u64);
        group(
            rule,
            of_rule.get(..SHOWN_PER_RULE).unwrap_or(of_rule),
            more,
            style,
            &mut text,
        );
    }
    text
}

/// Writes a rule's findings. What they all advise is said once, below the last of them.
fn group(rule: Rule, findings: &[Finding], more: u64, style: Style, text: &mut String) {
    let one_remedy = findings.windows(2).all(|pair| match pair {
        [one, other] => one.remedy == other.remedy,
        _ => true,
    });
    let id = style.note(&format!("[{}]", rule.id()));
    for (index, finding) in findings.iter().enumerate() {
        let label = match finding.severity {
            Severity::Error => style.error("error:"),
            Severity::Warning => style.warning("warning:"),
            Severity::Note => style.note("note:"),
        };
        let place = finding.place.to_string();
        let place = match place.is_empty() {
            true => String::new(),
            false => format!("{}: ", printable(&place)),
        };
        let message = printable(&finding.message);
        text.push_str(&format!("{label} {place}{message} {id}\n"));
        let is_last = index + 1 == findings.len();
        if is_last && more > 0 {
            text.push_str(&format!("  … and {more} more of this kind\n"));
        }
        if finding.severity != Severity::Note && (is_last || !one_remedy) {
            let remedy = printable(&finding.remedy);
            text.push_str(&format!("  {} {remedy}\n", style.note("remedy:")));
        }
    }
}
