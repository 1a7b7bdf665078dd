//! The API server's clock, which is the only one that ages are measured with.

use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use kube::core::Request;
use kube::core::params::ListParams;

use crate::Connection;
use crate::api::{ApiError, Call};

/// Asks the server what time it is, to the second. Any answer says it, one that refuses too.
pub(crate) async fn of_server(connection: &Connection) -> Result<Option<Timestamp>, ApiError> {
    let call = Call::of("get", "the server's version", "", "");
    connection
        .ask(call, |client| async move {
            let request = Request::new("/version")
                .list(&ListParams::default())
                .map_err(kube::Error::BuildRequest)?;
            let answer = client.send(request.map(Body::from)).await?;
            let date = answer.headers().get("date");
            let date = date.and_then(|date| date.to_str().ok());
            Ok(date.and_then(parse))
        })
        .await
}

/// Reads the date of an HTTP answer.
pub(crate) fn parse(date: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date);
    parsed.ok()
}

/// Says how long ago something was, as people say it: in its largest unit.
pub(crate) fn ago(age: SignedDuration) -> String {
    match age.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        // RFC 9110, 5.6.7.
        let date = parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, text) in [(45, "45 s"), (60, "1 min"), (7199, "1 h"), (200_000, "2 d")] {
            assert_eq!(ago(SignedDuration::from_secs(seconds)), text);
        }
    }
}
