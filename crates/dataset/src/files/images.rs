//! Every image of a directory: broken, too small, of another size.

use fsroot::{OpenFile, Root};

use crate::digest::{self, Buffer, Digest, Hashing, Next, Unread};
use crate::finding::{Findings, Place};
use crate::image;
use crate::layout::{DataDirectory, DataFile, Stamp};
use crate::observe::{Observer, Stopped};
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

/// Opens every image and reads its header, or all of it for its digest. Takes the files' stamps on the way.
///
/// `sized` gets the name and the size of each, `None` where there is none. Gives the size that all must have.
pub(crate) fn scan(
    root: &Root,
    directory: &mut DataDirectory,
    expected: Expected,
    hashing: &Hashing,
    observer: &dyn Observer,
    findings: &mut Findings,
    mut sized: impl FnMut(&[u8], Option<Size>) -> Result<(), spill::Error>,
) -> Result<Option<Size>, Stopped> {
    hashing.look_at(findings);
    let mut common = expected.size;
    let (folder, files) = directory.apart(root);
    let read = |buffer: &mut Buffer, file: &DataFile| {
        let mut open = digest::open(folder, file)?;
        let (size, digest) = match hashing.is_wanted() {
            true => read_hashed(&mut open, hashing, buffer)?,
            false => (None, None),
        };
        // Whatever is unusual about an image is found out here.
        let size = match size {
            Some(size) => Ok(size),
            None => image::read_size(&open.file, open.meta.size_bytes, buffer),
        };
        Ok::<_, Unread>((Stamp::of(&open.meta), digest, size))
    };
    files.visit(observer, Buffer::default, read, |file, result| {
        let size = match result {
            Ok((stamp, digest, size)) => {
                (file.stamp, file.digest) = (Some(stamp), digest);
                size.map_err(|what| {
                    let shown = folder.shown(file);
                    let message = format!("{shown} {what}.");
                    findings.add(expected.rules.broken, Place::file(shown), message);
                })
            }
            Err(unread) => {
                file.stamp = None;
                unread.report(folder.shown(file), findings);
                Err(())
            }
        };
        match size {
            Ok(size) => {
                let common = *common.get_or_insert(size);
                judge(size, common, &expected, || folder.shown(file), findings);
            }
            Err(()) => hashing.look_at(findings),
        }
        Ok(sized(&file.name, size.ok())?)
    })?;
    Ok(common)
}

/// Reads all of an image for its digest. Gives its size if that lies where it nearly always does.
fn read_hashed(
    open: &mut OpenFile,
    hashing: &Hashing,
    buffer: &mut Buffer,
) -> Result<(Option<Size>, Option<Digest>), Unread> {
    let mut size = None;
    let read = digest::read(open, hashing, buffer, |piece| {
        size.get_or_insert_with(|| image::size(piece).ok());
        Next::Read
    });
    match read {
        // That it cannot be read is said as it is for an image that is not hashed.
        Ok(digest) => Ok((size.flatten(), digest)),
        Err(Unread::Failed(_)) => Ok((size.flatten(), None)),
        Err(unread) => Err(unread),
    }
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
