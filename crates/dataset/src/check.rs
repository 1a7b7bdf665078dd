//! The whole local side of a push.

use std::path::Path;
use std::sync::Arc;

use crate::csv::{listed, shown_name};
use crate::digest::Hashing;
use crate::files::measure;
use crate::finding::{Findings, Place};
use crate::layout::{self, Layout};
use crate::observe::{Observer, Stage, Stopped, go_on};
use crate::payload::{self, Payload};
use crate::preflight::{Facts, read_content};
use crate::request::{Request, Settings};
use crate::rule::{Remedied, Rule, Severity};
use crate::task::{Flag, Task};

/// Everything that a check found out.
#[derive(Debug)]
pub struct Report {
    /// All findings, in the order of the rule table.
    pub findings: Findings,
    /// What the request means; absent if the task is unknown.
    pub settings: Option<Settings>,
    /// What was learned about the content.
    pub facts: Facts,
    /// What will be sent, if there is something.
    pub summary: Option<Summary>,
    /// The frozen payload, if it was asked for and nothing stands against sending. It has the only list of the files, and is
    /// shared.
    pub payload: Option<Arc<Payload>>,
}

/// Files and bytes that will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// All files, the manifest included.
    pub files: u64,
    /// Their sizes.
    pub bytes: u64,
    /// The manifest's own name.
    pub manifest: String,
    /// Files by data directory.
    pub directories: Vec<(String, u64)>,
    /// Whether the folder is a decoded S3 bucket.
    pub is_bucket: bool,
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stands against a push.
    Sound,
    /// A flag has to change, and no data.
    Flags,
    /// Data has to change.
    Data,
}

impl Report {
    /// Gives the verdict. With `strict`, warnings count as errors in the data.
    pub fn verdict(&self, strict: bool) -> Verdict {
        let warned = strict && self.findings.total(Severity::Warning) > 0;
        if self.findings.has_error(Remedied::InData) || warned {
            return Verdict::Data;
        }
        match self.findings.has_error(Remedied::ByFlag) {
            true => Verdict::Flags,
            false => Verdict::Sound,
        }
    }
}

/// Checks a dataset: its layout, its content, and what will be sent.
///
/// Reads nothing outside of `path` except a schema file, and writes nothing but temporary files. All problems are found in one
/// run. Limits are judged before anything is hashed, and hashing is left out from the first finding on that is an error.
///
/// # Errors
/// Only if the check could not come to an end.
pub fn check(path: &Path, request: &Request, observer: &dyn Observer) -> Result<Report, Stopped> {
    let task = Task::parse(&request.task);
    let mut findings = Findings::new(task.as_ref().ok().copied(), request.for_ingestor);
    if request.all_findings {
        findings.keep_all(&request.scratch_dir);
    }
    let task = match task {
        Ok(task) => Some(task),
        Err(unknown) => {
            findings.add(
                Rule::TaskUnknown,
                Place::nowhere(),
                sentence(&unknown.to_string()),
            );
            None
        }
    };
    request.check_table(&mut findings);
    let mut report = Report {
        settings: task.map(|task| request.resolve(task, &mut findings)),
        findings,
        facts: Facts::default(),
        summary: None,
        payload: None,
    };
    observer.stage(Stage::Walk);
    let opened = layout::open_root(path, task.map(Task::family), &mut report.findings);
    if let (Some((root, bare_csv)), Some(settings)) = (opened, report.settings.clone()) {
        let layout = Layout::discover(root, bare_csv, &settings, &mut report.findings)?;
        go_on(observer)?;
        if let Some(layout) = layout {
            examine(layout, &settings, request, observer, &mut report)?;
        }
    }
    report.findings.sort();
    Ok(report)
}

fn examine(
    mut layout: Layout,
    settings: &Settings,
    request: &Request,
    observer: &dyn Observer,
    report: &mut Report,
) -> Result<(), Stopped> {
    let measure = |layout: &Layout, findings: &mut Findings| {
        measure::check_limits(
            layout,
            settings.stage_tokenizer,
            request.file_max_bytes,
            request.total_max_bytes,
            findings,
        )
    };
    // Where files are hashed while they are read, the limits come first.
    let measured = match request.payload {
        true => {
            measure::stamp_all(&mut layout, observer)?;
            Some(measure(&layout, &mut report.findings)?)
        }
        false => None,
    };
    let hashing = Hashing::new(request.payload);
    let findings = &mut report.findings;
    report.facts = read_content(&mut layout, settings, &hashing, observer, findings)?;
    name_columns(&report.facts, findings);
    let bytes = match measured {
        Some(bytes) => bytes,
        None => measure(&layout, findings)?,
    };
    let extra = settings.stage_tokenizer && layout.tokenizer.is_some();
    report.summary = Some(Summary {
        files: layout.file_count() + u64::from(extra),
        bytes,
        manifest: layout.manifest.shown.to_string(),
        directories: layout
            .directories
            .iter()
            .map(|directory| (directory.name.clone(), directory.files.len() as u64))
            .collect(),
        is_bucket: layout.is_bucket,
    });
    if request.payload && report.verdict(false) == Verdict::Sound {
        observer.stage(Stage::Hash);
        report.payload = payload::freeze(
            layout,
            settings.task.contract(),
            settings.stage_tokenizer,
            observer,
            &mut report.findings,
        )?
        .map(Arc::new);
    }
    Ok(())
}

/// Whoever forgot the label column wants to know which columns there are.
fn name_columns(facts: &Facts, findings: &mut Findings) {
    let columns = &facts.columns;
    if !columns.is_empty() {
        let names = (0..columns.len()).map(|index| shown_name(columns, index));
        let names: Vec<_> = names.collect();
        let listed = format!(
            " The header has {}.",
            listed(names.iter().map(|name| &**name))
        );
        findings.add_to_remedy(Rule::FlagMissing, Flag::LabelColumn.name(), &listed);
    }
}

/// Makes a sentence of an error's text.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
