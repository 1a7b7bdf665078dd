//! Files of two directories that belong together by name.

use std::collections::HashSet;

use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, stem};
use crate::rule::Rule;

const MASK_SUFFIX: &[u8] = b"_mask";

/// Every image needs an annotation of its stem, and the reverse. Silent where one of the directories could not be used.
pub(crate) fn by_stem(
    images: &DataDirectory,
    annotations: &DataDirectory,
    findings: &mut Findings,
) {
    if images.is_vacant() || annotations.is_vacant() {
        return;
    }
    let image_stems: HashSet<_> = images.names().map(stem).collect();
    let annotation_stems: HashSet<_> = annotations.names().map(stem).collect();
    missing(
        images,
        |stem| annotation_stems.contains(stem),
        "annotation",
        Rule::PairingAnnotation,
        findings,
    );
    missing(
        annotations,
        |stem| image_stems.contains(stem),
        "image",
        Rule::PairingAnnotation,
        findings,
    );
}

/// Every image `x.jpg` needs a mask `x_mask.png`, and the reverse. Silent likewise.
pub(crate) fn masks(images: &DataDirectory, masks: &DataDirectory, findings: &mut Findings) {
    if images.is_vacant() || masks.is_vacant() {
        return;
    }
    let image_stems: HashSet<_> = images.names().map(stem).collect();
    let mask_stems: HashSet<_> = masks
        .names()
        .filter_map(|name| stem(name).strip_suffix(MASK_SUFFIX))
        .collect();
    missing(
        images,
        |stem| mask_stems.contains(stem),
        "mask",
        Rule::PairingMask,
        findings,
    );
    for mask in masks
        .files
        .iter()
        .filter(|file| !file.name.starts_with(b"."))
    {
        let shown = masks.shown(mask);
        let message = match stem(&mask.name).strip_suffix(MASK_SUFFIX) {
            Some(stem) if image_stems.contains(stem) => continue,
            Some(_) => format!("{shown} has no image."),
            None => format!("{shown} is not called <stem of an image>_mask.png."),
        };
        findings.add(Rule::PairingMask, Place::file(shown), message);
    }
}

fn missing(
    directory: &DataDirectory,
    is_paired: impl Fn(&[u8]) -> bool,
    partner: &str,
    rule: Rule,
    findings: &mut Findings,
) {
    for file in &directory.files {
        if !file.name.starts_with(b".") && !is_paired(stem(&file.name)) {
            let shown = directory.shown(file);
            let message = format!("{shown} has no {partner}.");
            findings.add(rule, Place::file(shown), message);
        }
    }
}
