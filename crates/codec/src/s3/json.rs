//! A reader for the JSON that a node stores, as lenient as the node itself.
//!
//! What a live node takes has to be taken here too, and no general reader agrees with it: names match in any case, broken UTF-8 and lone
//! surrogates become U+FFFD, `null` stands for any zero value, and integers must be plain. The reader is a cursor: the caller says what
//! it expects, so nothing is built that is not wanted.

use std::borrow::Cow;

/// The reference stops at this depth; values nested deeper are refused before they can exhaust anything.
const MAX_DEPTH: usize = 10_000;

/// Says where and why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonFault {
    /// Offset in the document.
    pub at: usize,
    /// What was wrong or expected.
    pub what: &'static str,
}

/// A cursor over one document.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Consumes `null` if it comes next.
    pub(super) fn null(&mut self) -> Result<bool, JsonFault> {
        self.skip_space();
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal(b"null").map(|()| true)
    }

    /// Reads an object, calling `member` with each name; it has to read the value. `null` is an object without members.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        if self.null()? {
            return Ok(());
        }
        self.expect(b'{', "an object is expected")?;
        self.list(b'}', |reader| {
            reader.skip_space();
            let name = reader.text()?;
            reader.skip_space();
            reader.expect(b':', "a colon is expected")?;
            member(reader, name)
        })
    }

    /// Reads an array, calling `element` for each value. `null` is an empty array.
    pub(super) fn array(
        &mut self,
        element: impl FnMut(&mut Reader<'a>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        if self.null()? {
            return Ok(());
        }
        self.expect(b'[', "an array is expected")?;
        self.list(b']', element)
    }

    /// Reads a string; `null` is empty.
    pub(super) fn string(&mut self) -> Result<String, JsonFault> {
        if self.null()? {
            return Ok(String::new());
        }
        self.text().map(Cow::into_owned)
    }

    /// Reads a plain, non-negative integer; `null` is 0.
    pub(super) fn u64(&mut self) -> Result<u64, JsonFault> {
        if self.null()? {
            return Ok(0);
        }
        self.integer("a non-negative integer is expected")
    }

    /// Reads a plain integer; `null` is 0.
    pub(super) fn i64(&mut self) -> Result<i64, JsonFault> {
        if self.null()? {
            return Ok(0);
        }
        self.integer("an integer is expected")
    }

    /// Reads a boolean; `null` is false.
    pub(super) fn boolean(&mut self) -> Result<bool, JsonFault> {
        if self.null()? {
            return Ok(false);
        }
        match self.peek() {
            Some(b't') => self.literal(b"true").map(|()| true),
            Some(b'f') => self.literal(b"false").map(|()| false),
            _ => Err(self.fault("a boolean is expected")),
        }
    }

    /// Reads any value and forgets it. Not recursive: the depth is the stranger's choice.
    pub(super) fn skip(&mut self) -> Result<(), JsonFault> {
        let mut open = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                    } else {
                        self.push(&mut open, b'}')?;
                        self.skip_name()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                    } else {
                        self.push(&mut open, b']')?;
                        continue;
                    }
                }
                Some(b'"') => self.text().map(|_| ())?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => self.number().map(|_| ())?,
            }
            if self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Checks that nothing but white space follows.
    pub(super) fn end(mut self) -> Result<(), JsonFault> {
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("the document ends before this")),
        }
    }

    /// Reads elements up to the closing bracket, the opening one being read.
    fn list(
        &mut self,
        close: u8,
        mut element: impl FnMut(&mut Reader<'a>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("a comma or a closing bracket is expected")),
            }
        }
    }

    /// After a skipped value: closes what ends here. True when the outermost value has ended.
    fn close(&mut self, open: &mut Vec<u8>) -> Result<bool, JsonFault> {
        while let Some(&bracket) = open.last() {
            self.skip_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    if bracket == b'}' {
                        self.skip_name()?;
                    }
                    return Ok(false);
                }
                Some(byte) if byte == bracket => {
                    self.at += 1;
                    open.pop();
                }
                _ => return Err(self.fault("a comma or a closing bracket is expected")),
            }
        }
        Ok(true)
    }

    fn push(&self, open: &mut Vec<u8>, bracket: u8) -> Result<(), JsonFault> {
        if open.len() >= MAX_DEPTH {
            return Err(self.fault("values are nested too deeply"));
        }
        open.push(bracket);
        Ok(())
    }

    fn skip_name(&mut self) -> Result<(), JsonFault> {
        self.skip_space();
        self.text()?;
        self.skip_space();
        self.expect(b':', "a colon is expected")
    }

    fn integer<N: std::str::FromStr>(&mut self, what: &'static str) -> Result<N, JsonFault> {
        let start = self.at;
        let fault = JsonFault { at: start, what };
        let text = self.number().map_err(|_| fault)?;
        text.parse().map_err(|_| fault)
    }

    /// Takes a number by the grammar of JSON.
    fn number(&mut self) -> Result<&'a str, JsonFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.fault("a value is expected")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        str::from_utf8(text).map_err(|_| self.fault("a value is expected"))
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.fault("a digit is expected"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a string literal; borrows it when it stands for itself.
    fn text(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        self.expect(b'"', "a string is expected")?;
        let start = self.at;
        let plain = self.take_plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(lossy(plain));
        }
        self.at = start;
        self.escaped_text().map(Cow::Owned)
    }

    fn escaped_text(&mut self) -> Result<String, JsonFault> {
        let mut text = String::new();
        loop {
            text.push_str(&lossy(self.take_plain()));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return Err(self.fault("a control character stands in a string")),
                None => return Err(self.fault("a string has no end")),
            }
        }
    }

    /// Takes the bytes up to a quote, a backslash, a control character or the end.
    fn take_plain(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Reads an escape, the backslash being read.
    fn escape(&mut self) -> Result<char, JsonFault> {
        let byte = self.peek().ok_or(self.fault("a string has no end"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => {
                self.at -= 1;
                return Err(self.fault("an escape is unknown"));
            }
        })
    }

    fn unicode_escape(&mut self) -> Result<char, JsonFault> {
        let high = self.code_unit()?;
        if let Some(character) = char::from_u32(high) {
            return Ok(character);
        }
        // A surrogate. It counts only as the first half of a pair; what follows otherwise stands for itself.
        let before = self.at;
        if (0xd800..0xdc00).contains(&high) && self.rest().starts_with(b"\\u") {
            self.at += 2;
            let low = self.code_unit()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn code_unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self
            .rest()
            .get(..4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| str::from_utf8(digits).ok())
            .ok_or(self.fault("four hexadecimal digits are expected"))?;
        let unit = u32::from_str_radix(digits, 16)
            .map_err(|_| self.fault("four hexadecimal digits are expected"))?;
        self.at += 4;
        Ok(unit)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JsonFault> {
        if !self.rest().starts_with(word) {
            return Err(self.fault("a value is expected"));
        }
        self.at += word.len();
        Ok(())
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonFault> {
        if self.peek() != Some(byte) {
            return Err(self.fault(what));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self, what: &'static str) -> JsonFault {
        JsonFault { at: self.at, what }
    }
}

/// Tells whether a member's name means the field, which is lower-case ASCII. Besides ASCII case, the Kelvin sign and the long s fold.
pub(super) fn names(member: &str, field: &str) -> bool {
    if member.is_ascii() {
        return member.eq_ignore_ascii_case(field);
    }
    let folded = member.chars().map(|character| match character {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(field.chars())
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(dump::json::lossy(bytes)),
    }
}

#[cfg(test)]
mod tests;
