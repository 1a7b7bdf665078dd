//! A small XML tree: elements and their text, strictly well-formed.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Elements deeper than this are nobody's annotation.
const DEPTH_MAX: usize = 64;

/// An element with what is inside it. Attributes are not kept.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Finds the first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Iterates over the children of a name.
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Gives the trimmed text directly inside the element.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }
}

/// Parses a document and gives its root element. The error says what is wrong, as half a sentence.
pub(super) fn parse(text: &[u8]) -> Result<Element, String> {
    let text = decode(text)?;
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader
            .read_event()
            .map_err(|error| format!("is not well-formed XML: {error}"))?
        {
            Event::Start(tag) => {
                if root.is_some() || open.len() >= DEPTH_MAX {
                    return Err(
                        "has a second root element, or elements nested too deeply".to_owned()
                    );
                }
                open.push(named(tag.name().as_ref()));
            }
            Event::Empty(tag) => {
                let element = named(tag.name().as_ref());
                close(element, &mut open, &mut root)?;
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root)?;
                }
            }
            Event::Text(text) => add(&text, &mut open)?,
            Event::CData(text) => add(&text, &mut open)?,
            Event::GeneralRef(reference) => add(&resolve(&reference)?, &mut open)?,
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
    match (open.is_empty(), root) {
        (true, Some(root)) => Ok(root),
        (false, _) => Err("ends inside an element".to_owned()),
        (true, None) => Err("has no element".to_owned()),
    }
}

/// Documents are UTF-8, or say that they are Latin-1.
fn decode(text: &[u8]) -> Result<Cow<'_, str>, String> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Ok(text.into());
    }
    let head = String::from_utf8_lossy(&text[..text.len().min(100)]).to_lowercase();
    match head.contains("iso-8859-1") || head.contains("windows-1252") {
        true => Ok(text.iter().copied().map(char::from).collect()),
        false => Err("is not UTF-8".to_owned()),
    }
}

fn named(name: &str) -> Element {
    Element {
        name: name.to_owned(),
        ..Element::default()
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return Err("has a second root element".to_owned()),
    }
    Ok(())
}

fn add(text: &str, open: &mut [Element]) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        // A byte-order mark is not text.
        None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
        None => return Err("has text outside of the root element".to_owned()),
    }
    Ok(())
}

/// Only what XML itself defines is replaced. Declared entities are not, which also keeps bombs from going off.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character.to_string());
    }
    let name: &str = reference;
    let text = match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => {
            return Err(format!(
                "uses the entity &{}; that XML does not define",
                name
            ));
        }
    };
    Ok(text.to_owned())
}
