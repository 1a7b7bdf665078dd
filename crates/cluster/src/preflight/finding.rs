//! Findings and checks.

use super::{Report, Rule, Severity};

/// One thing that is wrong or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The object that it is about, as `kind/name`, or the permission.
    pub place: String,
    /// What was found, as a sentence without its full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.row().severity
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, stable.
    pub name: &'static str,
    /// What came out.
    pub outcome: Outcome,
    /// What it saw, or why it was not made.
    pub said: String,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Passed,
    /// Something is worse than it could be.
    Warned,
    /// Nothing can be sent.
    Failed,
    /// It could not be made.
    NotChecked,
}

impl Outcome {
    /// Returns the word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Warned => "warning",
            Self::Failed => "failed",
            Self::NotChecked => "not checked",
        }
    }
}

impl Report {
    /// Adds a finding with its rule's remedy.
    pub(crate) fn find(
        &mut self,
        rule: Rule,
        place: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.find_with(rule, place, message, rule.row().remedy.to_owned());
    }

    /// Adds a finding with a remedy for this very case.
    pub(crate) fn find_with(
        &mut self,
        rule: Rule,
        place: impl Into<String>,
        message: impl Into<String>,
        remedy: String,
    ) {
        self.findings.push(Finding {
            rule,
            place: place.into(),
            message: message.into(),
            remedy,
        });
    }

    /// Ends a check. Its outcome is the worst finding since there were `before` of them.
    pub(crate) fn end(&mut self, name: &'static str, before: usize, said: impl Into<String>) {
        let worst = self
            .findings
            .iter()
            .skip(before)
            .map(Finding::severity)
            .max();
        let outcome = match worst {
            Some(Severity::Error) => Outcome::Failed,
            Some(Severity::Warning) => Outcome::Warned,
            Some(Severity::Note) | None => Outcome::Passed,
        };
        self.checks.push(Check {
            name,
            outcome,
            said: said.into(),
        });
    }

    /// Notes that a check could not be made.
    pub(crate) fn not_checked(&mut self, name: &'static str, why: impl Into<String>) {
        self.checks.push(Check {
            name,
            outcome: Outcome::NotChecked,
            said: why.into(),
        });
    }

    /// Notes that several checks could not be made.
    pub(crate) fn skip(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.not_checked(name, why);
        }
    }
}
