//! Pictures for datasets: as much of a PNG as is looked at, and bytes behind it that do not compress.

use std::fs;
use std::path::Path;

use crate::random::Random;

/// Makes a PNG of 32 by 32 pixels (PNG, 11.2.2) with at least so many bytes, which no other seed has.
#[must_use]
pub fn png(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x20\x08\x02\0\0\0\xfc\x18\xed\xa3".to_vec();
    let rest = size.saturating_sub(bytes.len());
    bytes.extend(Random::new(seed).bytes(rest));
    bytes
}

/// Makes a folder for image classification: `labels.csv` with the columns `filename` and `label`, and `images/` with a picture of
/// each size.
///
/// # Panics
/// When the folder cannot be written.
pub fn folder(root: &Path, seed: u64, sizes: &[usize]) {
    let images = root.join("images");
    fs::create_dir_all(&images).expect("the folder can be made");
    let mut labels = "filename,label\n".to_owned();
    for (index, size) in (0_u64..).zip(sizes) {
        let kind = if index % 3 == 0 { "cat" } else { "dog" };
        let name = format!("p{index:05}.png");
        labels.push_str(&format!("{name},{kind}\n"));
        fs::write(images.join(name), png((seed << 20) + index, *size))
            .expect("a picture can be written");
    }
    fs::write(root.join("labels.csv"), labels).expect("labels can be written");
}
