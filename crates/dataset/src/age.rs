//! Ages of ingestors. Their versions are not numbered where we can see it, so rules speak of ages.

use std::fmt;

/// An age of ingestors, as `--for-ingestor` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Age {
    /// Before the change that a rule speaks of.
    Older,
    /// After it, the newest included unless a rule says otherwise.
    Newer,
    /// The last state known.
    Newest,
}

/// The ages that refuse something, or lose rows over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// None does; it is bad for another reason.
    None,
    /// Those of before the change.
    Older,
    /// Those of after the change, the newest included.
    Newer,
    /// All but the newest.
    AllButNewest,
    /// Every one.
    All,
}

impl Age {
    /// All ages, oldest first.
    pub const ALL: [Age; 3] = [Age::Older, Age::Newer, Age::Newest];

    /// Reads the word of the command line.
    pub fn parse(text: &str) -> Option<Age> {
        Age::ALL.into_iter().find(|age| age.name() == text)
    }

    /// Gives the word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Age::Older => "older",
            Age::Newer => "newer",
            Age::Newest => "newest",
        }
    }
}

impl RefusedBy {
    /// Says whether ingestors of this age refuse it.
    pub fn includes(self, age: Age) -> bool {
        match self {
            RefusedBy::None => false,
            RefusedBy::Older => age == Age::Older,
            RefusedBy::Newer => age != Age::Older,
            RefusedBy::AllButNewest => age != Age::Newest,
            RefusedBy::All => true,
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Finishes a sentence such as "refused by …".
impl fmt::Display for RefusedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusedBy::None => "no ingestor",
            RefusedBy::Older => "older ingestors",
            RefusedBy::Newer => "newer ingestors",
            RefusedBy::AllButNewest => "all but the newest ingestors",
            RefusedBy::All => "all ingestors",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_includes_the_newest_and_no_one_else_is_forgotten() {
        let ages = |refused: RefusedBy| {
            Age::ALL
                .into_iter()
                .filter(|age| refused.includes(*age))
                .collect::<Vec<_>>()
        };
        assert_eq!(ages(RefusedBy::None), []);
        assert_eq!(ages(RefusedBy::Older), [Age::Older]);
        assert_eq!(ages(RefusedBy::Newer), [Age::Newer, Age::Newest]);
        assert_eq!(ages(RefusedBy::AllButNewest), [Age::Older, Age::Newer]);
        assert_eq!(ages(RefusedBy::All), Age::ALL);
    }
}
