//! Label and field selectors.

use serde_json::Value;

use crate::Failure;
use crate::kinds::Kind;
use crate::store::{labels, str_at};

use super::request::Query;

/// What a list or watch is narrowed down to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    pointer: String,
    value: String,
    is_equal: bool,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub fn read(kind: &Kind, query: &Query) -> Result<Self, Failure> {
        Ok(Self {
            labels: query
                .get("labelSelector")
                .map_or_else(|| Ok(Vec::new()), parse_labels)?,
            fields: query
                .get("fieldSelector")
                .map_or_else(|| Ok(Vec::new()), |text| parse_fields(kind, text))?,
        })
    }

    /// Reads the `matchLabels` and `matchExpressions` of an object.
    #[must_use]
    pub fn of_object(selector: &Value) -> Self {
        let mut labels: Vec<Requirement> = selector["matchLabels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| Requirement {
                key: key.clone(),
                operator: Operator::In(vec![value.as_str().unwrap_or_default().to_owned()]),
            })
            .collect();
        for expression in selector["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let values = || {
                let values = expression["values"].as_array().into_iter().flatten();
                values
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            };
            let operator = match str_at(expression, "/operator") {
                "In" => Operator::In(values()),
                "NotIn" => Operator::NotIn(values()),
                "DoesNotExist" => Operator::Absent,
                _ => Operator::Exists,
            };
            labels.push(Requirement {
                key: str_at(expression, "/key").to_owned(),
                operator,
            });
        }
        Self {
            labels,
            fields: Vec::new(),
        }
    }

    /// Selects by labels that must all be there, as a Service does.
    #[must_use]
    pub fn of_labels(labels: &Value) -> Self {
        Self::of_object(&serde_json::json!({"matchLabels": labels}))
    }

    /// Says whether nothing is narrowed down.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Says whether an object is selected.
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        self.labels
            .iter()
            .all(|requirement| requirement.matches(object))
            && self.fields.iter().all(|field| field.matches(object))
    }
}

impl Requirement {
    fn matches(&self, object: &Value) -> bool {
        let found = labels(object)
            .and_then(|labels| labels.get(&self.key))
            .and_then(Value::as_str);
        match &self.operator {
            Operator::In(values) => {
                found.is_some_and(|found| values.iter().any(|value| value == found))
            }
            Operator::NotIn(values) => {
                found.is_none_or(|found| values.iter().all(|value| value != found))
            }
            Operator::Exists => found.is_some(),
            Operator::Absent => found.is_none(),
        }
    }
}

impl Field {
    fn matches(&self, object: &Value) -> bool {
        let found = match object.pointer(&self.pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None if self.pointer == "/spec/hostNetwork" => "false".to_owned(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        (found == self.value) == self.is_equal
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    split_outside_parentheses(text)
        .into_iter()
        .map(|part| parse_requirement(part.trim()))
        .collect()
}

/// Commas inside of `in (…)` separate values, not requirements.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

fn parse_requirement(text: &str) -> Result<Requirement, Failure> {
    let unparsable = |found: &str| {
        Failure::bad_request(format!(
            "unable to parse requirement: found '{found}', expected: identifier"
        ))
    };
    let requirement = |key: &str, operator| {
        let key = key.trim();
        if key.is_empty() {
            Err(unparsable(""))
        } else {
            Ok(Requirement {
                key: key.to_owned(),
                operator,
            })
        }
    };
    if let Some(key) = text.strip_prefix('!') {
        return requirement(key, Operator::Absent);
    }
    if let Some((key, values)) = text.split_once("!=") {
        return requirement(key, Operator::NotIn(vec![values.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value).trim();
        if value.starts_with('=') {
            return Err(unparsable("="));
        }
        return requirement(key, Operator::In(vec![value.to_owned()]));
    }
    if let Some((head, values)) = text.split_once('(') {
        let values: Vec<String> = values
            .trim_end_matches(')')
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect();
        return match head.trim().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => requirement(key, Operator::In(values)),
            Some((key, "notin")) => requirement(key, Operator::NotIn(values)),
            _ => Err(unparsable("(")),
        };
    }
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [key] => requirement(key, Operator::Exists),
        [_, second, ..] => Err(Failure::bad_request(format!(
            "unable to parse requirement: found '{second}', expected: in, notin, =, ==, !=, gt, lt"
        ))),
        [] => Err(unparsable("")),
    }
}

fn parse_fields(kind: &Kind, text: &str) -> Result<Vec<Field>, Failure> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| parse_field(kind, part))
        .collect()
}

fn parse_field(kind: &Kind, text: &str) -> Result<Field, Failure> {
    let (label, value, is_equal) = if let Some((label, value)) = text.split_once("!=") {
        (label, value, false)
    } else if let Some((label, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (label, value, true)
    } else {
        return Err(Failure::bad_request(format!(
            "invalid selector: '{text}'; can't understand '{text}'"
        )));
    };
    let known = known_fields(kind);
    let is_own = known.contains(&label);
    if !is_own && !matches!(label, "metadata.name" | "metadata.namespace") {
        return Err(Failure::bad_request(if known.is_empty() {
            format!(
                "\"{label}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )
        } else {
            format!("field label not supported: {label}")
        }));
    }
    let pointer = match label {
        "source" => "/source/component".to_owned(),
        label => format!("/{}", label.replace('.', "/")),
    };
    Ok(Field {
        pointer,
        value: value.to_owned(),
        is_equal,
    })
}

/// The fields that a kind can be selected by, beside name and namespace.
fn known_fields(kind: &Kind) -> &'static [&'static str] {
    match kind.plural {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "secrets" => &["type"],
        "namespaces" => &["status.phase"],
        "nodes" => &["spec.unschedulable"],
        "replicasets" => &["status.replicas"],
        "jobs" => &["status.successful"],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Query, Selector};
    use crate::kinds::{CONFIG_MAP, POD};

    fn matches(query: &str) -> bool {
        let pod = json!({
            "metadata": {"name": "p", "labels": {"app": "x", "tier": "back"}},
            "spec": {"nodeName": "n"}, "status": {"phase": "Running"},
        });
        Selector::read(&POD, &Query::read(query))
            .unwrap()
            .matches(&pod)
    }

    #[test]
    fn labels_select() {
        for query in [
            "app=x",
            "app==x,tier=back",
            "app",
            "!gone",
            "app in (y, x),tier notin (front)",
            "gone!=1",
        ] {
            assert!(matches(&format!("labelSelector={query}")), "{query}");
        }
        for query in [
            "app=y",
            "gone",
            "!app",
            "app in (y,z)",
            "tier notin (back)",
            "app!=x",
        ] {
            assert!(!matches(&format!("labelSelector={query}")), "{query}");
        }
    }

    #[test]
    fn fields_select() {
        assert!(matches(
            "fieldSelector=status.phase=Running,spec.nodeName=n,metadata.name!=q"
        ));
        assert!(!matches("fieldSelector=status.phase!=Running"));
    }

    #[test]
    fn unknown_fields_are_refused_as_real_servers_do() {
        let refusal = |kind, query: &str| {
            Selector::read(kind, &Query::read(query))
                .unwrap_err()
                .message
        };
        assert_eq!(
            refusal(&CONFIG_MAP, "fieldSelector=data=1"),
            "\"data\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        );
        assert_eq!(
            refusal(&POD, "fieldSelector=spec.bogus=1"),
            "field label not supported: spec.bogus"
        );
        assert_eq!(
            refusal(&POD, "labelSelector=a%3D%3D%3D"),
            "unable to parse requirement: found '=', expected: identifier"
        );
    }
}
