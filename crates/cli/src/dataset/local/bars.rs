//! A small bar chart.

use std::fmt::Write;

use crate::output::printable;

/// The longest bar, in character cells.
const BAR_CELLS: u64 = 30;

/// Names longer than this are cut.
const NAME_MAX_CHARS: usize = 24;

/// Draws one line for each class with its count and share of `total`. The longest bar belongs to the largest count.
pub(super) fn chart(classes: &[(&str, u64)], total: u64, with_bars: bool) -> String {
    let names: Vec<String> = classes.iter().map(|(name, _)| shown(name)).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let digits = classes
        .iter()
        .map(|(_, count)| count.to_string().len())
        .max()
        .unwrap_or(0);
    let most = classes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mut text = String::new();
    for (name, (_, count)) in names.iter().zip(classes) {
        let share = share(*count, total);
        // Writing to a string cannot fail.
        let _infallible = write!(text, "  {name:<width$}  {count:>digits$}  {share:>7}");
        if with_bars {
            let _infallible = write!(text, "  {}", bar(*count, most));
        }
        text.push('\n');
    }
    text
}

fn shown(name: &str) -> String {
    let name = printable(name);
    match name.char_indices().nth(NAME_MAX_CHARS) {
        None if name.is_empty() => "(empty)".to_owned(),
        None => name.into_owned(),
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
    }
}

fn share(count: u64, total: u64) -> String {
    let thousandths = u128::from(count) * 1000 / u128::from(total.max(1));
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Eighths of a cell keep small classes visible.
fn bar(count: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(count) * u128::from(BAR_CELLS) * 8 / u128::from(most.max(1));
    let eighths = usize::try_from(eighths)
        .unwrap_or(0)
        .max(usize::from(count > 0));
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share_of_the_longest() {
        let classes = [("cat", 600), ("dog", 300), ("", 1)];
        let expected = format!(
            "  cat      600   66.5 %  {}\n  dog      300   33.2 %  {}\n  (empty)    1    0.1 %  ▏\n",
            "█".repeat(30),
            "█".repeat(15)
        );
        assert_eq!(chart(&classes, 902, true), expected);
        assert_eq!(chart(&[], 0, true), "");
    }

    #[test]
    fn without_a_terminal_there_are_only_numbers() {
        assert_eq!(chart(&[("a\x1b", 1)], 1, false), "  a\\u{1b}  1  100.0 %\n");
    }
}
