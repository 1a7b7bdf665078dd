//! The query of a request.

use hyper::Request;

/// Names and values, in order, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        Self::parse(request.uri().query().unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Returns the first value of a name, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        let first = self.0.iter().find(|(found, _)| found == name);
        first.map_or("", |(_, value)| value)
    }

    /// Returns every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Says whether a name is there and its value is true.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1" | "t" | "T" | "TRUE" | "True")
    }

    /// Returns a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }
}

/// Undoes percent-encoding, and `+` for a blank. What is no encoding stands for itself.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = tail.get(2..).unwrap_or_default();
                    }
                    None => bytes.push(b'%'),
                }
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse(
            "command=sh&command=-c&command=echo+%22a%2Bb%22%20%3E%26&stdin=true&x&tail=7",
        );
        let command: Vec<_> = query.all("command").collect();
        assert_eq!(command, ["sh", "-c", "echo \"a+b\" >&"]);
        assert!(query.is_on("stdin") && !query.is_on("stdout") && !query.is_on("x"));
        assert_eq!(query.number("tail"), Some(7));
        assert_eq!(Query::parse("a=%4").text("a"), "%4");
    }
}
