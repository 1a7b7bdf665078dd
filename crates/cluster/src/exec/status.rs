//! The status that ends an exec session: what comes on channel 3.

use serde::Deserialize;

use crate::far::End;

/// Longest status that is read; real ones have a few hundred bytes.
pub(super) const STATUS_MAX_BYTES: usize = 64 << 10;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    status: String,
    message: String,
    reason: String,
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

/// Reads a status; `None` as long as it is not whole.
pub(super) fn parse(bytes: &[u8]) -> Option<End> {
    let status: Status = serde_json::from_slice(bytes).ok()?;
    if status.status == "Success" {
        return Some(End::Success);
    }
    let mut causes = status.details.causes.iter();
    let code = causes.find(|cause| cause.reason == "ExitCode");
    match code.and_then(|cause| cause.message.parse().ok()) {
        Some(code) => Some(End::Exit(code)),
        None if status.message.is_empty() => Some(End::Refused(status.reason)),
        None => Some(End::Refused(status.message)),
    }
}

/// Makes do with what came before the connection ended.
pub(super) fn rest(bytes: &[u8]) -> Option<End> {
    let text = String::from_utf8_lossy(bytes);
    match text.trim() {
        "" => None,
        text => Some(End::Refused(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_real_clusters() {
        let check = |text: &str, expected| assert_eq!(parse(text.as_bytes()), expected, "{text}");
        check(r#"{"metadata":{},"status":"Success"}"#, Some(End::Success));
        check(
            r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit status 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#,
            Some(End::Exit(3)),
        );
        check(
            r#"{"metadata":{},"status":"Failure","message":"Internal error occurred: no such file","reason":"InternalError","details":{"causes":[{"message":"no such file"}]},"code":500}"#,
            Some(End::Refused(
                "Internal error occurred: no such file".to_owned(),
            )),
        );
        check(r#"{"metadata":{},"sta"#, None);
        check("", None);
    }

    #[test]
    fn what_is_no_status_is_told_as_it_came() {
        assert_eq!(rest(b"  "), None);
        assert_eq!(
            rest(b"not json\n"),
            Some(End::Refused("not json".to_owned()))
        );
    }
}
