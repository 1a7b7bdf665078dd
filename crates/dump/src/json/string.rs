//! String literals.

/// Selects whether a file escapes the three characters that matter inside HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `<`, `>` and `&` become `\u003c`, `\u003e` and `\u0026`: per-key files, streams.
    Html,
    /// They are written as they are: MANIFEST, KEYMAP, expiry files and other appended sidecars.
    Plain,
}

/// Appends a string literal with its quotes.
///
/// Each byte that is not part of valid UTF-8 becomes the six characters `\ufffd`; a U+FFFD that is really there stays a character. So
/// the loss shows in the file, though a JSON reader no longer sees it.
pub fn string_into(value: &[u8], escape: Escape, out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        valid_into(chunk.valid(), escape, out);
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}

/// Returns what a JSON reader sees of `value`: its text, with U+FFFD for each byte that is not valid UTF-8.
pub fn lossy(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

fn valid_into(text: &str, escape: Escape, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(position) = rest.find(|character| needs_escape(character, escape)) {
        let (plain, tail) = rest.split_at(position);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = tail.chars();
        if let Some(character) = characters.next() {
            escaped_into(character, out);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn needs_escape(character: char, escape: Escape) -> bool {
    match character {
        '\0'..='\x1f' | '"' | '\\' | '\u{2028}' | '\u{2029}' => true,
        '<' | '>' | '&' => escape == Escape::Html,
        _ => false,
    }
}

fn escaped_into(character: char, out: &mut Vec<u8>) {
    let short: &[u8] = match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\x08' => b"\\b",
        '\x0c' => b"\\f",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        other => return out.extend_from_slice(format!("\\u{:04x}", u32::from(other)).as_bytes()),
    };
    out.extend_from_slice(short);
}
