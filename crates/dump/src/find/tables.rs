//! DynamoDB items and SQS queues, as far as names alone tell.

use super::{Candidate, Key, Owner, Role, path};
use crate::Error;
use crate::name::{self, Position, Rule};

const SCHEMA_FILE: &[u8] = b"_schema.json";
const ITEMS_DIRECTORY: &[u8] = b"items";
const ITEM_EXTENSION: &[u8] = b".json";
const QUEUE_FILE: &[u8] = b"_queue.json";
const MESSAGES_FILE: &[u8] = b"messages.jsonl";

pub(super) fn dynamodb_candidates(
    table: &[u8],
    item: Option<&(Vec<u8>, Option<Vec<u8>>)>,
) -> Result<Vec<Candidate>, Error> {
    let table = name::encode_directory(table).text;
    let table = table.as_bytes();
    let Some((hash, range)) = item else {
        return Ok(vec![(
            path(&[b"dynamodb", table, SCHEMA_FILE])?,
            Role::Metadata,
        )]);
    };
    let mut candidates = Vec::new();
    match range {
        None => {
            for file in item_files(hash) {
                candidates.push((
                    path(&[b"dynamodb", table, ITEMS_DIRECTORY, &file])?,
                    Role::Content,
                ));
            }
        }
        Some(range) => {
            for directory in segments(hash, Position::Directory) {
                for file in item_files(range) {
                    candidates.push((
                        path(&[b"dynamodb", table, ITEMS_DIRECTORY, &directory, &file])?,
                        Role::Content,
                    ));
                }
            }
        }
    }
    Ok(candidates)
}

/// The argument does not say whether a key value is text or binary, so both names are tried.
fn segments(raw: &[u8], position: Position) -> [Vec<u8>; 2] {
    [Rule::Text, Rule::Binary].map(|rule| {
        let mut segment = Vec::new();
        name::encode_into(raw, rule, position, &mut segment);
        segment
    })
}

fn item_files(raw: &[u8]) -> [Vec<u8>; 2] {
    segments(raw, Position::File).map(|segment| [&segment, ITEM_EXTENSION].concat())
}

pub(super) fn dynamodb_owner(table: &[u8], components: &[&[u8]]) -> Owner {
    let table = directory(table);
    let item = match components {
        [SCHEMA_FILE] => {
            return Some((
                Role::Metadata,
                table.map(|table| Key::Dynamodb { table, item: None }),
            ));
        }
        [ITEMS_DIRECTORY, hash] => {
            value(hash.strip_suffix(ITEM_EXTENSION)?, Position::File).map(|hash| (hash, None))
        }
        [ITEMS_DIRECTORY, hash, range] => {
            let range = value(range.strip_suffix(ITEM_EXTENSION)?, Position::File);
            value(hash, Position::Directory)
                .zip(range)
                .map(|(hash, range)| (hash, Some(range)))
        }
        _ => return None,
    };
    let key = table.zip(item).map(|(table, item)| Key::Dynamodb {
        table,
        item: Some(item),
    });
    Some((Role::Content, key))
}

pub(super) fn sqs_candidates(queue: &[u8]) -> Result<Vec<Candidate>, Error> {
    let queue = name::encode_directory(queue).text;
    let queue = queue.as_bytes();
    Ok(vec![
        (path(&[b"sqs", queue, QUEUE_FILE])?, Role::Metadata),
        (path(&[b"sqs", queue, MESSAGES_FILE])?, Role::Content),
    ])
}

pub(super) fn sqs_owner(queue: &[u8], components: &[&[u8]]) -> Owner {
    let role = match components {
        [QUEUE_FILE] => Role::Metadata,
        [MESSAGES_FILE] => Role::Content,
        _ => return None,
    };
    Some((role, directory(queue).map(|queue| Key::Sqs { queue })))
}

fn directory(segment: &[u8]) -> Option<Vec<u8>> {
    name::decode(segment, Rule::Text, Position::Directory, |_| None).ok()
}

fn value(segment: &[u8], position: Position) -> Option<Vec<u8>> {
    name::decode(segment, name::rule_of(segment), position, |_| None).ok()
}
