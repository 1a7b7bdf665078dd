//! Floating-point literals.

/// Says that a NaN was to be written, which the tree has no form for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number")]
pub struct NotANumber;

/// Decimal exponents from which on the exponent form is used: below 1e-6 and from 1e21.
const POSITIONAL: std::ops::Range<i32> = -6..21;

/// Appends the shortest decimal that reads back as `value`; infinities become `"+inf"` and `"-inf"` with their quotes.
///
/// Positional between 1e-6 and 1e21, with an always-signed exponent elsewhere (`1e-7`, `1e+21`); negative zero is `-0`.
pub fn float_into(value: f64, out: &mut Vec<u8>) -> Result<(), NotANumber> {
    if value.is_nan() {
        return Err(NotANumber);
    }
    if value.is_infinite() {
        out.extend_from_slice(if value.is_sign_positive() {
            b"\"+inf\""
        } else {
            b"\"-inf\""
        });
        return Ok(());
    }
    // `{:e}` gives the shortest digits as `d.ddde±x`; only their layout differs from ours.
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if POSITIONAL.contains(&exponent) {
        // `{}` never uses an exponent and is as short.
        out.extend_from_slice(format!("{value}").as_bytes());
    } else {
        out.extend_from_slice(format!("{mantissa}e{exponent:+}").as_bytes());
    }
    Ok(())
}
