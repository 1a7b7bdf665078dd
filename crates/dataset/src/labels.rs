//! Label values: how many classes there are, and how often each occurs.

use std::collections::HashMap;

use crate::cell::{self, Number};

/// Classes that a distribution lists.
pub const LISTED_CLASSES: usize = 1000;

/// Distinct values counted at once. With more, which is no class column, the rarest are forgotten now and then.
const COUNTED_MAX: usize = 65_536;

/// Memory for the values themselves.
const COUNTED_MAX_BYTES: usize = 16 << 20;

/// Longer values are told apart by their beginning and a digest.
const VALUE_MAX_BYTES: usize = 512;

/// How often each label occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The most frequent classes with their counts, most frequent first, at most [`LISTED_CLASSES`].
    pub classes: Vec<(String, u64)>,
    /// The number of distinct classes; a lower bound if [`Distribution::at_least`].
    pub distinct: u64,
    /// There were more values than could be counted: numbers are lower bounds.
    pub at_least: bool,
}

/// What labels of a column mean besides their spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Every spelling is a class, the empty one included.
    Verbatim,
    /// Missing values are none.
    VerbatimWithoutMissing,
    /// Numbers are equal by value.
    Numeric,
    /// Both.
    NumericWithoutMissing,
}

/// Counts label values while rows pass.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counted: HashMap<Box<[u8]>, Entry>,
    /// Values seen lately, not counted yet: a class column has few, and comparing is cheaper than looking up.
    recent: Vec<Recent>,
    bytes: usize,
    forgotten: bool,
    /// Largest number of distinct values known at one time.
    distinct_max: u64,
}

#[derive(Debug)]
struct Entry {
    count: u64,
    /// Blanks before and behind, as first seen.
    blanks: (usize, usize),
    blanks_vary: bool,
}

/// A value and how often it was seen since it came here.
#[derive(Clone, Debug, Default)]
struct Recent {
    value: Vec<u8>,
    blanks: (usize, usize),
    count: u64,
}

/// Places for recent values; a power of two.
const RECENT: usize = 64;

impl Tally {
    /// Counts a raw cell.
    pub(crate) fn see(&mut self, cell: &[u8]) {
        let token = cell::trim(cell);
        let blanks = blanks(cell, token);
        if token.len() > VALUE_MAX_BYTES {
            let shortened = shortened(token);
            self.count(&shortened, blanks, 1);
        } else {
            self.see_token(token, blanks);
        }
    }

    fn see_token(&mut self, token: &[u8], blanks: (usize, usize)) {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, Recent::default());
        }
        let ends = token.first().zip(token.last());
        let ends = ends.map_or(0, |(first, last)| {
            usize::from(*first) + 7 * usize::from(*last)
        });
        let place = (ends + 31 * token.len()) % RECENT;
        let recent = &mut self.recent[place];
        if recent.count > 0 && recent.value == token && recent.blanks == blanks {
            recent.count += 1;
            return;
        }
        let before = std::mem::take(recent);
        if before.count > 0 {
            self.count(&before.value, before.blanks, before.count);
        }
        let mut value = before.value;
        value.clear();
        value.extend_from_slice(token);
        self.recent[place] = Recent {
            value,
            blanks,
            count: 1,
        };
    }

    /// Counts all recent values.
    fn settle(&mut self) {
        for recent in std::mem::take(&mut self.recent) {
            if recent.count > 0 {
                self.count(&recent.value, recent.blanks, recent.count);
            }
        }
    }

    fn count(&mut self, value: &[u8], blanks: (usize, usize), times: u64) {
        if let Some(entry) = self.counted.get_mut(value) {
            entry.count += times;
            entry.blanks_vary |= entry.blanks != blanks;
            return;
        }
        if self.counted.len() >= COUNTED_MAX || self.bytes + value.len() > COUNTED_MAX_BYTES {
            self.forget_the_rare();
        }
        self.bytes += value.len();
        let entry = Entry {
            count: times,
            blanks,
            blanks_vary: false,
        };
        self.counted.insert(value.into(), entry);
        self.distinct_max = self.distinct_max.max(self.counted.len() as u64);
    }

    /// Keeps the more frequent half. Counts of what is kept stay exact; what comes back starts anew, so that every count is a
    /// lower bound.
    fn forget_the_rare(&mut self) {
        self.forgotten = true;
        let mut counts: Vec<u64> = self.counted.values().map(|entry| entry.count).collect();
        let middle = counts.len() / 2;
        let (_, &mut median, _) = counts.select_nth_unstable(middle);
        let mut ties = middle;
        self.counted.retain(|_, entry| {
            let keep = entry.count > median || (entry.count == median && ties > 0);
            ties = ties.saturating_sub(usize::from(keep));
            keep
        });
        self.bytes = self.counted.keys().map(|value| value.len()).sum();
    }

    /// Says in how many labels the blanks around the value vary.
    pub(crate) fn blank_variants(&mut self) -> u64 {
        self.settle();
        let vary = self.counted.values().filter(|entry| entry.blanks_vary);
        vary.count() as u64
    }

    /// Gives the classes.
    pub(crate) fn finish(mut self, reading: Reading) -> Distribution {
        self.settle();
        let mut classes: HashMap<String, u64> = HashMap::with_capacity(self.counted.len());
        for (value, entry) in self.counted {
            if let Some(class) = class(&value, reading) {
                *classes.entry(class).or_default() += entry.count;
            }
        }
        let distinct = match (self.forgotten, reading) {
            // Forgotten spellings could have been classes that are still there, unless every spelling is a class.
            (true, Reading::Verbatim) => self.distinct_max,
            _ => classes.len() as u64,
        };
        let mut classes: Vec<_> = classes.into_iter().collect();
        classes.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        classes.truncate(LISTED_CLASSES);
        Distribution {
            classes,
            distinct,
            at_least: self.forgotten,
        }
    }
}

fn blanks(cell: &[u8], token: &[u8]) -> (usize, usize) {
    if cell.len() == token.len() {
        return (0, 0);
    }
    let before = cell.len() - cell.trim_ascii_start().len();
    (
        before,
        cell.len() - token.len() - before.min(cell.len() - token.len()),
    )
}

fn shortened(value: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut end = VALUE_MAX_BYTES / 2;
    while !value.is_empty() && value[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(value));
    [&value[..end], "… ".as_bytes(), digest.as_bytes()].concat()
}

fn class(value: &[u8], reading: Reading) -> Option<String> {
    let without_missing = matches!(
        reading,
        Reading::VerbatimWithoutMissing | Reading::NumericWithoutMissing
    );
    if without_missing && cell::is_curated_missing(value) {
        return None;
    }
    let numeric = matches!(reading, Reading::Numeric | Reading::NumericWithoutMissing);
    let number = match numeric && !value.is_empty() {
        true => Number::read(value).and_then(Number::finite),
        false => None,
    };
    Some(match number {
        // Zero has one class whatever its sign.
        Some(number) => format!("{}", number + 0.0),
        None => cell::text(value).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(cells: &[&str], reading: Reading) -> Vec<(String, u64)> {
        let mut tally = Tally::default();
        cells.iter().for_each(|cell| tally.see(cell.as_bytes()));
        let distribution = tally.finish(reading);
        assert_eq!(distribution.distinct, distribution.classes.len() as u64);
        distribution.classes
    }

    fn check(cells: &[&str], reading: Reading, expected: &[(&str, u64)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(class, count)| (class.to_string(), *count))
            .collect();
        assert_eq!(
            distribution(cells, reading),
            expected,
            "{cells:?} {reading:?}"
        );
    }

    #[test]
    fn a_label_means_what_its_task_and_type_say() {
        let cells = ["1", "1.0", "", "NA", " 1 "];
        check(
            &cells,
            Reading::Verbatim,
            &[("1", 2), ("", 1), ("1.0", 1), ("NA", 1)],
        );
        check(
            &cells,
            Reading::VerbatimWithoutMissing,
            &[("1", 2), ("1.0", 1)],
        );
        check(&cells, Reading::Numeric, &[("1", 3), ("", 1), ("NA", 1)]);
        check(&cells, Reading::NumericWithoutMissing, &[("1", 3)]);
        check(
            &["0", "-0.0", "1e3", "1000"],
            Reading::Numeric,
            &[("0", 2), ("1000", 2)],
        );
    }

    #[test]
    fn blanks_around_a_label_are_noticed() {
        let variants = |cells: &[&str]| {
            let mut tally = Tally::default();
            cells.iter().for_each(|cell| tally.see(cell.as_bytes()));
            tally.blank_variants()
        };
        assert_eq!(variants(&["cat", "cat ", "dog", "dog"]), 1);
        assert_eq!(variants(&["cat ", "cat "]), 0);
        assert_eq!(variants(&[" cat", "cat "]), 1);
    }

    #[test]
    fn long_values_stay_apart() {
        let long = "é".repeat(400);
        let cells = [long.clone(), format!("{long}x"), long.clone()];
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let classes = distribution(&cells, Reading::Verbatim);
        assert_eq!(classes.len(), 2);
        assert!(classes[0].0.len() < 400 && classes[0].1 == 2);
    }

    #[test]
    fn millions_of_values_leave_the_frequent_ones_and_a_lower_bound() {
        let mut tally = Tally::default();
        for number in 0..200_000u32 {
            tally.see(format!("id{number}").as_bytes());
            tally.see(if number % 3 == 0 { b"rare" } else { b"often" });
        }
        assert!(tally.counted.len() <= COUNTED_MAX);
        let distribution = tally.finish(Reading::Verbatim);
        assert!(distribution.at_least);
        assert!((50_000..=200_002).contains(&distribution.distinct));
        assert_eq!(distribution.classes.len(), LISTED_CLASSES);
        assert_eq!(distribution.classes[0], ("often".to_owned(), 133_333));
        assert_eq!(distribution.classes[1], ("rare".to_owned(), 66_667));
    }
}
