//! Files of two directories that belong together by name.

use super::stems::{StemLookup, Stems};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, Room, stem};
use crate::rule::Rule;

const MASK_SUFFIX: &[u8] = b"_mask";

/// Every image needs an annotation of its stem, and the reverse. Silent where one of the directories could not be used.
pub(crate) fn by_stem(
    images: &DataDirectory,
    image_stems: &Stems,
    annotations: &DataDirectory,
    room: &Room,
    findings: &mut Findings,
) -> Result<(), spill::Error> {
    if images.is_vacant() || annotations.is_vacant() {
        return Ok(());
    }
    let annotation_stems = Stems::of(annotations, room, |stem| Some(stem))?;
    let rule = Rule::PairingAnnotation;
    let annotated = annotation_stems.lookup();
    missing(images, annotated, "annotation", rule, findings)?;
    missing(annotations, image_stems.lookup(), "image", rule, findings)
}

/// Every image `x.jpg` needs a mask `x_mask.png`, and the reverse. Silent likewise.
pub(crate) fn masks(
    images: &DataDirectory,
    masks: &DataDirectory,
    room: &Room,
    findings: &mut Findings,
) -> Result<(), spill::Error> {
    if images.is_vacant() || masks.is_vacant() {
        return Ok(());
    }
    let image_stems = Stems::of(images, room, |stem| Some(stem))?;
    let mask_stems = Stems::of(masks, room, |stem| stem.strip_suffix(MASK_SUFFIX))?;
    let masked = mask_stems.lookup();
    missing(images, masked, "mask", Rule::PairingMask, findings)?;
    let mut known = image_stems.lookup();
    masks.files.each_name(|_, name| {
        if name.starts_with(b".") {
            return Ok(());
        }
        let shown = || masks.shown(name);
        let message = match stem(name).strip_suffix(MASK_SUFFIX) {
            Some(stem) if known.contains(stem)? => return Ok(()),
            Some(_) => format!("{} has no image.", shown()),
            None => format!("{} is not called <stem of an image>_mask.png.", shown()),
        };
        findings.add(Rule::PairingMask, Place::file(shown()), message);
        Ok(())
    })
}

fn missing(
    directory: &DataDirectory,
    mut partners: StemLookup<'_>,
    partner: &str,
    rule: Rule,
    findings: &mut Findings,
) -> Result<(), spill::Error> {
    directory.files.each_name(|_, name| {
        if !name.starts_with(b".") && !partners.contains(stem(name))? {
            let shown = directory.shown(name);
            let message = format!("{shown} has no {partner}.");
            findings.add(rule, Place::file(shown), message);
        }
        Ok(())
    })
}
