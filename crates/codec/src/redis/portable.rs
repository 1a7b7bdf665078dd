//! Redis keys whose file names some file systems mix up or refuse.

use std::path::Path;

use dump::name::encode_text;

use super::survey::{Fact, Kind};
use crate::error::Error;

const BUDGET_BYTES: usize = 8 << 20;

/// Names that Windows takes for devices, whatever extension follows.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Finds the keys that must take the fallback name because another key's name differs from theirs by case only, or
/// because it is a device's name. Returns them sorted, with the directory of the type.
///
/// All keys of such a group take it, not only the second, so that the names do not depend on the order.
pub(super) fn kept_apart(
    facts: &mut spill::Sorted,
    scratch: &Path,
) -> Result<spill::Sorted, Error> {
    let mut names = spill::Sorter::new(Some(scratch.to_owned()), BUDGET_BYTES);
    let mut apart = spill::Sorter::new(Some(scratch.to_owned()), BUDGET_BYTES);
    while let Some((key, fact)) = facts.next()? {
        let Some(Fact::Anchor { kind, .. }) = Fact::from_bytes(fact) else {
            continue;
        };
        let Some(directory) = directory(kind) else {
            continue;
        };
        let name = encode_text(key).text.to_ascii_lowercase();
        if is_device(&name) {
            apart.push(key, &[directory])?;
        }
        names.push(&[&[directory], name.as_bytes()].concat(), key)?;
    }
    facts.rewind()?;
    let mut names = names.finish()?;
    let (mut name, mut keys): (Vec<u8>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    while let Some((next, key)) = names.next()? {
        if next != name {
            flush(&name, &mut keys, &mut apart)?;
            name = next.to_vec();
        }
        if keys.last().is_none_or(|last| last != key) {
            keys.push(key.to_vec());
        }
    }
    flush(&name, &mut keys, &mut apart)?;
    Ok(apart.finish()?)
}

/// The directory of a type that is written, as a number for sorting: files of different types never meet.
pub(super) fn directory(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Hll => Some(0),
        Kind::String | Kind::BareString => Some(1),
        _ => None,
    }
}

fn flush(name: &[u8], keys: &mut Vec<Vec<u8>>, apart: &mut spill::Sorter) -> Result<(), Error> {
    if let (Some(directory), 2..) = (name.first(), keys.len()) {
        for key in keys.iter() {
            apart.push(key, &[*directory])?;
        }
    }
    keys.clear();
    Ok(())
}

fn is_device(lower_case_name: &str) -> bool {
    let stem = lower_case_name.split('.').next().unwrap_or_default();
    let numbered = |port: &str| {
        stem.strip_prefix(port)
            .is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    DEVICES.contains(&stem) || numbered("com") || numbered("lpt")
}
