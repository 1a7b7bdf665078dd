//! A document as it was read: values with the places they stand at.

use super::Place;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
    /// What a YAML 1.1 reader would make of it, if something else.
    pub(super) retyped: Option<Kind>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    /// An unquoted date. Readers make an object of it that is neither text nor number.
    Date,
    Sequence(Vec<Node>),
    /// Keys are distinct.
    Mapping(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// As written; for a collection, what it is.
    pub(super) text: String,
    /// [`Kind::Text`] in every sound document.
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) retyped: Option<Kind>,
}

/// What a value is, in the words of JSON Schema, and dates besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    Date,
    Text,
    Sequence,
    Mapping,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::Date => "date",
            Kind::Text => "string",
            Kind::Sequence => "array",
            Kind::Mapping => "object",
        }
    }
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self.value {
            Value::Null => Kind::Null,
            Value::Boolean(_) => Kind::Boolean,
            Value::Number(_) => Kind::Number,
            Value::Text(_) => Kind::Text,
            Value::Date => Kind::Date,
            Value::Sequence(_) => Kind::Sequence,
            Value::Mapping(_) => Kind::Mapping,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Gives the entries of a mapping; nothing for any other value.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Gives the items of a sequence; nothing for any other value.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.is(key))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Counts the levels of nesting; a scalar has one.
    pub(super) fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Sequence(items) => items.iter().map(Node::depth).max(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.value.depth()).max(),
            _ => None,
        };
        1 + below.unwrap_or(0)
    }

    /// Counts the node and all below it.
    pub(super) fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::Sequence(items) => items.iter().map(Node::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| 1 + entry.value.size()).sum(),
            _ => 0,
        };
        1 + below
    }
}

impl Key {
    pub(super) fn is(&self, text: &str) -> bool {
        self.kind == Kind::Text && self.text == text
    }
}
