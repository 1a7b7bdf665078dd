//! What a path and a method mean: the verb, the resource, the place.

use std::collections::BTreeMap;

use crate::kinds::{self, Kind};

/// A request that names a resource, as authorisation and fault script see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the method in lower case for paths
    /// that are no resource.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Version of the group.
    pub version: String,
    /// Plural.
    pub resource: String,
    /// What follows the name, such as `status`.
    pub subresource: String,
    /// Namespace, empty for the whole cluster.
    pub namespace: String,
    /// Name, empty for the collection.
    pub name: String,
    /// The whole path.
    pub path: String,
}

impl Info {
    /// Reads a request line. Paths that are no resource have an empty `resource`.
    #[must_use]
    pub fn read(method: &str, path: &str, query: &Query) -> Self {
        let mut info = Self {
            path: path.to_owned(),
            verb: method.to_lowercase(),
            ..Self::default()
        };
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("api") => {}
            Some("apis") => match parts.next() {
                Some(group) => group.clone_into(&mut info.group),
                None => return info,
            },
            _ => return info,
        }
        let Some(version) = parts.next() else {
            return info;
        };
        version.clone_into(&mut info.version);
        let rest: Vec<&str> = parts.collect();
        info.place(&rest);
        if !info.resource.is_empty() {
            info.verb = verb(method, &info.name, query).to_owned();
        }
        info
    }

    fn place(&mut self, rest: &[&str]) {
        let rest = match rest {
            // The namespace itself and its subresources, not something inside it.
            ["namespaces", name, "status" | "finalize"] => {
                (*name).clone_into(&mut self.namespace);
                rest
            }
            ["namespaces", namespace, inside @ ..] => {
                (*namespace).clone_into(&mut self.namespace);
                if inside.is_empty() { rest } else { inside }
            }
            other => other,
        };
        let mut set = |field: usize, value: &str| match field {
            0 => value.clone_into(&mut self.resource),
            1 => value.clone_into(&mut self.name),
            _ => {
                if !self.subresource.is_empty() {
                    self.subresource.push('/');
                }
                self.subresource.push_str(value);
            }
        };
        for (field, value) in rest.iter().enumerate() {
            set(field, value);
        }
    }

    /// Returns the kind, if it is one that is kept in the store.
    #[must_use]
    pub fn kind(&self) -> Option<&'static Kind> {
        if self.version == "v1" {
            kinds::find(&self.group, &self.resource)
        } else {
            None
        }
    }

    /// Spells `resource/subresource`.
    #[must_use]
    pub fn whole_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

fn verb(method: &str, name: &str, query: &Query) -> &'static str {
    match method {
        "GET" | "HEAD" if query.is_set("watch") => "watch",
        "GET" | "HEAD" if name.is_empty() => "list",
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        _ => "unknown",
    }
}

/// The query of a request, percent-decoded; of a repeated key every value is kept.
#[derive(Clone, Debug, Default)]
pub struct Query {
    values: BTreeMap<String, Vec<String>>,
}

impl Query {
    /// Reads the part behind the question mark.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            values
                .entry(percent_decode(key))
                .or_default()
                .push(percent_decode(value));
        }
        Self { values }
    }

    /// Returns the first value of a key, unless it is empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .and_then(|values| values.first())
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns every value of a key.
    #[must_use]
    pub fn all(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// Says whether a switch is on: `true`, `1`, or the key alone.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.values
            .get(key)
            .and_then(|values| values.first())
            .is_some_and(|value| !matches!(value.as_str(), "false" | "0"))
    }

    /// Returns a key's value as a number, if it is one.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(|value| value.parse().ok())
    }
}

/// Decodes `%XX` and `+`. What is no escape stays as it is; what is no UTF-8 afterwards is replaced.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high * 16 + low, after)),
            _ => None,
        };
        match escaped {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{Info, Query, percent_decode};

    fn check(method: &str, target: &str, expected: &str) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let info = Info::read(method, path, &Query::read(query));
        let found = format!(
            "{} {} {} {} {}",
            info.verb,
            info.group,
            info.whole_resource(),
            info.namespace,
            info.name
        );
        assert_eq!(found, expected, "{method} {target}");
    }

    #[test]
    fn request_lines_become_verbs() {
        check("GET", "/api/v1/pods", "list  pods  ");
        check("GET", "/api/v1/pods?watch=true", "watch  pods  ");
        check("GET", "/api/v1/pods?watch=0", "list  pods  ");
        check("GET", "/api/v1/namespaces/a/pods/p", "get  pods a p");
        check(
            "POST",
            "/api/v1/namespaces/a/pods/p/exec",
            "create  pods/exec a p",
        );
        check("GET", "/api/v1/namespaces/a", "get  namespaces a a");
        check(
            "PUT",
            "/api/v1/namespaces/a/finalize",
            "update  namespaces/finalize a a",
        );
        check(
            "DELETE",
            "/apis/batch/v1/namespaces/a/jobs",
            "deletecollection batch jobs a ",
        );
        check(
            "PATCH",
            "/apis/batch/v1/namespaces/a/jobs/j/status",
            "patch batch jobs/status a j",
        );
        check("GET", "/version", "get    ");
        check("GET", "/apis/batch", "get batch   ");
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::read("command=a%20b&command=c+d&stdin=1&watch=false&x=%zz");
        assert_eq!(query.all("command"), ["a b", "c d"]);
        assert!(query.is_set("stdin") && !query.is_set("watch") && !query.is_set("tty"));
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
    }
}
