//! Example folders of every task, good ones and ones that are bad in ways that only the task has.
//!
//! A case file holds cases: `=== name`, a line of flags, files as `--- path` with their lines, or `--- path kind [size]` for
//! generated ones, and `>>>` with the expected rule ids, warnings and errors alike. `!` marks one that must be an error.

mod support;

use std::collections::BTreeMap;

use dataset::rule::Severity;
use dataset::task::Task;
use dataset::{LIST_MEMORY_BYTES, Request, Silent, Verdict, check};

use support::{Folder, request};

struct Case<'a> {
    name: &'a str,
    flags: &'a str,
    files: Vec<(&'a str, String)>,
    expected: Vec<&'a str>,
}

fn parse(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case {
                name,
                flags: "",
                files: Vec::new(),
                expected: Vec::new(),
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        if let Some(path) = line.strip_prefix("--- ") {
            case.files.push((path, String::new()));
        } else if let Some(expected) = line.strip_prefix(">>>") {
            case.expected = expected.split_whitespace().collect();
        } else if let Some((_, content)) = case.files.last_mut() {
            content.push_str(line);
            content.push('\n');
        } else if !line.is_empty() {
            case.flags = line;
        }
    }
    cases
}

fn run(task: Task, case: &Case<'_>) -> Result<(), String> {
    let folder = Folder::new();
    for (head, content) in &case.files {
        folder.generate(head, content);
    }
    let request = request(task.id(), case.flags);
    let report = check(folder.path(), &request, &Silent).unwrap();
    same_on_disk(&folder, request);
    let mut found = Vec::new();
    for finding in report.findings.kept() {
        if finding.severity > Severity::Note {
            found.push((finding.rule.id(), finding.severity));
        }
    }
    let same = found.len() == case.expected.len()
        && found
            .iter()
            .zip(&case.expected)
            .all(
                |((id, severity), expected)| match expected.strip_prefix('!') {
                    Some(expected) => *id == expected && *severity == Severity::Error,
                    None => id == expected,
                },
            );
    // What may be sent can be described.
    if report.verdict(false) == Verdict::Sound {
        let document = report.document("cases");
        document
            .ok_or("no document")?
            .map_err(|unsound| format!("{task}, {}: {unsound:?}", case.name))?;
    }
    match same {
        true => Ok(()),
        false => Err(format!(
            "{task}, {}: expected {:?}, found {:#?}",
            case.name,
            case.expected,
            report.findings.kept()
        )),
    }
}

/// Lists that are on disk say what lists in memory say.
fn same_on_disk(folder: &Folder, mut request: Request) {
    request.payload = true;
    let mut told = [LIST_MEMORY_BYTES, 0].map(|list_memory_bytes| {
        request.list_memory_bytes = list_memory_bytes;
        let report = check(folder.path(), &request, &Silent).unwrap();
        let payload = report.payload.as_ref().map(|payload| {
            let entries: Result<Vec<_>, _> = payload.entries().collect();
            entries.unwrap()
        });
        let findings = report.findings.kept().iter();
        let messages: Vec<_> = findings.map(|finding| finding.message.clone()).collect();
        (messages, payload, report.summary, report.facts)
    });
    let [memory, disk] = &mut told;
    assert_eq!(memory, disk);
}

#[test]
fn every_folder_has_exactly_its_findings() {
    let mut problems = Vec::new();
    let mut counts: BTreeMap<Task, (usize, usize)> = BTreeMap::new();
    for task in Task::ALL {
        let path = format!("{}/tests/cases/{task}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for case in parse(&text) {
            let count = counts.entry(task).or_default();
            match case.expected.is_empty() {
                true => count.0 += 1,
                false => count.1 += 1,
            }
            problems.extend(run(task, &case).err());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    for (task, (good, bad)) in counts {
        assert!(good >= 1 && bad >= 3, "{task}: {good} good, {bad} bad");
    }
}
