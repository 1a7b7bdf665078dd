//! Names that many systems take for one.

use super::{DataDirectory, Room};
use crate::csv::header_fold;
use crate::finding::{Findings, Place};
use crate::rule::Rule;

/// Warns of names that differ only by case or Unicode form.
pub(super) fn note(
    directory: &DataDirectory,
    room: &Room,
    findings: &mut Findings,
) -> Result<(), spill::Error> {
    let pairs = pairs(directory, room)?;
    let mut finder = directory.files.finder();
    for (index, other) in pairs {
        let shown = directory.shown(&finder.name(index)?);
        let other = directory.shown(&finder.name(other)?);
        let message = format!("{other} and {shown} differ only by case or Unicode form.");
        findings.add(Rule::NameTwins, Place::file(shown), message);
    }
    Ok(())
}

/// Says whether a name can be the twin of one with neither capitals nor accents: two that folding leaves as they are differ.
pub(super) fn is_unusual(name: &[u8]) -> bool {
    name.iter()
        .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
}

/// Finds each file that has a twin before it, together with the nearest one, in the order of the files.
fn pairs(directory: &DataDirectory, room: &Room) -> Result<Vec<(usize, usize)>, spill::Error> {
    let mut sorter = room.sorter();
    directory.files.each_name(|index, name| {
        let Ok(name) = std::str::from_utf8(name) else {
            return Ok(());
        };
        let number = (index as u64).to_be_bytes();
        sorter.push(header_fold(name).as_bytes(), &number)
    })?;
    let mut sorted = sorter.finish()?;
    let mut pairs = Vec::new();
    let (mut before, mut before_index) = (Vec::new(), None);
    while let Some((folded, number)) = sorted.next()? {
        let number = number.first_chunk().copied().unwrap_or_default();
        let index = usize::try_from(u64::from_be_bytes(number)).ok();
        if folded == before.as_slice() {
            pairs.extend(index.zip(before_index));
        }
        before.clear();
        before.extend_from_slice(folded);
        before_index = index;
    }
    pairs.sort_unstable();
    Ok(pairs)
}
