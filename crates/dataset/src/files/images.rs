//! Every image of a directory: broken, too small, of another size.

use fsroot::Root;

use crate::finding::{Findings, Place};
use crate::image;
use crate::layout::{DataDirectory, Stamp, unreadable};
use crate::parallel::map_ordered;
use crate::rule::Rule;
use crate::size::Size;

/// What is asked of the images of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) size: Option<Size>,
    pub(crate) floor: Option<Size>,
    pub(crate) rules: ImageRules,
}

/// The rules for images, or for masks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageRules {
    broken: Rule,
    size: Rule,
    too_small: Rule,
    /// What newer ingestors demand when nobody says anything; asked of images only.
    default_floor: Option<Rule>,
}

pub(crate) const IMAGES: ImageRules = ImageRules {
    broken: Rule::ImageBroken,
    size: Rule::ImageSize,
    too_small: Rule::ImageTooSmall,
    default_floor: Some(Rule::ImageDefaultFloor),
};
pub(crate) const MASKS: ImageRules = ImageRules {
    broken: Rule::MaskBroken,
    size: Rule::MaskSize,
    too_small: Rule::MaskTooSmall,
    default_floor: None,
};

const DEFAULT_FLOOR: Size = Size {
    width: 32,
    height: 32,
};

/// Twice the number at which the cluster's decoder begins to warn.
const PIXEL_LIMIT: u64 = 178_956_970;

/// Sizes of a directory's images, by index; `None` where there is none.
pub(crate) type Sizes = Vec<Option<Size>>;

/// Opens every image and reads its header. Takes the files' stamps on the way.
pub(crate) fn scan(
    root: &Root,
    directory: &mut DataDirectory,
    expected: Expected,
    findings: &mut Findings,
) -> (Sizes, Option<Size>) {
    let mut sizes = Vec::with_capacity(directory.files.len());
    let mut stamps = Vec::with_capacity(directory.files.len());
    let mut common = expected.size;
    let here = &*directory;
    let read = |index: usize| {
        let open = here.open(root, &here.files[index])?;
        let size = image::read_size(&open.file, open.meta.size_bytes);
        Ok::<_, fsroot::Error>((Stamp::of(&open.meta), size))
    };
    map_ordered(here.files.len(), read, |index, result| {
        let shown = || here.shown(&here.files[index]);
        let (stamp, size) = match result {
            Ok((stamp, Ok(size))) => (stamp, Some(size)),
            Ok((stamp, Err(what))) => {
                let shown = shown();
                let message = format!("{shown} {what}.");
                findings.add(expected.rules.broken, Place::file(shown), message);
                (stamp, None)
            }
            Err(error) => {
                unreadable(&shown(), &error, findings);
                (Stamp::default(), None)
            }
        };
        if let Some(size) = size {
            let common = *common.get_or_insert(size);
            judge(size, common, &expected, shown, findings);
        }
        stamps.push(stamp);
        sizes.push(size);
    });
    for (file, stamp) in directory.files.iter_mut().zip(stamps) {
        file.stamp = stamp;
    }
    (sizes, common)
}

fn judge(
    size: Size,
    common: Size,
    expected: &Expected,
    shown: impl Fn() -> String,
    findings: &mut Findings,
) {
    let mut add = |rule, what: String| {
        let shown = shown();
        let message = format!("{shown} is {size}, {what}.");
        findings.add(rule, Place::file(shown), message);
    };
    match (expected.floor, expected.rules.default_floor) {
        (Some(floor), _) if size.is_below(floor) => {
            add(
                expected.rules.too_small,
                format!("below the floor of {floor}"),
            );
        }
        (None, Some(rule)) if size.is_below(DEFAULT_FLOOR) => {
            add(
                rule,
                format!("below {DEFAULT_FLOOR}, which newer ingestors refuse"),
            );
        }
        _ => {}
    }
    if size != common {
        add(expected.rules.size, format!("but expected is {common}"));
    }
    if u64::from(size.width) * u64::from(size.height) > PIXEL_LIMIT {
        add(
            Rule::ImagePixelLimit,
            "more pixels than the cluster's decoder takes".to_owned(),
        );
    }
}
