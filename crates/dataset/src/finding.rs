//! Findings: one offence at one place, and the collection of all of a run.

mod rest;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::age::Age;
use crate::rule::{Row, Rule, Scope, Severity, TABLE};
use crate::task::Task;
use rest::Rest;

/// Findings of one rule that are kept in memory. Further ones are counted, and go to disk if all are wanted, so that a table of
/// nothing but offences cannot fill the memory.
pub const KEPT_PER_RULE: u64 = 1000;

/// Says where a finding is. All parts are optional, from coarse to fine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Path below the dataset's root, with `/`; bytes that are not UTF-8 are escaped.
    pub file: Option<Arc<str>>,
    /// Line of the file, from 1; of a quoted record with line breaks the first one.
    pub line: Option<u64>,
    /// Data row, from 1, the header not counted.
    pub row: Option<u64>,
    /// Column name as the header spells it, trimmed.
    pub column: Option<Arc<str>>,
}

/// One offence against one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How bad it is, the ingestor that the user asked about considered.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What is wrong, as a sentence. Names files and columns, never cell contents.
    pub message: String,
    /// What to do, as a sentence.
    pub remedy: String,
    /// How many offences the finding stands for: more than 1 where they are told together, the place being the first one's.
    pub count: u64,
}

/// How many findings a rule has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All that were found.
    pub found: u64,
    /// Those of them that are in memory.
    pub kept: u64,
}

/// Collects the findings of a run.
#[derive(Debug)]
pub struct Findings {
    task: Option<Task>,
    for_ingestor: Option<Age>,
    /// By rule: whether it is for the task.
    applies: Vec<bool>,
    kept: Vec<Finding>,
    counts: BTreeMap<Rule, Count>,
    /// Those beyond, if they are wanted.
    rest: Option<Rest>,
}

impl Findings {
    /// Makes an empty collection for a task.
    ///
    /// Rules that the task's registry row does not list are dropped on [`add`](Findings::add): the registry, not the caller,
    /// decides what applies. Without a task only rules of all tasks are taken.
    pub fn new(task: Option<Task>, for_ingestor: Option<Age>) -> Findings {
        let lists = |task: Task, id| task.rules().any(|listed| listed == id);
        let listed = |id| match task {
            Some(task) => lists(task, id),
            None => Task::ALL.into_iter().all(|task| lists(task, id)),
        };
        let applies = |row: &Row| row.scope == Scope::Common || listed(row.id);
        Findings {
            task,
            for_ingestor,
            applies: TABLE.iter().map(applies).collect(),
            kept: Vec::new(),
            counts: BTreeMap::new(),
            rest: None,
        }
    }

    /// Keeps all findings from here on: those beyond [`KEPT_PER_RULE`] in scratch files in `scratch_dir`.
    pub fn keep_all(&mut self, scratch_dir: &Path) {
        self.rest = Some(Rest::new(scratch_dir));
    }

    /// Makes an empty collection for the same task and ingestor, which keeps as much.
    pub fn empty_like(&self) -> Findings {
        Findings {
            rest: self.rest.as_ref().map(Rest::empty_like),
            ..Findings::new(self.task, self.for_ingestor)
        }
    }

    /// Adds a finding with the rule's own remedy.
    pub fn add(&mut self, rule: Rule, place: Place, message: impl Into<String>) {
        self.add_with(rule, place, 1, || {
            (message.into(), rule.row().remedy.to_owned())
        });
    }

    /// Adds a finding whose remedy is about this very case.
    pub fn add_remedied(
        &mut self,
        rule: Rule,
        place: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add_with(rule, place, 1, || (message.into(), remedy.into()));
    }

    /// Adds a finding that stands for `count` offences.
    pub fn add_many(&mut self, rule: Rule, place: Place, count: u64, message: impl Into<String>) {
        self.add_with(rule, place, count, || {
            (message.into(), rule.row().remedy.to_owned())
        });
    }

    fn add_with(
        &mut self,
        rule: Rule,
        place: Place,
        count: u64,
        texts: impl FnOnce() -> (String, String),
    ) {
        if !self.applies(rule) {
            return;
        }
        let counted = self.counts.entry(rule).or_default();
        let number = counted.found;
        counted.found += 1;
        if counted.kept >= KEPT_PER_RULE && self.rest.is_none() {
            return;
        }
        let (message, remedy) = texts();
        let finding = Finding {
            rule,
            severity: rule.severity(self.for_ingestor),
            place,
            message,
            remedy,
            count,
        };
        self.keep(finding, number);
    }

    fn keep(&mut self, finding: Finding, number: u64) {
        let counted = self.counts.entry(finding.rule).or_default();
        if counted.kept < KEPT_PER_RULE {
            counted.kept += 1;
            self.kept.push(finding);
        } else if let Some(rest) = &mut self.rest {
            rest.push(&finding, number);
        }
    }

    /// Completes the remedy of findings that were made before all was known: those of a rule whose message has some words in it.
    pub(crate) fn add_to_remedy(&mut self, rule: Rule, words: &str, more: &str) {
        for finding in &mut self.kept {
            if finding.rule == rule && finding.message.contains(words) {
                finding.remedy.push_str(more);
            }
        }
    }

    /// Says whether a rule is for the task of this collection.
    pub fn applies(&self, rule: Rule) -> bool {
        self.applies[rule as usize]
    }

    /// Takes over what another collection found.
    pub fn absorb(&mut self, other: Findings) {
        let mut numbers: BTreeMap<Rule, u64> = BTreeMap::new();
        for finding in other.kept {
            let number = numbers.entry(finding.rule).or_default();
            self.keep(finding, *number);
            *number += 1;
        }
        for (rule, count) in other.counts {
            self.counts.entry(rule).or_default().found += count.found;
        }
        if let (Some(rest), Some(others)) = (&mut self.rest, other.rest) {
            rest.absorb(others);
        }
    }

    /// Puts the findings into the order of the rule table, keeping the order of finding within a rule.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|finding| finding.rule);
    }

    /// Gives every finding once, in the order of the rule table: all of them after [`keep_all`](Findings::keep_all), otherwise
    /// those in memory. Findings on disk are given only by the first call.
    ///
    /// # Errors
    /// When findings could not be written to disk, or cannot be read back.
    pub fn for_each(&mut self, mut each: impl FnMut(&Finding)) -> Result<(), spill::Error> {
        let for_ingestor = self.for_ingestor;
        let rest = self.rest.take();
        let mut rest = rest.map(|rest| rest.read(for_ingestor)).transpose()?;
        self.sort();
        let mut kept = self.kept.iter().peekable();
        for rule in self.counts.keys() {
            while let Some(finding) = kept.next_if(|finding| finding.rule == *rule) {
                each(finding);
            }
            if let Some(rest) = &mut rest {
                while let Some(finding) = rest.next_of(*rule)? {
                    each(&finding);
                }
            }
        }
        Ok(())
    }

    /// Lists the findings that are in memory: all of them, except for rules with more than [`KEPT_PER_RULE`].
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// Gives the number of findings by rule, in table order.
    pub fn counts(&self) -> impl Iterator<Item = (Rule, Count)> + '_ {
        self.counts.iter().map(|(rule, count)| (*rule, *count))
    }

    /// Says whether a rule found something.
    pub fn has(&self, rule: Rule) -> bool {
        self.counts.contains_key(&rule)
    }

    /// Counts the findings of one severity.
    pub fn total(&self, severity: Severity) -> u64 {
        self.counts()
            .filter(|(rule, _)| rule.severity(self.for_ingestor) == severity)
            .map(|(_, count)| count.found)
            .sum()
    }

    /// Says whether there is an error that has to be mended in this way.
    pub fn has_error(&self, remedied: crate::rule::Remedied) -> bool {
        self.counts().any(|(rule, _)| {
            rule.severity(self.for_ingestor) == Severity::Error && rule.row().remedied == remedied
        })
    }
}

impl Place {
    /// The dataset as a whole, or the command line.
    pub fn nowhere() -> Place {
        Place::default()
    }

    /// A file or directory.
    pub fn file(file: impl Into<Arc<str>>) -> Place {
        Place {
            file: Some(file.into()),
            ..Place::default()
        }
    }

    /// The same place, narrowed to a column.
    pub fn column(self, column: impl Into<Arc<str>>) -> Place {
        Place {
            column: Some(column.into()),
            ..self
        }
    }

    /// The same place, narrowed to a line.
    pub fn line(self, line: u64) -> Place {
        Place {
            line: Some(line),
            ..self
        }
    }
}

/// Writes `file:line, row N, column C`, as far as known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or_default())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            let separator = if self.file.is_some() { ", " } else { "" };
            write!(f, "{separator}column {column}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Remedied;

    #[test]
    fn rules_of_other_tasks_are_dropped() {
        let mut findings = Findings::new(Some(Task::TabularRegression), None);
        findings.add(Rule::ImageBroken, Place::nowhere(), "x");
        findings.add(Rule::LabelDiversity, Place::nowhere(), "x");
        assert!(findings.kept().is_empty());
        findings.add(Rule::ValueNumeric, Place::nowhere(), "x");
        findings.add(Rule::TotalSize, Place::nowhere(), "x");
        assert_eq!(findings.kept().len(), 2);
    }

    #[test]
    fn more_than_the_limit_is_counted_but_not_kept() {
        let mut findings = Findings::new(Some(Task::TabularRegression), None);
        for _ in 0..KEPT_PER_RULE + 5 {
            findings.add(Rule::ValueNumeric, Place::nowhere(), "x");
        }
        let mut all = findings.empty_like();
        all.absorb(findings);
        let expected = Count {
            found: KEPT_PER_RULE + 5,
            kept: KEPT_PER_RULE,
        };
        assert_eq!(
            all.counts().collect::<Vec<_>>(),
            [(Rule::ValueNumeric, expected)]
        );
    }

    #[test]
    fn all_findings_come_back_in_order_where_all_are_wanted() {
        let mut findings = Findings::new(Some(Task::TabularRegression), None);
        findings.keep_all(&std::env::temp_dir());
        let mut about_rows = findings.empty_like();
        let total = 3 * KEPT_PER_RULE;
        for row in 1..=total {
            let place = Place {
                row: Some(row),
                ..Place::file("t.csv").line(row + 1).column("\"x\"")
            };
            about_rows.add(Rule::ValueNumeric, place.clone(), format!("{row} \u{e9}\n"));
            about_rows.add(Rule::ValueLength, place, "y");
        }
        findings.add(Rule::ValueNumeric, Place::nowhere(), "the first");
        findings.absorb(about_rows);
        let mut seen = Vec::new();
        findings
            .for_each(|finding| {
                if finding.rule == Rule::ValueNumeric {
                    seen.push((finding.place.row, finding.message.clone()));
                }
            })
            .unwrap();
        let expected = (1..=total).map(|row| (Some(row), format!("{row} \u{e9}\n")));
        let first = (None, "the first".to_owned());
        assert!(std::iter::once(first).chain(expected).eq(seen));
        assert_eq!(findings.total(crate::rule::Severity::Error), 2 * total + 1);
    }

    #[test]
    fn a_warning_of_the_named_age_counts_as_an_error() {
        let add = |for_ingestor| {
            let mut findings = Findings::new(Some(Task::ImageClassification), for_ingestor);
            findings.add(Rule::ImageDefaultFloor, Place::nowhere(), "x");
            findings
        };
        assert!(!add(Some(Age::Older)).has_error(Remedied::InData));
        assert!(add(Some(Age::Newest)).has_error(Remedied::InData));
        assert_eq!(add(None).total(Severity::Warning), 1);
    }

    #[test]
    fn places_read_like_compiler_output() {
        let place = Place::file("labels.csv").line(7).column("age");
        assert_eq!(place.to_string(), "labels.csv:7, column age");
        assert_eq!(Place::nowhere().column("age").to_string(), "column age");
    }
}
