//! From a key to its files, and from a file to its key.
//!
//! Looks at names and KEYMAP files only, never at contents, so it answers at once in a tree of any size. What names alone cannot tell
//! (a DynamoDB key behind a fallback) stays unknown rather than guessed.

mod keymaps;
mod query;
mod redis;
mod s3;
mod tables;

pub use query::{Query, QueryError};

use fsroot::{Kind, RelPath, Root};

use crate::Error;

/// A key of the database that was dumped, in its own bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A Redis key of any type, in database 0.
    Redis {
        /// The key.
        key: Vec<u8>,
    },
    /// An S3 bucket, or an object in it.
    S3 {
        /// The bucket.
        bucket: Vec<u8>,
        /// The object key, which may be empty; `None` means the bucket itself.
        object: Option<Vec<u8>>,
    },
    /// A DynamoDB table, or an item in it.
    Dynamodb {
        /// The table.
        table: Vec<u8>,
        /// Hash key value and, for composite keys, range key value: the bytes of strings and binaries, the digits of numbers.
        item: Option<(Vec<u8>, Option<Vec<u8>>)>,
    },
    /// An SQS queue.
    Sqs {
        /// The queue.
        queue: Vec<u8>,
    },
}

/// Tells what a file is to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The value, body, item or messages.
    Content,
    /// What is known beside the content: an object's sidecar, a bucket's, table's or queue's record.
    Metadata,
    /// Bytes of the key that are in no visible object.
    Orphan,
}

impl Role {
    /// Returns the stable word for machine-readable output.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Content => "content",
            Role::Metadata => "metadata",
            Role::Orphan => "orphan",
        }
    }
}

/// A file that belongs to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file, from the root of the tree.
    pub path: RelPath,
    /// What it is to the key.
    pub role: Role,
    /// The key; `None` if the file belongs to one that its name does not tell.
    pub key: Option<Key>,
}

/// Returns the files of a key that are in the tree; none if the tree does not have it.
pub fn files_of(root: &Root, key: &Key) -> Result<Vec<Found>, Error> {
    let files = match key {
        Key::Redis { key } => redis::candidates(key)?,
        Key::S3 {
            bucket,
            object: None,
        } => s3::bucket_candidates(bucket)?,
        Key::S3 {
            bucket,
            object: Some(object),
        } => s3::object_candidates(root, bucket, object)?,
        Key::Dynamodb { table, item } => tables::dynamodb_candidates(table, item.as_ref())?,
        Key::Sqs { queue } => tables::sqs_candidates(queue)?,
    };
    let mut found: Vec<Found> = Vec::new();
    for (path, role) in files {
        // A text and a binary key value can have one fallback.
        let known = found.iter().any(|other| other.path == path);
        if !known && is_file(root, &path)? {
            found.push(Found {
                path,
                role,
                key: Some(key.clone()),
            });
        }
    }
    Ok(found)
}

/// Returns what a file is and whose; `None` if there is no such file or it belongs to no key.
pub fn key_of(root: &Root, path: &RelPath) -> Result<Option<Found>, Error> {
    if !is_file(root, path)? {
        return Ok(None);
    }
    let components: Vec<&[u8]> = path.components().collect();
    let answer = match components.as_slice() {
        [b"redis", rest @ ..] => redis::owner(root, rest)?,
        [b"s3", bucket, rest @ ..] => s3::owner(root, bucket, rest)?,
        [b"dynamodb", table, rest @ ..] => tables::dynamodb_owner(table, rest),
        [b"sqs", queue, rest @ ..] => tables::sqs_owner(queue, rest),
        _ => None,
    };
    Ok(answer.map(|(role, key)| Found {
        path: path.clone(),
        role,
        key,
    }))
}

/// A file that a key would have.
type Candidate = (RelPath, Role);

/// A file's role and its key, if that can be told.
type Owner = Option<(Role, Option<Key>)>;

fn is_file(root: &Root, path: &RelPath) -> Result<bool, Error> {
    match root.stat(path) {
        Ok((kind, _)) => Ok(kind == Kind::File),
        Err(
            fsroot::Error::NotFound { .. }
            | fsroot::Error::NotADirectory { .. }
            | fsroot::Error::SymlinkRefused { .. },
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Joins components into a path; names that come from our own encodings are valid.
fn path(components: &[&[u8]]) -> Result<RelPath, Error> {
    Ok(RelPath::new(components.join(&b'/'))?)
}

#[cfg(test)]
mod tests;
