//! Times on the command line and in the environment.

use jiff::Timestamp;

use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;

/// The time that manifests carry: `SOURCE_DATE_EPOCH` if it is set, so that two runs give the same bytes.
pub(crate) fn of_manifest(environment: &Environment) -> Result<Timestamp, Failure> {
    let Some(text) = &environment.source_date_epoch else {
        return Ok(Timestamp::now());
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "usage.invalid-time",
                "SOURCE_DATE_EPOCH is not a number of seconds since 1970",
            )
            .at("argument", "SOURCE_DATE_EPOCH")
            .remedy("Set it to a whole number, or unset it.")
        })
}

/// A moment as people type it: RFC 3339, `now`, or `@` and seconds since 1970. Milliseconds since 1970.
pub(crate) fn milliseconds(text: &str) -> Result<u64, String> {
    let moment = match (text, text.strip_prefix('@')) {
        ("now", _) => Some(Timestamp::now()),
        (_, Some(seconds)) => seconds
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        _ => text.parse().ok(),
    };
    moment
        .and_then(|moment| u64::try_from(moment.as_millisecond()).ok())
        .ok_or_else(|| {
            "expected a time such as 2025-01-31T12:00:00Z, `now`, or @1738324800".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_spellings() {
        assert_eq!(
            milliseconds("2025-01-01T00:00:00.123Z"),
            Ok(1_735_689_600_123)
        );
        assert_eq!(
            milliseconds("2025-01-01T01:00:00+01:00"),
            Ok(1_735_689_600_000)
        );
        assert_eq!(milliseconds("@1735689600"), Ok(1_735_689_600_000));
        assert!(milliseconds("now").is_ok_and(|now| now > 1_735_689_600_000));
        assert!(milliseconds("1735689600").is_err());
        assert!(milliseconds("1969-12-31T00:00:00Z").is_err());
    }
}
