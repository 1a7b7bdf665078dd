//! Reading a manifest: the version first, then the members, then what they must be.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Adapters, CHECKSUM_ALGORITHM, Conventions, DynamodbLayout, ENCODED_FILENAME_CHARSET,
    Exclusions, FORMAT_VERSION, LeftOut, Live, Manifest, Origin, PHASE_LIVE, PHASE_SNAPSHOT,
    Partial, Producer, Scopes, Source, SourceFile, Totals,
};

/// Says why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A version that this program does not know; nothing else was interpreted.
    #[error("format_version {version} is not supported, only {FORMAT_VERSION} is")]
    UnsupportedVersion {
        /// The version of the file.
        version: u32,
    },
    /// Not one JSON object.
    #[error("the manifest is not a JSON object")]
    NotAnObject(#[source] Option<serde_json::Error>),
    /// A member is missing, null, or of the wrong type.
    #[error("a member has the wrong form")]
    Member(#[source] serde_json::Error),
    /// A member has a value that it may not have.
    #[error("{member} may not be {value:?}")]
    Value {
        /// Name of the member.
        member: &'static str,
        /// Its value; empty for one that is missing.
        value: String,
    },
    /// The files are checksummed in a way that this program does not know.
    #[error("checksum_algorithm {algorithm:?} is not supported")]
    ChecksumAlgorithm {
        /// The algorithm's name.
        algorithm: String,
    },
    /// A member stands there although the phase forbids it, or is missing although the phase needs it.
    #[error("{member} does not go with this phase")]
    Phase {
        /// Name of the member.
        member: &'static str,
    },
}

/// The members as they stand in the file. Unknown ones are ignored: a later version may add some without becoming unreadable.
#[derive(Deserialize)]
struct Raw {
    phase: String,
    #[serde(default, deserialize_with = "or_default")]
    elastickv_version: String,
    #[serde(default, deserialize_with = "or_default")]
    cluster_id: String,
    #[serde(default, deserialize_with = "or_default")]
    snapshot_index: u64,
    #[serde(default, deserialize_with = "or_default")]
    last_commit_ts: u64,
    wall_time_iso: String,
    source: Option<RawSource>,
    live: Option<RawLive>,
    adapters: RawAdapters,
    exclusions: RawExclusions,
    checksum_algorithm: String,
    checksum_format: String,
    encoded_filename_charset: String,
    key_segment_max_bytes: u32,
    s3_meta_suffix: String,
    s3_collision_strategy: String,
    dynamodb_layout: String,
    producer: Option<RawProducer>,
    totals: Option<RawTotals>,
    partial: Option<RawPartial>,
}

#[derive(Deserialize)]
struct RawSource {
    #[serde(flatten)]
    first: RawSourceFile,
    #[serde(default, deserialize_with = "or_default")]
    files: Vec<RawSourceFile>,
}

#[derive(Deserialize)]
struct RawSourceFile {
    fsm_path: Option<String>,
    fsm_crc32c: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    snapshot_index: u64,
    #[serde(default, deserialize_with = "or_default")]
    last_commit_ts: u64,
}

#[derive(Deserialize)]
struct RawLive {
    #[serde(default, deserialize_with = "or_default")]
    read_ts: u64,
    #[serde(default, deserialize_with = "or_default")]
    pin_token_sha256: String,
}

#[derive(Deserialize)]
struct RawAdapters {
    dynamodb: Option<RawTables>,
    s3: Option<RawBuckets>,
    redis: Option<RawDatabases>,
    sqs: Option<RawQueues>,
}

#[derive(Deserialize)]
struct RawTables {
    tables: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawBuckets {
    buckets: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawDatabases {
    databases: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct RawQueues {
    queues: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent switches of the file format"
)]
struct RawExclusions {
    include_incomplete_uploads: bool,
    include_orphans: bool,
    preserve_sqs_visibility: bool,
    include_sqs_side_records: bool,
    #[serde(default, deserialize_with = "or_default")]
    rename_s3_collisions: bool,
}

#[derive(Deserialize)]
struct RawProducer {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct RawTotals {
    files: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct RawPartial {
    left_out: Vec<RawLeftOut>,
    report: Option<String>,
}

#[derive(Deserialize)]
struct RawLeftOut {
    family: String,
    reason: String,
    count: u64,
}

/// Reads null like a missing member.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn manifest(text: &[u8]) -> Result<Manifest, Invalid> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| Invalid::NotAnObject(Some(error)))?;
    let Value::Object(members) = &value else {
        return Err(Invalid::NotAnObject(None));
    };
    check_version(members.get("format_version"))?;
    let raw: Raw = serde_json::from_value(value).map_err(Invalid::Member)?;
    if raw.checksum_algorithm != CHECKSUM_ALGORITHM {
        return Err(Invalid::ChecksumAlgorithm {
            algorithm: raw.checksum_algorithm,
        });
    }
    if raw.encoded_filename_charset != ENCODED_FILENAME_CHARSET {
        return Err(Invalid::Value {
            member: "encoded_filename_charset",
            value: raw.encoded_filename_charset,
        });
    }
    let manifest = convert(raw)?;
    check(&manifest)?;
    Ok(manifest)
}

fn check_version(version: Option<&Value>) -> Result<(), Invalid> {
    let invalid = || Invalid::Value {
        member: "format_version",
        value: version.map(Value::to_string).unwrap_or_default(),
    };
    let number = version.and_then(Value::as_u64).ok_or_else(invalid)?;
    match u32::try_from(number).map_err(|_| invalid())? {
        FORMAT_VERSION => Ok(()),
        version => Err(Invalid::UnsupportedVersion { version }),
    }
}

fn convert(raw: Raw) -> Result<Manifest, Invalid> {
    Ok(Manifest {
        origin: origin(&raw.phase, raw.source, raw.live)?,
        elastickv_version: raw.elastickv_version,
        cluster_id: raw.cluster_id,
        snapshot_index: raw.snapshot_index,
        last_commit_ts: raw.last_commit_ts,
        wall_time: wall_time(raw.wall_time_iso)?,
        adapters: Adapters {
            dynamodb: raw.adapters.dynamodb.map(|raw| scopes(raw.tables)),
            s3: raw.adapters.s3.map(|raw| scopes(raw.buckets)),
            redis: raw.adapters.redis.map(|raw| scopes(raw.databases)),
            sqs: raw.adapters.sqs.map(|raw| scopes(raw.queues)),
        },
        exclusions: Exclusions {
            include_incomplete_uploads: raw.exclusions.include_incomplete_uploads,
            include_orphans: raw.exclusions.include_orphans,
            preserve_sqs_visibility: raw.exclusions.preserve_sqs_visibility,
            include_sqs_side_records: raw.exclusions.include_sqs_side_records,
            rename_s3_collisions: raw.exclusions.rename_s3_collisions,
        },
        conventions: Conventions {
            checksum_format: raw.checksum_format,
            key_segment_max_bytes: raw.key_segment_max_bytes,
            s3_meta_suffix: raw.s3_meta_suffix,
            s3_collision_strategy: raw.s3_collision_strategy,
        },
        dynamodb_layout: layout(raw.dynamodb_layout)?,
        producer: raw.producer.map(|raw| Producer {
            name: raw.name,
            version: raw.version,
        }),
        totals: raw.totals.map(|raw| Totals {
            files: raw.files,
            bytes: raw.bytes,
        }),
        partial: raw.partial.map(partial),
    })
}

fn origin(
    phase: &str,
    source: Option<RawSource>,
    live: Option<RawLive>,
) -> Result<Origin, Invalid> {
    match (phase, source, live) {
        (PHASE_SNAPSHOT, source, None) => Ok(Origin::Snapshot(Source {
            files: source_files(source)?,
        })),
        (PHASE_SNAPSHOT, _, Some(_)) | (PHASE_LIVE, _, None) => {
            Err(Invalid::Phase { member: "live" })
        }
        (PHASE_LIVE, None, Some(live)) => Ok(Origin::Live(Live {
            read_ts: live.read_ts,
            pin_token_sha256: live.pin_token_sha256,
        })),
        (PHASE_LIVE, Some(_), _) => Err(Invalid::Phase { member: "source" }),
        (other, _, _) => Err(Invalid::Value {
            member: "phase",
            value: other.to_owned(),
        }),
    }
}

fn source_files(source: Option<RawSource>) -> Result<Vec<SourceFile>, Invalid> {
    let Some(source) = source else {
        return Ok(Vec::new());
    };
    let mut files = source.files;
    if files.is_empty() && source.first.fsm_path.is_some() {
        files.push(source.first);
    }
    files.into_iter().map(source_file).collect()
}

fn source_file(raw: RawSourceFile) -> Result<SourceFile, Invalid> {
    let crc32c = raw
        .fsm_crc32c
        .filter(|text| !text.is_empty())
        .map(crc32c)
        .transpose()?;
    Ok(SourceFile {
        name: raw.fsm_path.unwrap_or_default(),
        crc32c,
        snapshot_index: raw.snapshot_index,
        last_commit_ts: raw.last_commit_ts,
    })
}

fn crc32c(text: String) -> Result<u32, Invalid> {
    let canonical = text.len() == 8
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match u32::from_str_radix(&text, 16) {
        Ok(value) if canonical => Ok(value),
        _ => Err(Invalid::Value {
            member: "fsm_crc32c",
            value: text,
        }),
    }
}

fn wall_time(text: String) -> Result<Timestamp, Invalid> {
    text.parse().map_err(|_| Invalid::Value {
        member: "wall_time_iso",
        value: text,
    })
}

fn layout(text: String) -> Result<DynamodbLayout, Invalid> {
    [DynamodbLayout::PerItem, DynamodbLayout::Jsonl]
        .into_iter()
        .find(|layout| layout.as_str() == text)
        .ok_or(Invalid::Value {
            member: "dynamodb_layout",
            value: text,
        })
}

fn scopes<T>(names: Option<Vec<T>>) -> Scopes<T> {
    names.map_or(Scopes::Unlisted, Scopes::Listed)
}

fn partial(raw: RawPartial) -> Partial {
    Partial {
        left_out: raw
            .left_out
            .into_iter()
            .map(|raw| LeftOut {
                family: raw.family,
                reason: raw.reason,
                count: raw.count,
            })
            .collect(),
        report: raw.report,
    }
}

/// Checks the rules that the types do not enforce by themselves; for readers and writers alike.
pub(super) fn check(manifest: &Manifest) -> Result<(), Invalid> {
    if let Origin::Live(Live { read_ts: 0, .. }) = manifest.origin {
        return Err(Invalid::Value {
            member: "read_ts",
            value: "0".to_owned(),
        });
    }
    let conventions = &manifest.conventions;
    let texts = [
        ("checksum_format", &conventions.checksum_format),
        ("s3_meta_suffix", &conventions.s3_meta_suffix),
        ("s3_collision_strategy", &conventions.s3_collision_strategy),
    ];
    if let Some((member, _)) = texts.into_iter().find(|(_, text)| text.is_empty()) {
        return Err(Invalid::Value {
            member,
            value: String::new(),
        });
    }
    if conventions.key_segment_max_bytes == 0 {
        return Err(Invalid::Value {
            member: "key_segment_max_bytes",
            value: "0".to_owned(),
        });
    }
    Ok(())
}
