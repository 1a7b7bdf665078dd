//! Numbers in plain decimal notation.

/// The shape of a token as type inference sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Numeric {
    /// Digits with an optional sign.
    Whole {
        /// `007`: a zero in front of further digits.
        zero_padded: bool,
        /// The value, if 64 bits hold it.
        value: Option<i64>,
    },
    /// With a point or an exponent; finite as a 64-bit float.
    Fraction,
    /// Not a number, or one that a float cannot hold.
    No,
}

/// A cell's value where a number is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole number that 64 bits hold.
    Whole(i64),
    /// A number with a fraction.
    Fraction(f64),
    /// A whole number beyond 64 bits.
    Large(f64),
    /// `inf`, or a number that a 64-bit float cannot hold.
    Infinite,
    /// The word `nan`, in some spelling.
    Nan,
}

impl Numeric {
    /// Classifies a trimmed, non-empty token. Digits are ASCII; underscores, thousands separators, words and hexadecimal are not
    /// numbers.
    pub(crate) fn of(token: &[u8]) -> Numeric {
        let unsigned = match token {
            [b'+' | b'-', rest @ ..] => rest,
            all => all,
        };
        if let Some(usual) = Numeric::of_usual(token, unsigned) {
            return usual;
        }
        let whole = digits(unsigned);
        if whole == unsigned.len() && whole > 0 {
            return Numeric::Whole {
                zero_padded: unsigned.len() > 1 && unsigned[0] == b'0',
                value: whole_value(token, unsigned),
            };
        }
        match is_decimal(unsigned, whole) && is_finite(token) {
            true => Numeric::Fraction,
            false => Numeric::No,
        }
    }
}

impl Numeric {
    /// Reads up to eighteen characters of digits with at most one point in a single pass: nearly every number there is.
    fn of_usual(token: &[u8], unsigned: &[u8]) -> Option<Numeric> {
        if !(1..=18).contains(&unsigned.len()) {
            return None;
        }
        let (mut value, mut points) = (0i64, 0usize);
        for &byte in unsigned {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                value = value * 10 + i64::from(digit);
            } else if byte == b'.' {
                points += 1;
            } else {
                return None;
            }
        }
        match points {
            0 => Some(Numeric::Whole {
                zero_padded: unsigned.len() > 1 && unsigned[0] == b'0',
                value: Some(if token[0] == b'-' { -value } else { value }),
            }),
            1 if unsigned.len() > 1 => Some(Numeric::Fraction),
            _ => None,
        }
    }
}

impl Number {
    /// Reads a trimmed, non-empty cell: plain decimal with an optional exponent, or the words `inf`, `infinity` and `nan` in any
    /// case.
    pub(crate) fn read(token: &[u8]) -> Option<Number> {
        let unsigned = match token {
            [b'+' | b'-', rest @ ..] => rest,
            all => all,
        };
        let whole = digits(unsigned);
        if whole == unsigned.len() && whole > 0 {
            return Some(match whole_value(token, unsigned) {
                Some(value) => Number::Whole(value),
                None => large(parse(token)),
            });
        }
        if is_decimal(unsigned, whole) {
            return Some(decimal(parse(token)));
        }
        word(unsigned)
    }

    /// Gives the value as a float, if it is finite.
    pub(crate) fn finite(self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the cluster compares as floats as well"
            )]
            Number::Whole(value) => Some(value as f64),
            Number::Fraction(value) | Number::Large(value) => Some(value),
            Number::Infinite | Number::Nan => None,
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len())
}

/// Matches `(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`, `whole` digits of which are known.
fn is_decimal(unsigned: &[u8], whole: usize) -> bool {
    let mut rest = &unsigned[whole..];
    let mut mantissa = whole;
    if let [b'.', fraction @ ..] = rest {
        let length = digits(fraction);
        mantissa += length;
        rest = &fraction[length..];
    }
    if mantissa == 0 {
        return false;
    }
    let exponent = match rest {
        [] => return true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => exponent,
        _ => return false,
    };
    !exponent.is_empty() && digits(exponent) == exponent.len()
}

fn whole_value(token: &[u8], unsigned: &[u8]) -> Option<i64> {
    // Eighteen digits cannot overflow, so the usual case is a plain loop.
    if unsigned.len() <= 18 {
        let value = unsigned
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        return Some(if token.first() == Some(&b'-') {
            -value
        } else {
            value
        });
    }
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// Only many digits or an exponent can leave the range of a float.
fn is_finite(token: &[u8]) -> bool {
    (token.len() < 300 && !token.iter().any(|byte| matches!(byte, b'e' | b'E')))
        || parse(token).is_finite()
}

fn parse(token: &[u8]) -> f64 {
    std::str::from_utf8(token)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(f64::NAN)
}

fn decimal(value: f64) -> Number {
    /// From here on, 2⁶³, a float is beyond a signed 64-bit integer.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match value {
        value if !value.is_finite() => Number::Infinite,
        value if value.fract() != 0.0 => Number::Fraction(value),
        #[expect(clippy::cast_possible_truncation, reason = "just compared")]
        value if (-LIMIT..LIMIT).contains(&value) => Number::Whole(value as i64),
        value => Number::Large(value),
    }
}

fn large(value: f64) -> Number {
    match value.is_finite() {
        true => Number::Large(value),
        false => Number::Infinite,
    }
}

fn word(unsigned: &[u8]) -> Option<Number> {
    let is = |word: &[u8]| unsigned.eq_ignore_ascii_case(word);
    if is(b"inf") || is(b"infinity") {
        return Some(Number::Infinite);
    }
    is(b"nan").then_some(Number::Nan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(value: i64) -> Numeric {
        Numeric::Whole {
            zero_padded: false,
            value: Some(value),
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(Numeric::of(b"-4"), whole(-4));
        assert_eq!(Numeric::of(b"+0"), whole(0));
        assert_eq!(Numeric::of(b"9223372036854775807"), whole(i64::MAX));
        assert_eq!(Numeric::of(b"-9223372036854775808"), whole(i64::MIN));
        let beyond = Numeric::Whole {
            zero_padded: false,
            value: None,
        };
        assert_eq!(Numeric::of(b"9223372036854775808"), beyond);
        assert_eq!(Numeric::of(b"99999999999999999999999999"), beyond);
        for padded in [&b"007"[..], b"-00", b"00501"] {
            assert!(matches!(
                Numeric::of(padded),
                Numeric::Whole {
                    zero_padded: true,
                    ..
                }
            ));
        }
    }

    #[test]
    fn fractions() {
        for token in ["3.14", "1e9", "2.", ".5", "-0.5", "00.5", "+1E-3"] {
            assert_eq!(Numeric::of(token.as_bytes()), Numeric::Fraction, "{token}");
        }
    }

    #[test]
    fn text_that_other_parsers_take_for_numbers() {
        for token in [
            "1_000", "1,5", "inf", "nan", "0x1p3", "1e400", ".", "+", "-", "e5", "1e", "1e+",
            "1.5.2", "١٢", "--1",
        ] {
            assert_eq!(Numeric::of(token.as_bytes()), Numeric::No, "{token}");
        }
    }

    #[test]
    fn values() {
        let read = |token: &str| Number::read(token.as_bytes());
        assert_eq!(read("1e3"), Some(Number::Whole(1000)));
        assert_eq!(read("1.0"), Some(Number::Whole(1)));
        assert_eq!(read("007"), Some(Number::Whole(7)));
        assert_eq!(read("1.5"), Some(Number::Fraction(1.5)));
        assert_eq!(read("1e400"), Some(Number::Infinite));
        assert_eq!(read("-Infinity"), Some(Number::Infinite));
        assert_eq!(read("NaN"), Some(Number::Nan));
        assert_eq!(
            read("9223372036854775808"),
            Some(Number::Large(9_223_372_036_854_775_808.0))
        );
        assert_eq!(read("1e19"), Some(Number::Large(1e19)));
        assert_eq!(read("1_000"), None);
        assert_eq!(read("0x10"), None);
        assert_eq!(read("ten"), None);
    }
}
