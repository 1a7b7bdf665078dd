//! Texts that are one record of tab-separated fields.

use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::size::amount;
use crate::task::Record;

/// Checks a text's structure. A blank text passes; that it is blank is another rule's business.
pub(crate) fn check(content: &[u8], format: Record, shown: &str, findings: &mut Findings) {
    let text = crate::cell::text(content);
    let line = text.trim_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return;
    }
    let mut add = |rule, message: String| findings.add(rule, Place::file(shown), message);
    if line.contains(['\r', '\n']) {
        add(
            Rule::RecordLines,
            format!("{shown} has several lines; a file holds one record."),
        );
        return;
    }
    let fields: Vec<_> = line.split('\t').collect();
    let (least, most) = (format.min_fields, format.fields.len());
    if !(least..=most).contains(&fields.len()) {
        let expected = match least == most {
            true => format!("exactly {least}"),
            false => format!("{least} to {most}"),
        };
        add(
            Rule::RecordFields,
            format!(
                "{shown} has {} instead of {expected}: {}.",
                amount(fields.len() as u64, "field"),
                format.fields.join("<TAB>")
            ),
        );
        return;
    }
    for (position, field) in (1..).zip(&fields) {
        if field.trim().is_empty() {
            add(
                Rule::RecordBlank,
                format!("Field {position} of {shown} is blank."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    fn check_task(task: Task, content: &str, expected: &[&str]) {
        let mut findings = Findings::new(Some(task), None);
        let format = task.contract().record.unwrap();
        check(content.as_bytes(), format, "texts/a.txt", &mut findings);
        let ids: Vec<_> = findings
            .kept()
            .iter()
            .map(|finding| finding.rule.id())
            .collect();
        assert_eq!(ids, expected, "{content:?}");
    }

    #[test]
    fn pairs_have_exactly_two_fields() {
        let task = Task::SentencePairClassification;
        check_task(task, "a\tb\r\n", &[]);
        check_task(task, "\n\na\tb\n\n", &[]);
        check_task(task, "  \n", &[]);
        check_task(task, "a b", &["record.fields"]);
        check_task(task, "a\tb\tc", &["record.fields"]);
        check_task(task, "a\tb\nc\td", &["record.lines"]);
        check_task(task, "a\t ", &["record.blank"]);
        check_task(task, "\t ", &[]);
    }

    #[test]
    fn triplets_are_fine_for_embeddings() {
        let task = Task::Embeddings;
        check_task(task, "a\tb", &[]);
        check_task(task, "a\tb\tc", &[]);
        check_task(task, "a", &["record.fields"]);
        check_task(task, "a\tb\tc\td", &["record.fields"]);
    }
}
