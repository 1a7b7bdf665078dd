//! Image sizes, byte counts and other numbers, as people write them.

use std::fmt;

/// Width and height in pixels, in this order everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// Reads `512x512` or `512,512`; blanks around the numbers do not count, and both must be positive.
    pub fn parse(text: &str) -> Option<Size> {
        let separator = if text.contains(',') { ',' } else { 'x' };
        let (width, height) = text.split_once(separator)?;
        let read = |part: &str| part.trim().parse().ok().filter(|side| *side > 0);
        Some(Size {
            width: read(width)?,
            height: read(height)?,
        })
    }

    /// Says whether a side is shorter than that of `floor`.
    pub fn is_below(self, floor: Size) -> bool {
        self.width < floor.width || self.height < floor.height
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Writes a number of bytes for people: whole bytes below 1 KiB, then two decimals, up to GiB.
pub fn human_bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.2} KiB", value / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.2} MiB", value / 1_048_576.0),
        _ => format!("{:.2} GiB", value / 1_073_741_824.0),
    }
}

/// Writes a number of things for people: `1 file`, `2 files`.
pub fn amount(count: u64, unit: &str) -> String {
    match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_positive_numbers() {
        let size = |width, height| Some(Size { width, height });
        assert_eq!(Size::parse("64x32"), size(64, 32));
        assert_eq!(Size::parse(" 512 x 512 "), size(512, 512));
        assert_eq!(Size::parse("5,5"), size(5, 5));
        assert_eq!(Size::parse("+5x5"), size(5, 5));
        for bad in ["512X512", "5x5x5", "5x", "0x5", "512×512", "", "-1x5"] {
            assert_eq!(Size::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(amount(1, "file"), "1 file");
        assert_eq!(amount(0, "file"), "0 files");
    }

    #[test]
    fn bytes_are_rounded_in_one_way() {
        for (bytes, expected) in [
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1_048_575, "1024.00 KiB"),
            (2 << 30, "2.00 GiB"),
        ] {
            assert_eq!(human_bytes(bytes), expected);
        }
    }
}
