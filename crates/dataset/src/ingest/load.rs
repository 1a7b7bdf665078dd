//! Text to nodes. JSON comes the same way, being YAML.

use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::Place;
use super::node::{Entry, Key, Kind, Node, Value};
use super::scalar;

/// Longest text that is read. A schema of 4000 columns with names of 64 characters is a quarter of this.
pub(super) const MAX_TEXT_BYTES: usize = 4 << 20;
/// Most values and keys, those that aliases repeat counted every time.
const MAX_NODES: usize = 200_000;
/// Deepest nesting; a sound document has five levels. Keeps recursion over nodes off the end of the stack.
const MAX_DEPTH: usize = 64;

/// Says why a text is no document at all, so that nothing in it could be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADocument {
    /// Longer than any document has reason to be.
    #[error("the document has {size_bytes} bytes, and more than {limit_bytes} are not read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The most that is read.
        limit_bytes: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("the document is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Of the first offending byte, from 0.
        offset: usize,
    },
    /// No text, or only blanks.
    #[error("the document is empty")]
    Empty,
    /// Neither YAML nor JSON.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where reading stopped.
        place: Place,
        /// What the reader says about it.
        reason: String,
    },
    /// A mapping that names a key twice.
    #[error("{place}: the key '{key}' is there already, at {first}")]
    DuplicateKey {
        /// The second one.
        place: Place,
        /// The key.
        key: String,
        /// The first one.
        first: Place,
    },
    /// A file of several documents. Only one would be looked at.
    #[error("{place}: a second document begins; a file holds one")]
    SeveralDocuments {
        /// Where the second begins.
        place: Place,
    },
    /// Something else than keys with values.
    #[error("{place}: a mapping of keys to values is needed, this is of type {found}")]
    NotAMapping {
        /// Where it begins.
        place: Place,
        /// What it is.
        found: &'static str,
    },
    /// A key of the document itself that is not text.
    #[error("{place}: the key '{key}' is of type {found} and must be a string")]
    KeyNotText {
        /// Where it stands.
        place: Place,
        /// As written.
        key: String,
        /// What it is.
        found: &'static str,
    },
    /// A type that a document has no use for.
    #[error("{place}: the tag '{tag}' is not known here")]
    UnknownTag {
        /// The tagged value.
        place: Place,
        /// The tag.
        tag: String,
    },
    /// Too much of it, or too deeply nested, aliases written out.
    #[error("{place}: the document has too many values or is nested too deeply")]
    TooComplex {
        /// Where reading stopped.
        place: Place,
    },
}

impl NotADocument {
    /// Gives the place where reading stopped, where there is one.
    pub fn place(&self) -> Option<Place> {
        match self {
            NotADocument::TooLarge { .. } | NotADocument::NotUtf8 { .. } | NotADocument::Empty => {
                None
            }
            NotADocument::Syntax { place, .. }
            | NotADocument::DuplicateKey { place, .. }
            | NotADocument::SeveralDocuments { place }
            | NotADocument::NotAMapping { place, .. }
            | NotADocument::KeyNotText { place, .. }
            | NotADocument::UnknownTag { place, .. }
            | NotADocument::TooComplex { place } => Some(*place),
        }
    }
}

/// Reads the one mapping that a text must hold. Its own keys are text; those further down may be anything.
pub(super) fn load(text: &[u8]) -> Result<Node, NotADocument> {
    let root = load_mapping(text)?;
    let mut entries = root.entries().iter();
    match entries.find(|entry| entry.key.kind != Kind::Text) {
        Some(Entry { key, .. }) => Err(NotADocument::KeyNotText {
            place: key.place,
            key: key.text.clone(),
            found: key.kind.name(),
        }),
        None => Ok(root),
    }
}

/// Reads the one mapping that a text must hold, whatever its keys are.
pub(super) fn load_mapping(text: &[u8]) -> Result<Node, NotADocument> {
    let text = decode(text)?;
    let Some(root) = Loader::default().read(text)? else {
        return Err(NotADocument::NotAMapping {
            place: Place::START,
            found: Kind::Null.name(),
        });
    };
    if root.kind() != Kind::Mapping {
        return Err(NotADocument::NotAMapping {
            place: root.place,
            found: root.kind().name(),
        });
    }
    Ok(root)
}

fn decode(text: &[u8]) -> Result<&str, NotADocument> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(NotADocument::TooLarge {
            size_bytes: text.len(),
            limit_bytes: MAX_TEXT_BYTES,
        });
    }
    let text = std::str::from_utf8(text).map_err(|error| NotADocument::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim().is_empty() {
        true => Err(NotADocument::Empty),
        false => Ok(text),
    }
}

/// Builds nodes from events without recursion.
#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
}

/// A collection whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        merged: Vec<Node>,
        key: Option<PendingKey>,
    },
}

enum PendingKey {
    Key(Key),
    /// `<<`, whose value's entries belong to the mapping itself.
    Merge,
}

impl Loader {
    fn read(mut self, text: &str) -> Result<Option<Node>, NotADocument> {
        let options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
            emit_comments: false,
        };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(syntax)?;
            self.event(event, place(&span))?;
        }
        Ok(self.root)
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), NotADocument> {
        match event {
            Event::DocumentStart(..) => self.document(place),
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar_node(&text, style, tag.as_deref(), place)?;
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                self.node(node, anchor, Some(&text), merge)
            }
            Event::SequenceStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", place)?;
                self.begin(place, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "map", place)?;
                let content = Content::Mapping {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.begin(place, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn document(&mut self, place: Place) -> Result<(), NotADocument> {
        self.documents += 1;
        match self.documents {
            1 => Ok(()),
            _ => Err(NotADocument::SeveralDocuments { place }),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), NotADocument> {
        if self.open.len() >= MAX_DEPTH {
            return Err(NotADocument::TooComplex { place });
        }
        self.open.push(Open {
            place,
            anchor,
            content,
        });
        Ok(())
    }

    fn end(&mut self, end: Place) -> Result<(), NotADocument> {
        let Some(Open {
            place,
            anchor,
            content,
        }) = self.open.pop()
        else {
            return Err(NotADocument::Syntax {
                place: end,
                reason: "a collection ends that never began".to_owned(),
            });
        };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping {
                entries, merged, ..
            } => mapping(entries, merged)?,
        };
        self.node(
            Node {
                value,
                place,
                retyped: None,
            },
            anchor,
            None,
            false,
        )
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), NotADocument> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(NotADocument::Syntax {
                place,
                reason: "an alias stands inside what it stands for".to_owned(),
            });
        };
        self.charge(&node, place)?;
        let written = node.text().map(str::to_owned);
        self.node(node, 0, written.as_deref(), false)
    }

    /// Puts a finished node where it belongs. `written` is a scalar's text, which names it if it is a key.
    fn node(
        &mut self,
        node: Node,
        anchor: usize,
        written: Option<&str>,
        merge: bool,
    ) -> Result<(), NotADocument> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(NotADocument::TooComplex { place: node.place });
        }
        if anchor != 0 {
            self.charge(&node, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping {
                entries,
                merged,
                key,
            }) => match key.take() {
                None if merge => *key = Some(PendingKey::Merge),
                None => *key = Some(PendingKey::Key(name(&node, written))),
                Some(PendingKey::Merge) => merged.push(node),
                Some(PendingKey::Key(key)) => entries.push(Entry { key, value: node }),
            },
        }
        Ok(())
    }

    /// Counts a copy of a node against the limits, before it is made.
    fn charge(&mut self, node: &Node, place: Place) -> Result<(), NotADocument> {
        self.nodes = self.nodes.saturating_add(node.size());
        match self.nodes > MAX_NODES || self.open.len() + node.depth() > MAX_DEPTH {
            true => Err(NotADocument::TooComplex { place }),
            false => Ok(()),
        }
    }
}

fn name(node: &Node, written: Option<&str>) -> Key {
    Key {
        text: written.unwrap_or(node.kind().name()).to_owned(),
        kind: node.kind(),
        place: node.place,
        retyped: node.retyped,
    }
}

fn mapping(entries: Vec<Entry>, merged: Vec<Node>) -> Result<Value, NotADocument> {
    let mut seen: HashMap<(Kind, &str), Place> = HashMap::new();
    for Entry { key, .. } in &entries {
        if let Some(first) = seen.insert((key.kind, &key.text), key.place) {
            return Err(NotADocument::DuplicateKey {
                place: key.place,
                key: key.text.clone(),
                first,
            });
        }
    }
    match merged.is_empty() {
        true => Ok(Value::Mapping(entries)),
        false => merge(entries, merged),
    }
}

/// Adds the entries of merged mappings. What is written out wins, then what is merged first.
fn merge(mut entries: Vec<Entry>, merged: Vec<Node>) -> Result<Value, NotADocument> {
    let mut taken: HashSet<(Kind, String)> = entries
        .iter()
        .map(|Entry { key, .. }| (key.kind, key.text.clone()))
        .collect();
    for source in merged.into_iter().flat_map(flatten) {
        let Value::Mapping(additions) = source.value else {
            return Err(NotADocument::Syntax {
                place: source.place,
                reason: "'<<' takes mappings only".to_owned(),
            });
        };
        entries.extend(
            additions
                .into_iter()
                .filter(|Entry { key, .. }| taken.insert((key.kind, key.text.clone()))),
        );
    }
    Ok(Value::Mapping(entries))
}

fn flatten(node: Node) -> Vec<Node> {
    match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    }
}

fn scalar_node(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: Place,
) -> Result<Node, NotADocument> {
    let plain = |value| {
        Ok(Node {
            value,
            place,
            retyped: None,
        })
    };
    match tag {
        None if style == ScalarStyle::Plain => {
            let value = scalar::resolve(text);
            let node = Node {
                value,
                place,
                retyped: None,
            };
            let legacy = scalar::legacy_kind(text);
            Ok(Node {
                retyped: (legacy != node.kind()).then_some(legacy),
                ..node
            })
        }
        None => plain(Value::Text(text.to_owned())),
        Some(tag) => match tag.core_suffix() {
            Some("str") => plain(Value::Text(text.to_owned())),
            Some("int" | "float" | "bool" | "null" | "timestamp") => plain(scalar::resolve(text)),
            _ if tag.original() == "!" => plain(Value::Text(text.to_owned())),
            _ => Err(NotADocument::UnknownTag {
                place,
                tag: tag.original(),
            }),
        },
    }
}

fn collection_tag(tag: Option<&Tag>, expected: &str, place: Place) -> Result<(), NotADocument> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(expected) && tag.original() != "!" => {
            Err(NotADocument::UnknownTag {
                place,
                tag: tag.original(),
            })
        }
        _ => Ok(()),
    }
}

fn syntax(error: ScanError) -> NotADocument {
    let marker = error.marker();
    NotADocument::Syntax {
        place: at(marker.line(), marker.col()),
        reason: error.info(),
    }
}

fn place(span: &Span) -> Place {
    at(span.start.line(), span.start.col())
}

/// The parser counts lines from 1 and columns from 0.
fn at(line: usize, column: usize) -> Place {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Place {
        line: number(line),
        column: number(column).saturating_add(1),
    }
}
