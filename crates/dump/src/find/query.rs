//! How a key or a file is written on a command line.
//!
//! `redis:KEY`, `s3:BUCKET/KEY`, `dynamodb:TABLE/HASH/RANGE`, `sqs:QUEUE` and `file:PATH` take everything after the colon as it is, in
//! the bytes of the argument. `redis%:…` and so on decode `%HH` first, for bytes that a shell cannot pass on and for slashes that
//! separate nothing. A path that begins with an adapter's directory needs no `file:`.

use std::fmt;

use fsroot::{InvalidPath, RelPath};

use super::Key;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The files of a key.
    Key(Key),
    /// The key of a file, from the root of the tree.
    File(RelPath),
}

/// Says why an argument is neither a key nor a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It begins neither with a known word and a colon, nor with an adapter's directory.
    #[error("the key begins with none of redis:, s3:, dynamodb:, sqs:, file:")]
    UnknownScheme,
    /// A percent sign without two hex digits in a form that decodes them.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Escape,
    /// More than table, hash key and range key; a slash within one must be written `%2F`.
    #[error("a DynamoDB key has at most three parts: table, hash key, range key")]
    TooManyParts,
    /// The path is none.
    #[error("the file is not a relative path")]
    Path(#[source] InvalidPath),
}

#[derive(Clone, Copy)]
enum Form {
    Literal,
    Percent,
}

impl Query {
    /// Reads an argument.
    pub fn parse(argument: &[u8]) -> Result<Query, QueryError> {
        const DIRECTORIES: [&[u8]; 4] = [b"redis/", b"s3/", b"dynamodb/", b"sqs/"];
        if DIRECTORIES
            .iter()
            .any(|directory| argument.starts_with(directory))
        {
            return file(argument.to_vec());
        }
        let colon = argument
            .iter()
            .position(|&byte| byte == b':')
            .ok_or(QueryError::UnknownScheme)?;
        let (scheme, rest) = argument
            .split_at_checked(colon)
            .ok_or(QueryError::UnknownScheme)?;
        let rest = rest.strip_prefix(b":").unwrap_or(rest);
        let (scheme, form) = match scheme.strip_suffix(b"%") {
            Some(scheme) => (scheme, Form::Percent),
            None => (scheme, Form::Literal),
        };
        Ok(Query::Key(match scheme {
            b"redis" => Key::Redis {
                key: form.decode(rest)?,
            },
            b"s3" => s3(rest, form)?,
            b"dynamodb" => dynamodb(rest, form)?,
            b"sqs" => Key::Sqs {
                queue: form.decode(rest)?,
            },
            b"file" => return file(form.decode(rest)?),
            _ => return Err(QueryError::UnknownScheme),
        }))
    }
}

fn file(path: Vec<u8>) -> Result<Query, QueryError> {
    RelPath::new(path)
        .map(Query::File)
        .map_err(QueryError::Path)
}

/// The bucket ends at the first slash; the key may contain more.
fn s3(text: &[u8], form: Form) -> Result<Key, QueryError> {
    let mut parts = text.splitn(2, |&byte| byte == b'/');
    let bucket = form.decode(parts.next().unwrap_or_default())?;
    let object = parts.next().map(|object| form.decode(object)).transpose()?;
    Ok(Key::S3 { bucket, object })
}

fn dynamodb(text: &[u8], form: Form) -> Result<Key, QueryError> {
    let mut parts = text.split(|&byte| byte == b'/');
    let table = form.decode(parts.next().unwrap_or_default())?;
    let hash = parts.next().map(|part| form.decode(part)).transpose()?;
    let range = parts.next().map(|part| form.decode(part)).transpose()?;
    if parts.next().is_some() {
        return Err(QueryError::TooManyParts);
    }
    Ok(Key::Dynamodb {
        table,
        item: hash.map(|hash| (hash, range)),
    })
}

impl Form {
    fn decode(self, text: &[u8]) -> Result<Vec<u8>, QueryError> {
        match self {
            Form::Literal => Ok(text.to_vec()),
            Form::Percent => percent_decode(text),
        }
    }
}

/// Unlike a segment, what a person types may use either case and may leave plain what could be escaped.
fn percent_decode(text: &[u8]) -> Result<Vec<u8>, QueryError> {
    let mut raw = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            raw.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or(QueryError::Escape)?;
        let byte = data_encoding::HEXLOWER_PERMISSIVE
            .decode(digits)
            .map_err(|_| QueryError::Escape)?;
        raw.extend_from_slice(&byte);
        rest = tail;
    }
    Ok(raw)
}

/// Writes a key as [`Query::parse`] reads it, in printable characters only: literally where that is possible.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, parts) = match self {
            Key::Redis { key } => ("redis", vec![key]),
            Key::S3 { bucket, object } => ("s3", std::iter::once(bucket).chain(object).collect()),
            Key::Dynamodb { table, item } => {
                let values = item
                    .iter()
                    .flat_map(|(hash, range)| std::iter::once(hash).chain(range));
                ("dynamodb", std::iter::once(table).chain(values).collect())
            }
            Key::Sqs { queue } => ("sqs", vec![queue]),
        };
        // The part after the last slash that separates may contain slashes, except where more parts could follow.
        let last_is_open = matches!(
            self,
            Key::Redis { .. }
                | Key::Sqs { .. }
                | Key::S3 {
                    object: Some(_),
                    ..
                }
        );
        let count = parts.len();
        let takes_slash = |index: usize| last_is_open && index + 1 == count;
        let literal = parts
            .iter()
            .enumerate()
            .all(|(index, part)| is_literal(part) && (takes_slash(index) || !part.contains(&b'/')));
        write!(f, "{scheme}{}:", if literal { "" } else { "%" })?;
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            if literal {
                f.write_str(&String::from_utf8_lossy(part))?;
            } else {
                escaped(part, takes_slash(index), f)?;
            }
        }
        Ok(())
    }
}

fn is_literal(part: &[u8]) -> bool {
    std::str::from_utf8(part).is_ok_and(|text| !text.chars().any(char::is_control))
}

fn escaped(part: &[u8], takes_slash: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    part.iter().try_for_each(|&byte| match byte {
        b'%' => f.write_str("%25"),
        b'/' if takes_slash => f.write_str("/"),
        b'/' => f.write_str("%2F"),
        b' '..=b'~' => write!(f, "{}", char::from(byte)),
        other => write!(f, "%{other:02X}"),
    })
}
