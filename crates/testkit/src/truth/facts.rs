//! The shape of `truth.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hex::to_hex;

/// One `truth.json`.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Truth {
    /// The folder's name.
    pub scenario: String,
    /// Which of `redis`, `s3`, `dynamodb` and `sqs` were used.
    pub adapters: Vec<String>,
    /// The snapshot, where there is one.
    pub snapshot: Option<SnapshotFacts>,
    /// The snapshots of several groups.
    #[serde(default)]
    pub snapshots: Vec<SnapshotFacts>,
    /// The same state as a follower received it earlier.
    pub received: Option<SnapshotFacts>,
    /// Row counts of the only snapshot; [`Truth::files`] puts them beside it.
    pub(super) rows: Option<Rows>,
    /// Redis keys.
    pub redis: Option<Redis>,
    /// S3 buckets.
    pub s3: Option<S3>,
    /// DynamoDB tables, not interpreted.
    pub dynamodb: Option<serde_json::Value>,
    /// SQS queues, not interpreted.
    pub sqs: Option<serde_json::Value>,
}

impl Truth {
    /// Reads the `truth.json` in a folder.
    ///
    /// # Panics
    /// When it is missing or has another shape.
    pub fn read(dir: &Path) -> Truth {
        let path = dir.join("truth.json");
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut truth: Truth = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let (Some(snapshot), rows @ Some(_)) = (&mut truth.snapshot, truth.rows) {
            snapshot.rows = rows;
        }
        truth
    }

    /// Gives the snapshots whose union the adapters' answers describe.
    pub fn files(&self) -> Vec<&SnapshotFacts> {
        self.snapshot.iter().chain(&self.snapshots).collect()
    }
}

/// Facts about one snapshot file. Sizes and digests are those of the unpacked file.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SnapshotFacts {
    /// The name in the folder; `.gz` at its end means packed.
    pub file: String,
    /// The size of the unpacked file.
    pub bytes: u64,
    /// The SHA-256 of the unpacked file.
    pub sha256: String,
    /// The name that the node gave it.
    pub name_on_node: Option<String>,
    /// The Raft index in that name.
    pub index: Option<u64>,
    /// The magic of the state machine's header.
    pub header: String,
    /// The ceiling in that header.
    pub hlc_ceiling_ms: u64,
    /// The magic of the store stream.
    pub store_magic: String,
    /// The commit timestamp in the store stream's header.
    pub last_commit_ts: u64,
    /// The footer.
    pub footer_crc32c: String,
    /// Row counts, where they were taken.
    pub rows: Option<Rows>,
}

/// Row counts of one snapshot.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// All rows.
    pub rows: u64,
    /// Rows of the store's own.
    pub operational: u64,
    /// Tombstones, superseded ones included.
    pub tombstone_rows: u64,
    /// Rows that are not the newest version of their key.
    pub superseded: u64,
    /// Distinct user keys.
    pub user_keys: u64,
    /// Keys whose newest version is not a tombstone.
    pub visible: u64,
}

impl Rows {
    /// Gives the number of keys whose newest version is a tombstone.
    pub fn deleted_keys(&self) -> u64 {
        self.user_keys - self.visible
    }
}

/// Bytes, or their length and digest when they are many.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Blob {
    /// All of the bytes, in standard base64.
    Bytes {
        /// The text.
        b64: String,
    },
    /// What is known of longer ones.
    Digest {
        /// The length.
        len: u64,
        /// The SHA-256 in hexadecimal.
        sha256: String,
    },
}

impl Blob {
    /// Says whether these are the bytes.
    ///
    /// # Panics
    /// When the truth holds broken base64.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Blob::Bytes { b64 } => base64(b64) == bytes,
            Blob::Digest { len, sha256 } => {
                *len == bytes.len() as u64 && *sha256 == to_hex(&Sha256::digest(bytes))
            }
        }
    }
}

/// Decodes standard base64.
pub(super) fn base64(text: &str) -> Vec<u8> {
    BASE64
        .decode(text.as_bytes())
        .unwrap_or_else(|error| panic!("the truth is broken: {error}: {text}"))
}

/// What the Redis port answered.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Redis {
    /// Every key that exists, sorted.
    pub keys: Vec<RedisKey>,
    /// Keys that were used and do not exist.
    pub absent: Vec<AbsentKey>,
}

/// A Redis key that exists.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct RedisKey {
    pub(super) key_b64: String,
    /// `string`, `hll`, `hash`, `list`, `set`, `zset` or `stream`.
    pub r#type: String,
    /// Bounds of the expiry in Unix milliseconds, both included; `None` without one.
    pub expire_at_ms: Option<(u64, u64)>,
    /// The content of strings and counters; other types are not interpreted.
    #[serde(flatten)]
    pub value: Value,
}

impl RedisKey {
    /// Gives the key's bytes.
    pub fn key(&self) -> Vec<u8> {
        base64(&self.key_b64)
    }
}

/// The content of a Redis key, as far as it is compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct Value {
    /// A string's bytes.
    pub value: Option<Blob>,
    /// The elements of a counter.
    #[serde(rename = "members_b64")]
    pub(super) members: Option<Vec<String>>,
}

impl Value {
    /// Gives the elements of a counter, sorted.
    pub fn members(&self) -> Option<Vec<Vec<u8>>> {
        let members = self.members.as_ref()?;
        let mut members: Vec<_> = members.iter().map(|text| base64(text)).collect();
        members.sort();
        Some(members)
    }
}

/// A Redis key that was used and does not exist.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct AbsentKey {
    pub(super) key_b64: String,
    /// `deleted` or `expired`.
    pub why: String,
    /// The type of an expired key.
    pub r#type: Option<String>,
    /// Bounds of the expiry of an expired key.
    pub expire_at_ms: Option<(u64, u64)>,
    pub(super) value: Option<serde_json::Value>,
}

impl AbsentKey {
    /// Gives the key as it was before it expired; `None` for one that was deleted.
    ///
    /// # Panics
    /// When the truth has another shape.
    pub fn expired(&self) -> Option<RedisKey> {
        if self.why != "expired" {
            return None;
        }
        let r#type = self.r#type.clone().expect("an expired key has a type");
        let content = self.value.clone().expect("an expired key has a value");
        let value = match r#type.as_str() {
            "string" => Value {
                value: Some(serde_json::from_value(content).expect("a string is a blob")),
                members: None,
            },
            "hll" => serde_json::from_value(content).expect("a counter has members"),
            _ => Value::default(),
        };
        Some(RedisKey {
            key_b64: self.key_b64.clone(),
            r#type,
            expire_at_ms: self.expire_at_ms,
            value,
        })
    }

    /// Gives the key's bytes.
    pub fn key(&self) -> Vec<u8> {
        base64(&self.key_b64)
    }
}

/// What the S3 port answered.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct S3 {
    /// Every bucket that exists.
    pub buckets: Vec<Bucket>,
    /// Buckets that were used and deleted.
    #[serde(default)]
    pub absent_buckets: Vec<String>,
}

/// An S3 bucket.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Bucket {
    /// The name.
    pub name: String,
    /// `private` or `public-read`.
    pub acl: String,
    /// How many keys the listing has.
    pub listed: u64,
    /// Every object.
    pub objects: Vec<Object>,
    pub(super) absent: Vec<String>,
}

impl Bucket {
    /// Gives the keys that answered 404.
    pub fn absent(&self) -> Vec<Vec<u8>> {
        self.absent.iter().map(|key| base64(key)).collect()
    }
}

/// An S3 object.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Object {
    pub(super) key_b64: String,
    /// The length of the body.
    pub size: u64,
    /// The body.
    pub body: Blob,
    /// The entity tag without quotes.
    pub etag: String,
    /// The HTTP date, in whole seconds.
    pub last_modified: Option<String>,
    /// The listing's time with milliseconds, where the listing can show the key.
    pub last_modified_iso: Option<String>,
    /// The header of that name.
    pub content_type: Option<String>,
    /// The header of that name.
    pub content_encoding: Option<String>,
    /// The header of that name.
    pub cache_control: Option<String>,
    /// The header of that name.
    pub content_disposition: Option<String>,
    /// Metadata of the user, names in lower case.
    #[serde(default)]
    pub user_metadata: BTreeMap<String, String>,
}

impl Object {
    /// Gives the key's bytes.
    pub fn key(&self) -> Vec<u8> {
        base64(&self.key_b64)
    }
}
