//! What the far side says: lines, and after some of them as many bytes as they tell.

/// Longest line: a digest and a path, escaped.
const LINE_MAX_BYTES: usize = 64 << 10;

/// Largest block of names or sizes. It is held in memory: about a million files.
const BLOCK_MAX_BYTES: usize = 64 << 20;

/// A tree whose files are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// What is being received.
    Staged,
    /// What is published.
    Published,
}

/// Something the far side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The version of what it speaks.
    Hello(u64),
    /// The lock is held and being watched for so many seconds.
    Wait(u64, String),
    /// Something goes on.
    Busy,
    /// It cannot go on.
    Error(String, String),
    /// The record beside the data.
    Run(Vec<u8>),
    /// Names, each ended by NUL, and sizes, each on a line.
    Inventory(Tree, Vec<u8>, Vec<u8>),
    /// Frames with files may come.
    Ready,
    /// A piece is in its file.
    Landed(u64),
    /// Digests of a frame's files follow.
    Digests(u64),
    /// A digest and the name as the list format has it.
    Digest([u8; 32], Vec<u8>),
    /// All digests of a frame have been told.
    Verified(u64),
    /// Files were removed.
    Dropped(u64),
    /// Links were made, or not.
    Linked(u64, bool),
    /// Files, bytes and digest of the manifest.
    Receipt(u64, u64, String),
    /// Anything else, as words.
    Other(Vec<String>),
}

/// Cuts what arrives into answers.
#[derive(Debug, Default)]
pub(super) struct Parser {
    buffer: Vec<u8>,
    /// Where the next answer begins.
    at: usize,
    pending: Option<Pending>,
}

#[derive(Debug)]
enum Pending {
    Run(usize),
    Inventory(Tree, usize, usize),
}

impl Parser {
    /// Takes what arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next answer that is there as a whole. The error says what cannot be understood.
    pub(super) fn next(&mut self) -> Result<Option<Answer>, String> {
        if let Some(pending) = &self.pending {
            let (first, second) = match *pending {
                Pending::Run(length) => (length, 0),
                Pending::Inventory(_, names, sizes) => (names, sizes),
            };
            let Some((one, other)) = self.blocks(first, second) else {
                return Ok(None);
            };
            let answer = match *pending {
                Pending::Run(_) => Answer::Run(one),
                Pending::Inventory(tree, ..) => Answer::Inventory(tree, one, other),
            };
            self.at += first + second;
            self.pending = None;
            return Ok(Some(answer));
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return match rest.len() > LINE_MAX_BYTES {
                true => Err("the far side said a line without end".to_owned()),
                false => Ok(None),
            };
        };
        let line = rest.get(..length).unwrap_or_default();
        let answer = match digest(line) {
            Some(answer) => answer,
            None => match understand(&String::from_utf8_lossy(line))? {
                Understood::Answer(answer) => answer,
                Understood::Block(pending) => {
                    self.pending = Some(pending);
                    self.at += length + 1;
                    return self.next();
                }
            },
        };
        self.at += length + 1;
        Ok(Some(answer))
    }

    fn blocks(&self, first: usize, second: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let rest = self.buffer.get(self.at..)?;
        let one = rest.get(..first)?;
        let other = rest.get(first..first.checked_add(second)?)?;
        Some((one.to_vec(), other.to_vec()))
    }
}

enum Understood {
    Answer(Answer),
    Block(Pending),
}

/// `HEX  NAME`, with a backslash in front if the name is escaped.
fn digest(line: &[u8]) -> Option<Answer> {
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    let (hex, rest) = line.split_at_checked(64)?;
    let name = rest.strip_prefix(b"  ")?;
    let digest = data_encoding::HEXLOWER.decode(hex).ok()?;
    Some(Answer::Digest(digest.try_into().ok()?, name.to_owned()))
}

fn understand(line: &str) -> Result<Understood, String> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let mut number = || -> Result<u64, String> {
        let word = words.next().and_then(|word| word.parse().ok());
        word.ok_or_else(|| format!("the far side said `{}`", line.escape_debug()))
    };
    let answer = match first {
        "longshore" => Answer::Hello(number()?),
        "wait" => Answer::Wait(number()?, plain(words)),
        "busy" => Answer::Busy,
        "error" => Answer::Error(words.next().unwrap_or_default().to_owned(), plain(words)),
        "run" => return Ok(Understood::Block(Pending::Run(block(number()?)?))),
        "staged" | "published" if line.split_ascii_whitespace().count() == 3 => {
            let tree = match first {
                "staged" => Tree::Staged,
                _ => Tree::Published,
            };
            let (names, sizes) = (block(number()?)?, block(number()?)?);
            return Ok(Understood::Block(Pending::Inventory(tree, names, sizes)));
        }
        "ready" => Answer::Ready,
        "landed" => Answer::Landed(number()?),
        "digests" => Answer::Digests(number()?),
        "verified" => Answer::Verified(number()?),
        "dropped" => Answer::Dropped(number()?),
        "linked" => Answer::Linked(number()?, words.next() == Some("yes")),
        "receipt" => {
            let (files, bytes) = (number()?, number()?);
            Answer::Receipt(files, bytes, words.next().unwrap_or_default().to_owned())
        }
        _ => Answer::Other(
            line.split_ascii_whitespace()
                .map(|word| plain(std::iter::once(word)))
                .collect(),
        ),
    };
    Ok(Understood::Answer(answer))
}

fn block(length: u64) -> Result<usize, String> {
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= BLOCK_MAX_BYTES)
        .ok_or_else(|| format!("the far side lists {length} bytes of names"))
}

/// Text from there is shown to people: no control characters.
fn plain<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    words
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], chunk: usize) -> Vec<Answer> {
        let mut parser = Parser::default();
        let mut answers = Vec::new();
        for part in bytes.chunks(chunk) {
            parser.feed(part);
            while let Some(answer) = parser.next().unwrap() {
                answers.push(answer);
            }
        }
        answers
    }

    #[test]
    fn any_chunking_gives_the_same_answers() {
        let hex = "ab".repeat(32);
        let said = format!(
            "longshore 1\nwait 60 anna on host\nrun 3\n{{\n}}staged 4 4\na\0b\01\n2\npublished 0 0\nready\nlanded 3\n\
             digests 4\n{hex}  a b\n\\{hex}  c\\nd\nverified 4\nlinked 5 no\nerror no-space writing: full\x1b[2J\npublished {hex}\n\
             receipt 2 3 {hex}\n"
        );
        let expected = vec![
            Answer::Hello(1),
            Answer::Wait(60, "anna on host".into()),
            Answer::Run(b"{\n}".to_vec()),
            Answer::Inventory(Tree::Staged, b"a\0b\0".to_vec(), b"1\n2\n".to_vec()),
            Answer::Inventory(Tree::Published, vec![], vec![]),
            Answer::Ready,
            Answer::Landed(3),
            Answer::Digests(4),
            Answer::Digest([0xab; 32], b"a b".to_vec()),
            Answer::Digest([0xab; 32], b"c\\nd".to_vec()),
            Answer::Verified(4),
            Answer::Linked(5, false),
            Answer::Error("no-space".into(), "writing: full[2J".into()),
            Answer::Other(vec!["published".into(), hex.clone()]),
            Answer::Receipt(2, 3, hex),
        ];
        for chunk in [1, 2, 7, 4096] {
            assert_eq!(parse(said.as_bytes(), chunk), expected);
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut parser = Parser::default();
        parser.feed(&[b'x'; LINE_MAX_BYTES + 1]);
        assert!(parser.next().is_err());
        let mut parser = Parser::default();
        parser.feed(b"run 99999999999\n");
        assert!(parser.next().is_err());
        let mut parser = Parser::default();
        parser.feed(b"landed often\n");
        assert!(parser.next().is_err());
    }
}
