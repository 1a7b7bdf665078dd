//! Numbers for people.

use std::fmt;

/// A number of things with its unit, spelled for people: `1 file`, `2 files`, `1,234 files`.
pub(crate) struct Amount(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, unit) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", grouped(*count))
    }
}

/// A size in bytes with a binary prefix and one digit: `999 B`, `1.5 KiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let bytes = self.0;
        if bytes < 1024 {
            return write!(f, "{bytes} B");
        }
        let mut unit = 1024_u64;
        let mut name = "KiB";
        for larger in UNITS.iter().skip(1) {
            if bytes / unit < 1024 {
                break;
            }
            unit *= 1024;
            name = larger;
        }
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// Writes a number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let of = |number| grouped(number);
        assert_eq!(of(0), "0");
        assert_eq!(of(999), "999");
        assert_eq!(of(1_000), "1,000");
        assert_eq!(of(12_345_678), "12,345,678");
    }

    #[test]
    fn sizes_have_binary_prefixes() {
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Bytes(1024).to_string(), "1.0 KiB");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(1024 * 1024 - 1).to_string(), "1023.9 KiB");
        assert_eq!(Bytes(u64::MAX).to_string(), "15.9 EiB");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(Amount(1, "file").to_string(), "1 file");
        assert_eq!(Amount(0, "file").to_string(), "0 files");
    }
}
