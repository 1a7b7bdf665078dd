//! The three kinds of patch that are served: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch.

use serde_json::{Map, Value};

use crate::Failure;
use crate::kinds::Kind;

use super::decode;
use super::schema::schema;

/// Changes `object` by a patch of the given content type.
pub(super) fn apply(
    kind: &Kind,
    content_type: &str,
    patch: &[u8],
    object: &mut Value,
) -> Result<(), Failure> {
    let parse = || {
        decode::parse(patch)
            .map(|(value, _)| value)
            .map_err(|error| {
                let why = if error.is_eof() {
                    "unexpected end of JSON input".to_owned()
                } else {
                    error.to_string()
                };
                Failure::bad_request(format!("error decoding patch: {why}"))
            })
    };
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json-patch+json" => json_patch(&parse()?, object),
        "application/merge-patch+json" => {
            merge(&parse()?, object);
            Ok(())
        }
        "application/strategic-merge-patch+json" => {
            let node = schema().of(kind).unwrap_or(&Value::Null);
            strategic(node, &parse()?, object)
        }
        _ => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            "415: Unsupported Media Type",
        )),
    }
}

fn merge(patch: &Value, target: &mut Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else {
        return;
    };
    for (key, value) in fields {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(value, object.entry(key.clone()).or_insert(Value::Null));
        }
    }
}

/// What a real server answers to any JSON patch that does not fit.
fn rejected() -> Failure {
    Failure::new(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )
}

fn json_patch(patch: &Value, object: &mut Value) -> Result<(), Failure> {
    for operation in patch.as_array().ok_or_else(rejected)? {
        let text = |field: &str| {
            operation
                .get(field)
                .and_then(Value::as_str)
                .ok_or_else(rejected)
        };
        let value = || operation.get("value").cloned().ok_or_else(rejected);
        let path = text("path")?;
        match text("op")? {
            "add" => add(object, path, value()?)?,
            "remove" => {
                take(object, path)?;
            }
            "replace" => *object.pointer_mut(path).ok_or_else(rejected)? = value()?,
            "move" => {
                let moved = take(object, text("from")?)?;
                add(object, path, moved)?;
            }
            "copy" => {
                let copied = object
                    .pointer(text("from")?)
                    .cloned()
                    .ok_or_else(rejected)?;
                add(object, path, copied)?;
            }
            "test" if object.pointer(path) == operation.get("value") => {}
            _ => return Err(rejected()),
        }
    }
    Ok(())
}

fn split(path: &str) -> Result<(&str, String), Failure> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(rejected)?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), Failure> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    let (parent, last) = split(path)?;
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.insert(last, value);
        }
        Some(Value::Array(list)) if last == "-" => list.push(value),
        Some(Value::Array(list)) => {
            let index = last
                .parse()
                .ok()
                .filter(|index| *index <= list.len())
                .ok_or_else(rejected)?;
            list.insert(index, value);
        }
        _ => return Err(rejected()),
    }
    Ok(())
}

fn take(object: &mut Value, path: &str) -> Result<Value, Failure> {
    let (parent, last) = split(path)?;
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => map.remove(&last).ok_or_else(rejected),
        Some(Value::Array(list)) => {
            let index = last
                .parse()
                .ok()
                .filter(|index| *index < list.len())
                .ok_or_else(rejected)?;
            Ok(list.remove(index))
        }
        _ => Err(rejected()),
    }
}

/// Merges as the types say: lists with a merge key by that key, `$patch` and its relatives obeyed.
fn strategic(node: &Value, patch: &Value, target: &mut Value) -> Result<(), Failure> {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    match fields.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(fields));
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else {
        return Ok(());
    };
    for (key, value) in fields {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            remove_primitives(object, list, value);
        } else if key == "$retainKeys" {
            let kept = value.as_array().map_or(&[][..], Vec::as_slice);
            object.retain(|field, _| kept.iter().any(|name| name == field));
        }
    }
    let own: Vec<_> = fields
        .iter()
        .filter(|(key, _)| !key.starts_with('$'))
        .collect();
    for (key, value) in own {
        if value.is_null() {
            object.remove(key);
            continue;
        }
        let child = schema()
            .field(node, key)
            .or_else(|| node.get("additionalProperties"))
            .unwrap_or(&Value::Null);
        let entry = object.entry(key.clone()).or_insert(Value::Null);
        match (value.as_array(), merges_lists(child)) {
            (Some(list), true) => merge_list(child, list, entry)?,
            _ => strategic(child, value, entry)?,
        }
    }
    for (key, order) in fields {
        if let Some(list) = key.strip_prefix("$setElementOrder/")
            && let Some(found) = object.get_mut(list).and_then(Value::as_array_mut)
        {
            let merge_key = schema().field(node, list).and_then(merge_key);
            reorder(
                merge_key,
                order.as_array().map_or(&[][..], Vec::as_slice),
                found,
            );
        }
    }
    Ok(())
}

fn merges_lists(node: &Value) -> bool {
    node.get("x-kubernetes-patch-strategy")
        .and_then(Value::as_str)
        .is_some_and(|how| how.split(',').any(|part| part == "merge"))
}

fn merge_key(node: &Value) -> Option<&str> {
    node.get("x-kubernetes-patch-merge-key")
        .and_then(Value::as_str)
}

fn merge_list(node: &Value, patch: &[Value], target: &mut Value) -> Result<(), Failure> {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Some(list) = target.as_array_mut() else {
        return Ok(());
    };
    let items = node.get("items").unwrap_or(&Value::Null);
    let replaces = patch
        .iter()
        .any(|item| item.get("$patch").is_some_and(|how| how == "replace"));
    if replaces {
        list.clear();
    }
    for item in patch {
        let Some(key) = merge_key(node) else {
            if !list.contains(item) {
                list.push(item.clone());
            }
            continue;
        };
        let how = item.get("$patch").and_then(Value::as_str);
        if how == Some("replace") {
            continue;
        }
        let Some(value) = item.get(key) else {
            return Err(Failure::new(
                422,
                "Invalid",
                format!("map: {item} does not contain declared merge key: {key}"),
            ));
        };
        let found = list.iter().position(|one| one.get(key) == Some(value));
        match (how, found) {
            (Some("delete"), Some(index)) => {
                list.remove(index);
            }
            (Some("delete"), None) => {}
            (_, Some(index)) => {
                if let Some(one) = list.get_mut(index) {
                    strategic(items, item, one)?;
                }
            }
            (_, None) => {
                let mut new = Value::Object(Map::new());
                strategic(items, item, &mut new)?;
                list.push(new);
            }
        }
    }
    Ok(())
}

fn without_directives(fields: &Map<String, Value>) -> Map<String, Value> {
    let kept = fields
        .iter()
        .filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn remove_primitives(object: &mut Map<String, Value>, list: &str, gone: &Value) {
    let gone = gone.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(found) = object.get_mut(list).and_then(Value::as_array_mut) {
        found.retain(|value| !gone.contains(value));
    }
}

/// Puts the named elements into the order given; elements that are not named keep their place behind them.
fn reorder(key: Option<&str>, order: &[Value], list: &mut [Value]) {
    let id = |value: &Value| key.map_or_else(|| Some(value.clone()), |key| value.get(key).cloned());
    let wanted: Vec<Option<Value>> = order.iter().map(id).collect();
    list.sort_by_key(|value| {
        let own = id(value);
        wanted
            .iter()
            .position(|one| *one == own)
            .unwrap_or(usize::MAX)
    });
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::apply;
    use crate::kinds::{DEPLOYMENT, POD};

    fn check(content_type: &str, before: Value, patch: Value, after: Value) {
        let mut object = before;
        apply(
            &POD,
            content_type,
            patch.to_string().as_bytes(),
            &mut object,
        )
        .unwrap();
        assert_eq!(object, after);
    }

    const JSON: &str = "application/json-patch+json";
    const MERGE: &str = "application/merge-patch+json";
    const STRATEGIC: &str = "application/strategic-merge-patch+json";

    /// The examples of RFC 6902, appendix A, as far as they fit an object.
    #[test]
    fn json_patches_of_the_rfc() {
        let check = |before, patch, after| check(JSON, before, patch, after);
        check(
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        );
        check(
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            json!({"foo": ["bar", "qux", "baz"]}),
        );
        check(
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "remove", "path": "/baz"}]),
            json!({"foo": "bar"}),
        );
        check(
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            json!({"foo": ["bar", "baz"]}),
        );
        check(
            json!({"baz": "qux"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            json!({"baz": "boo"}),
        );
        check(
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        );
        check(
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            json!({"/": 9, "~1": 10}),
        );
        check(
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            json!({"foo": ["bar", ["abc", "def"]]}),
        );
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_invalid() {
        for patch in [
            json!([{"op": "test", "path": "/a", "value": 9}]),
            json!([{"op": "remove", "path": "/zz"}]),
        ] {
            let failure = apply(
                &POD,
                JSON,
                patch.to_string().as_bytes(),
                &mut json!({"a": 1}),
            )
            .unwrap_err();
            assert_eq!((failure.code, failure.reason), (422, "Invalid"));
        }
    }

    /// Examples of RFC 7386, appendix A.
    #[test]
    fn merge_patches_of_the_rfc() {
        let check = |before, patch, after| check(MERGE, before, patch, after);
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        );
        check(
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        );
        check(
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        );
        check(
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        );
        check(
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        );
    }

    #[test]
    fn strategic_patches_merge_lists_by_key() {
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        check(
            STRATEGIC,
            pod(json!([{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}])),
            pod(
                json!([{"name": "b", "image": "3"}, {"name": "c", "image": "4"}, {"name": "a", "args": ["y", "z"]}]),
            ),
            pod(
                json!([{"name": "a", "image": "1", "args": ["y", "z"]}, {"name": "b", "image": "3"}, {"name": "c", "image": "4"}]),
            ),
        );
        check(
            STRATEGIC,
            pod(json!([{"name": "a"}, {"name": "b"}])),
            pod(json!([{"name": "a", "$patch": "delete"}])),
            pod(json!([{"name": "b"}])),
        );
        check(
            STRATEGIC,
            json!({"metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}}}),
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"], "labels": {"x": null}}}),
            json!({"metadata": {"finalizers": ["b", "c"], "labels": {"y": "2"}}}),
        );
        check(
            STRATEGIC,
            pod(json!([{"name": "a"}, {"name": "b"}])),
            json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "image": "i"}]}}),
            pod(json!([{"name": "b", "image": "i"}, {"name": "a"}])),
        );
    }

    #[test]
    fn retained_keys_make_a_union_switch() {
        let mut object = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        apply(
            &DEPLOYMENT,
            STRATEGIC,
            patch.to_string().as_bytes(),
            &mut object,
        )
        .unwrap();
        assert_eq!(object, json!({"spec": {"strategy": {"type": "Recreate"}}}));
    }
}
