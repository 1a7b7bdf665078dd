//! The tree's JSON, byte for byte.
//!
//! A serialiser of the usual kind decides indentation, escaping and number forms by itself, and two of them rarely agree. The files of a
//! dump must be identical for identical input whoever writes them, so every byte is decided here. Reading is serde_json's job.
//!
//! Invariants:
//! * The output is valid JSON and valid UTF-8 for any input bytes.
//! * Members stay in the order in which they are written; nothing is sorted, dropped or merged.

mod number;
mod string;

pub use number::{NotANumber, float_into};
pub use string::{Escape, lossy, string_into};

use data_encoding::BASE64URL_NOPAD;

/// Selects the white space of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One member per line, two blanks a level, `": "`; empty containers stay on one line. No final newline.
    Indented,
    /// No white space at all: the lines of `.jsonl` files, without their newline.
    Compact,
}

/// Appends one JSON document to a buffer, member by member.
///
/// The caller keeps the order straight: a [`name`](Writer::name) before each value of an object, an end for each begin. Nothing checks it.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    style: Style,
    escape: Escape,
    depth: usize,
    place: Place,
}

/// Where the next value or name stands; decides the white space before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// First in its container.
    First,
    /// After another element.
    Next,
    /// After a member's name, or at the very start.
    Inline,
}

impl<'a> Writer<'a> {
    /// Starts a document at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, style: Style, escape: Escape) -> Writer<'a> {
        Writer {
            out,
            style,
            escape,
            depth: 0,
            place: Place::Inline,
        }
    }

    /// Starts an object, as a value.
    pub fn begin_object(&mut self) {
        self.begin(b'{');
    }

    /// Ends the innermost container, which is an object.
    pub fn end_object(&mut self) {
        self.end(b'}');
    }

    /// Starts an array, as a value.
    pub fn begin_array(&mut self) {
        self.begin(b'[');
    }

    /// Ends the innermost container, which is an array.
    pub fn end_array(&mut self) {
        self.end(b']');
    }

    /// Writes a member's name; each invalid UTF-8 byte in it becomes `\ufffd`.
    pub fn name(&mut self, name: impl AsRef<[u8]>) {
        self.lead();
        string_into(name.as_ref(), self.escape, self.out);
        self.out.extend_from_slice(match self.style {
            Style::Indented => b": ",
            Style::Compact => b":",
        });
        self.place = Place::Inline;
    }

    /// Writes a string; each invalid UTF-8 byte in it becomes `\ufffd`.
    pub fn string(&mut self, value: impl AsRef<[u8]>) {
        self.lead();
        string_into(value.as_ref(), self.escape, self.out);
    }

    /// Writes bytes without loss: a string if they are UTF-8, otherwise `{"base64":"…"}` in base64url without padding.
    pub fn bytes(&mut self, value: &[u8]) {
        if std::str::from_utf8(value).is_ok() {
            return self.string(value);
        }
        self.begin_object();
        self.name("base64");
        self.string(BASE64URL_NOPAD.encode(value));
        self.end_object();
    }

    /// Writes an integer in plain decimal.
    pub fn integer(&mut self, value: impl Into<i128>) {
        self.literal(value.into().to_string().as_bytes());
    }

    /// Writes a float in its shortest form; infinities become the strings `"+inf"` and `"-inf"`.
    ///
    /// NaN has no form in the tree and is an error; nothing is written then.
    pub fn float(&mut self, value: f64) -> Result<(), NotANumber> {
        if value.is_nan() {
            return Err(NotANumber);
        }
        self.lead();
        float_into(value, self.out)
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.literal(if value { b"true" } else { b"false" });
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.literal(b"null");
    }

    fn literal(&mut self, text: &[u8]) {
        self.lead();
        self.out.extend_from_slice(text);
    }

    fn begin(&mut self, bracket: u8) {
        self.lead();
        self.out.push(bracket);
        self.depth += 1;
        self.place = Place::First;
    }

    fn end(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if self.place != Place::First {
            self.break_line();
        }
        self.out.push(bracket);
        self.place = Place::Next;
    }

    /// Writes what separates the next element from what stands before it.
    fn lead(&mut self) {
        match self.place {
            Place::First => self.break_line(),
            Place::Next => {
                self.out.push(b',');
                self.break_line();
            }
            Place::Inline => {}
        }
        self.place = Place::Next;
    }

    fn break_line(&mut self) {
        if self.style == Style::Indented {
            self.out.push(b'\n');
            for _ in 0..self.depth {
                self.out.extend_from_slice(b"  ");
            }
        }
    }
}

#[cfg(test)]
mod tests;
