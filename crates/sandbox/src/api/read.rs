//! Reading: one object, a collection in pages, and following a collection.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use hyper::Response;
use serde_json::{Value, json};

use crate::failure::Cause;
use crate::kinds::Kind;
use crate::store::{ChangeKind, Object, Watch, name_of, namespace_of};
use crate::{Failure, Sandbox};

use super::body::{self, Body};
use super::request::{Info, Query};
use super::select::Selector;
use super::table::{Include, partial, table};

/// The form a client wants objects in, from its `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Plain,
    /// Laid out for printing.
    Table,
    /// Only the metadata.
    Partial,
}

impl Form {
    /// Takes the first form of an `Accept` header that is served; `None` if none is.
    #[must_use]
    pub(super) fn read(accept: &str) -> Option<Self> {
        if accept.is_empty() {
            return Some(Self::Plain);
        }
        accept.split(',').find_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let form = parts.find_map(|part| part.strip_prefix("as="));
            match (media, form) {
                ("application/json" | "application/*" | "*/*", None) => Some(Self::Plain),
                ("application/json", Some("Table")) => Some(Self::Table),
                (
                    "application/json",
                    Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                ) => Some(Self::Partial),
                _ => None,
            }
        })
    }
}

/// Reads one object in the form wanted.
pub(super) fn get(
    sandbox: &Sandbox,
    kind: &'static Kind,
    info: &Info,
    query: &Query,
    form: Form,
) -> Result<Value, Failure> {
    let namespace = if kind.is_namespaced() {
        info.namespace.as_str()
    } else {
        ""
    };
    let object = sandbox.store().get(kind, namespace, &info.name)?;
    Ok(shape(sandbox, kind, &object, query, form))
}

/// Brings one object into the form wanted.
#[must_use]
pub(super) fn shape(
    sandbox: &Sandbox,
    kind: &Kind,
    object: &Object,
    query: &Query,
    form: Form,
) -> Value {
    match form {
        Form::Plain => Value::clone(object),
        Form::Partial => partial(object),
        Form::Table => {
            let version = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            table(
                kind,
                &[object],
                &version,
                Include::read(query.get("includeObject")),
                sandbox.clock().now(),
            )
        }
    }
}

/// Reads a collection, narrowed down and in pages if the query says so.
pub(super) fn list(
    sandbox: &Sandbox,
    kind: &'static Kind,
    info: &Info,
    query: &Query,
    form: Form,
) -> Result<Value, Failure> {
    let selector = Selector::read(kind, query)?;
    check_version(sandbox, query)?;
    let (objects, version) = sandbox.store().list(kind, scope(kind, info));
    let mut chosen: Vec<&Object> = objects
        .iter()
        .filter(|object| selector.matches(object))
        .collect();
    let mut metadata = json!({"resourceVersion": version.to_string()});
    cut_page(query, &mut chosen, &mut metadata)?;
    let now = sandbox.clock().now();
    Ok(match form {
        Form::Table => {
            let chosen: Vec<&Value> = chosen.iter().map(|object| &***object).collect();
            table(
                kind,
                &chosen,
                &metadata,
                Include::read(query.get("includeObject")),
                now,
            )
        }
        Form::Partial => {
            let items: Vec<Value> = chosen.iter().map(|object| partial(object)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
        Form::Plain => {
            let items: Vec<Value> = chosen.iter().map(|object| without_kind(object)).collect();
            json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
        }
    })
}

/// Items of a list do not repeat what the list says.
fn without_kind(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("kind");
        object.remove("apiVersion");
    }
    object
}

fn scope<'a>(kind: &Kind, info: &'a Info) -> Option<&'a str> {
    (kind.is_namespaced() && !info.namespace.is_empty()).then_some(info.namespace.as_str())
}

fn check_version(sandbox: &Sandbox, query: &Query) -> Result<u64, Failure> {
    let Some(text) = query.get("resourceVersion") else {
        return Ok(0);
    };
    let Ok(asked) = text.parse::<u64>() else {
        return Err(Failure::bad_request(format!(
            "invalid resource version: {}",
            no_version(text)
        )));
    };
    let current = sandbox.store().version();
    if asked > current {
        let mut failure = Failure::new(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {asked}, current: {current}"),
        );
        failure.retry_after_seconds = Some(1);
        failure.causes = vec![Cause {
            reason: "ResourceVersionTooLarge",
            field: String::new(),
            message: "Too large resource version".to_owned(),
        }];
        return Err(failure);
    }
    Ok(asked)
}

fn no_version(text: &str) -> String {
    format!(
        "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
    )
}

/// Cuts one page out of the objects, which are in order. The token names the last object of the page before.
fn cut_page(query: &Query, chosen: &mut Vec<&Object>, metadata: &mut Value) -> Result<(), Failure> {
    let key = |object: &Object| format!("{}/{}", namespace_of(object), name_of(object));
    if let Some(token) = query.get("continue") {
        let last = BASE64URL_NOPAD
            .decode(token.as_bytes())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| {
            Failure::bad_request("continue key is not valid: illegal base64 data")
        })?;
        let (namespace, name) = last.split_once('/').unwrap_or_default();
        chosen.retain(|object| (namespace_of(object), name_of(object)) > (namespace, name));
    }
    let limit = query
        .number("limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| *limit > 0);
    if let Some(limit) = limit
        && chosen.len() > limit
    {
        metadata["remainingItemCount"] = (chosen.len() - limit).into();
        chosen.truncate(limit);
        if let Some(last) = chosen.last() {
            metadata["continue"] = BASE64URL_NOPAD.encode(key(last).as_bytes()).into();
        }
    }
    Ok(())
}

/// How often a watcher that wants bookmarks gets one while nothing happens.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// How long a watch lasts when the client sets no limit. Servers take a random time from here on.
const WATCH_SECONDS: u64 = 1800;

/// Follows a collection.
pub(super) fn watch(
    sandbox: &Sandbox,
    kind: &'static Kind,
    info: &Info,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let mut selector = Selector::read(kind, query)?;
    if !info.name.is_empty() {
        selector = Selector::read(
            kind,
            &Query::read(&format!("fieldSelector=metadata.name={}", info.name)),
        )?;
    }
    let asked = match query.get("resourceVersion") {
        None | Some("") => 0,
        // A list calls the same thing a bad request; a watch gives a code and no reason.
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| Failure::new(500, "", no_version(text)))?,
    };
    let namespace = scope(kind, info);
    let wants_initial = query.is_set("sendInitialEvents");
    let mut pending = Vec::new();
    let seconds = query.number("timeoutSeconds").unwrap_or(WATCH_SECONDS);
    let mut follower = Follower {
        sandbox: sandbox.clone(),
        kind,
        selector,
        form,
        include: Include::read(query.get("includeObject")),
        wants_bookmarks: query.is_set("allowWatchBookmarks"),
        watch: None,
        pending: Vec::new(),
        until: tokio::time::Instant::now() + Duration::from_secs(seconds),
        bookmark_at: tokio::time::Instant::now() + BOOKMARK_EVERY,
        has_columns: true,
    };
    let begun = if asked == 0 || wants_initial {
        let (objects, version) = sandbox.store().list(kind, namespace);
        for object in &objects {
            if follower.selector.matches(object) {
                pending.push(follower.event("ADDED", object));
            }
        }
        if wants_initial && follower.wants_bookmarks {
            pending.push(follower.bookmark(version, true));
        }
        sandbox.store().watch(kind, namespace, Some(version))
    } else {
        sandbox.store().watch(kind, namespace, Some(asked))
    };
    match begun {
        Ok(watch) => follower.watch = Some(watch),
        // A watch that cannot begin says so inside of an answer that is otherwise fine.
        Err(failure) => pending.push(line("ERROR", &failure.to_status())),
    }
    pending.reverse();
    follower.pending = pending;
    let lines = stream::unfold(follower, |mut follower| async move {
        let line = follower.next().await?;
        Some((Ok(line), follower))
    });
    let mut response = Response::new(body::stream(lines));
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

struct Follower {
    sandbox: Sandbox,
    kind: &'static Kind,
    selector: Selector,
    form: Form,
    include: Include,
    wants_bookmarks: bool,
    /// Gone once there is nothing more to follow.
    watch: Option<Watch>,
    /// Lines to send first, the last one first.
    pending: Vec<Bytes>,
    until: tokio::time::Instant,
    bookmark_at: tokio::time::Instant,
    /// Whether the next table still carries the columns; clients take them from the first.
    has_columns: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(line) = self.pending.pop() {
            return Some(line);
        }
        loop {
            let watch = self.watch.as_mut()?;
            let change = tokio::select! {
                change = watch.next() => change,
                () = tokio::time::sleep_until(self.until) => return None,
                () = self.sandbox.stopping().cancelled() => return None,
                () = tokio::time::sleep_until(self.bookmark_at), if self.wants_bookmarks => {
                    self.bookmark_at += BOOKMARK_EVERY;
                    let seen = watch.seen();
                    return Some(self.bookmark(seen, false));
                }
            };
            let change = match change {
                Ok(change) => change,
                Err(failure) => {
                    self.watch = None;
                    return Some(line("ERROR", &failure.to_status()));
                }
            };
            let matched = change
                .previous
                .as_ref()
                .is_some_and(|previous| self.selector.matches(previous));
            let matches =
                change.change != ChangeKind::Deleted && self.selector.matches(&change.object);
            let what = match (matched, matches) {
                (false, true) => "ADDED",
                (true, true) => "MODIFIED",
                (true, false) => "DELETED",
                (false, false) => continue,
            };
            return Some(self.event(what, &change.object));
        }
    }

    fn event(&mut self, what: &str, object: &Object) -> Bytes {
        let object = match self.form {
            Form::Plain => return line(what, object),
            Form::Partial => partial(object),
            Form::Table => {
                let version = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let mut table = table(
                    self.kind,
                    &[object],
                    &version,
                    self.include,
                    self.sandbox.clock().now(),
                );
                if !std::mem::take(&mut self.has_columns) {
                    table["columnDefinitions"] = Value::Null;
                }
                table
            }
        };
        line(what, &object)
    }

    fn bookmark(&self, version: u64, is_end_of_initial: bool) -> Bytes {
        let mut metadata =
            json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if is_end_of_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        line(
            "BOOKMARK",
            &json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata}),
        )
    }
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{what}\",\"object\":{object}}}\n").into()
}
