//! Truths made from the model of a node instead of a file.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::facts::{AbsentKey, Blob, Bucket, Object, Redis, RedisKey, S3, Truth, Value};
use crate::hex::to_hex;
use crate::rows::s3::Manifest;

impl Truth {
    pub(crate) fn of_node(redis: Redis, s3: S3) -> Truth {
        Truth {
            scenario: "model".into(),
            adapters: vec!["redis".into(), "s3".into()],
            snapshot: None,
            snapshots: Vec::new(),
            received: None,
            rows: None,
            redis: Some(redis),
            s3: Some(s3),
            dynamodb: None,
            sqs: None,
        }
    }
}

impl Blob {
    fn of(bytes: &[u8]) -> Blob {
        match bytes.len() {
            0..=1024 => Blob::Bytes {
                b64: BASE64.encode(bytes),
            },
            len => Blob::Digest {
                len: len as u64,
                sha256: to_hex(&Sha256::digest(bytes)),
            },
        }
    }
}

impl RedisKey {
    pub(crate) fn string(key: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> RedisKey {
        let value = Value {
            value: Some(Blob::of(value)),
            members: None,
        };
        RedisKey::new(key, "string", expire_at_ms, value)
    }

    pub(crate) fn hll<'a>(key: &[u8], members: impl Iterator<Item = &'a [u8]>) -> RedisKey {
        let members = members.map(|member| BASE64.encode(member)).collect();
        let value = Value {
            value: None,
            members: Some(members),
        };
        RedisKey::new(key, "hll", None, value)
    }

    fn new(key: &[u8], r#type: &str, expire_at_ms: Option<u64>, value: Value) -> RedisKey {
        RedisKey {
            key_b64: BASE64.encode(key),
            r#type: r#type.into(),
            expire_at_ms: expire_at_ms.map(|ms| (ms, ms)),
            value,
        }
    }
}

impl AbsentKey {
    pub(crate) fn deleted(key: &[u8]) -> AbsentKey {
        AbsentKey {
            key_b64: BASE64.encode(key),
            why: "deleted".into(),
            r#type: None,
            expire_at_ms: None,
            value: None,
        }
    }
}

impl Bucket {
    pub(crate) fn new<'a>(
        name: &str,
        acl: &str,
        objects: Vec<Object>,
        absent: impl Iterator<Item = &'a Vec<u8>>,
    ) -> Bucket {
        Bucket {
            name: name.into(),
            acl: acl.into(),
            listed: objects.len() as u64,
            objects,
            absent: absent.map(|key| BASE64.encode(key)).collect(),
        }
    }
}

impl Object {
    pub(crate) fn of_manifest(key: &[u8], manifest: &Manifest, body: &[u8]) -> Object {
        let header = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Object {
            key_b64: BASE64.encode(key),
            size: manifest.size_bytes,
            body: Blob::of(body),
            etag: manifest.etag.clone(),
            last_modified_iso: Some(iso(manifest.last_modified_hlc >> 16)),
            last_modified: None,
            content_type: header(&manifest.content_type),
            content_encoding: header(&manifest.content_encoding),
            cache_control: header(&manifest.cache_control),
            content_disposition: header(&manifest.content_disposition),
            user_metadata: manifest.user_metadata.clone(),
        }
    }
}

/// Writes a time as the listing does, always with three digits of milliseconds.
fn iso(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, ms) = (ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Turns days since 1970 into a date by walking the calendar, which is slow and plainly right.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    loop {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let february = if leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (index, length) in months.into_iter().enumerate() {
            if days < length {
                return (year, index + 1, days + 1);
            }
            days -= length;
        }
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_documents() {
        assert_eq!(iso(1_745_884_800_120), "2025-04-29T00:00:00.120Z");
        assert_eq!(iso(1_735_689_600_000), "2025-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_001), "2000-02-29T00:00:00.001Z");
    }
}
