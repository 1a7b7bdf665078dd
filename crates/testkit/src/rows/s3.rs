//! Keys and values of S3 records.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde::Serialize;

use crate::hex::to_hex;

/// The length at which a server cuts bodies.
pub const CHUNK_BYTES: usize = 1_048_576;

/// Gives one self-delimiting piece of a key.
pub fn segment(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 2);
    for &byte in raw {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 1]);
    out
}

/// Gives the key of a bucket's record.
pub fn bucket_meta_key(bucket: &[u8]) -> Vec<u8> {
    [b"!s3|bucket|meta|".as_slice(), &segment(bucket)].concat()
}

/// Gives the key of a bucket's generation counter.
pub fn bucket_gen_key(bucket: &[u8]) -> Vec<u8> {
    [b"!s3|bucket|gen|".as_slice(), &segment(bucket)].concat()
}

/// Names an object of one incarnation of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct ObjectName<'a> {
    /// The bucket.
    pub bucket: &'a [u8],
    /// The bucket's incarnation.
    pub generation: u64,
    /// The object's key.
    pub key: &'a [u8],
}

impl ObjectName<'_> {
    /// Gives the key of the object's manifest.
    pub fn head_key(self) -> Vec<u8> {
        self.with("!s3|obj|head|", &[])
    }

    /// Gives the key of an upload's record.
    pub fn upload_meta_key(self, upload: &str) -> Vec<u8> {
        self.with("!s3|upload|meta|", &segment(upload.as_bytes()))
    }

    /// Gives the key of the record that has an upload collected.
    pub fn upload_gc_key(self, upload: &str) -> Vec<u8> {
        self.with("!s3|gc|upload|", &segment(upload.as_bytes()))
    }

    /// Gives the key of a part's record.
    pub fn upload_part_key(self, upload: &str, part_no: u64) -> Vec<u8> {
        let tail = [segment(upload.as_bytes()), part_no.to_be_bytes().into()].concat();
        self.with("!s3|upload|part|", &tail)
    }

    /// Gives the key of a chunk. Version 0 means a key without a version.
    pub fn blob_key(self, upload: &str, part_no: u64, chunk_no: u64, version: u64) -> Vec<u8> {
        self.with("!s3|blob|", &chunk_tail(upload, part_no, chunk_no, version))
    }

    /// Gives the key of a chunk reference.
    pub fn chunkref_key(self, upload: &str, part_no: u64, chunk_no: u64, version: u64) -> Vec<u8> {
        self.with(
            "!s3|chunkref|",
            &chunk_tail(upload, part_no, chunk_no, version),
        )
    }

    fn with(self, prefix: &str, tail: &[u8]) -> Vec<u8> {
        [
            prefix.as_bytes(),
            &segment(self.bucket),
            &self.generation.to_be_bytes(),
            &segment(self.key),
            tail,
        ]
        .concat()
    }
}

fn chunk_tail(upload: &str, part_no: u64, chunk_no: u64, version: u64) -> Vec<u8> {
    let mut tail = segment(upload.as_bytes());
    tail.extend(part_no.to_be_bytes());
    tail.extend(chunk_no.to_be_bytes());
    if version != 0 {
        tail.extend(version.to_be_bytes());
    }
    tail
}

/// The record of a bucket.
#[derive(Clone, Debug, Serialize)]
pub struct BucketMeta {
    /// The name again.
    pub bucket_name: String,
    /// The incarnation.
    pub generation: u64,
    /// When this incarnation was made.
    pub created_at_hlc: u64,
    /// Who made it; empty for buckets made through the S3 port.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// The server's region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The canned access list.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acl: String,
}

/// The manifest of an object.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// The namespace of this version's chunks.
    pub upload_id: String,
    /// The entity tag without quotes.
    pub etag: String,
    /// The length of the body.
    pub size_bytes: u64,
    /// When it was written.
    pub last_modified_hlc: u64,
    /// The header of that name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// The header of that name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_encoding: String,
    /// The header of that name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cache_control: String,
    /// The header of that name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_disposition: String,
    /// Metadata of the user.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
    /// The parts in order; none for an empty body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One part of an object.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Part {
    /// The number, from 1.
    pub part_no: u64,
    /// The MD5 of the part.
    pub etag: String,
    /// The length.
    pub size_bytes: u64,
    /// How many chunks.
    pub chunk_count: u64,
    /// The length of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chunk_sizes: Vec<u64>,
    /// The version in the keys of inline chunks.
    #[serde(skip_serializing_if = "is_zero")]
    pub part_version: u64,
    /// The version in the keys of chunk references.
    #[serde(skip_serializing_if = "is_zero")]
    pub chunk_ref_version: u64,
    /// Whether the chunks are references.
    #[serde(skip_serializing_if = "is_false")]
    pub offloaded: bool,
}

impl Part {
    /// Describes a part from its bytes, cut as a server cuts them.
    pub fn of(part_no: u64, body: &[u8]) -> Part {
        let chunk_sizes: Vec<u64> = body
            .chunks(CHUNK_BYTES)
            .map(|chunk| chunk.len() as u64)
            .collect();
        Part {
            part_no,
            etag: md5_hex(body),
            size_bytes: body.len() as u64,
            chunk_count: chunk_sizes.len() as u64,
            chunk_sizes,
            ..Part::default()
        }
    }
}

/// The record of an upload that is under way.
#[derive(Clone, Debug, Serialize)]
pub struct UploadMeta {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub object: String,
    /// The bucket's incarnation.
    pub generation: u64,
    /// The upload's id.
    pub upload_id: String,
    /// When it was begun.
    pub created_hlc: u64,
    /// The content type of the request.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_type: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Writes a record the way the server does: compact, with the characters of HTML escaped.
///
/// # Panics
/// Never for the records of this module.
pub fn json(record: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_string(record).expect("records are plain");
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .into_bytes()
}

/// Gives the MD5 of a body in hexadecimal.
pub fn md5_hex(body: &[u8]) -> String {
    to_hex(&Md5::digest(body))
}

/// Gives the entity tag of an object made of parts.
pub fn composite_etag(part_etags: &[String]) -> String {
    let digests: Vec<u8> = part_etags
        .iter()
        .flat_map(|etag| crate::hex::hex(etag))
        .collect();
    format!("{}-{}", md5_hex(&digests), part_etags.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::to_hex;

    #[test]
    fn keys_of_the_document() {
        let name = ObjectName {
            bucket: b"logs",
            generation: 1,
            key: b"app.log",
        };
        let upload = "ffeeddccbbaa99887766554433221100";
        let tail = "6c6f6773000100000000000000016170702e6c6f670001";
        let id = "66666565646463636262616139393838373736363535343433333232313130300001";
        assert_eq!(
            to_hex(&name.head_key()),
            format!("2173337c6f626a7c686561647c{tail}")
        );
        assert_eq!(
            to_hex(&name.upload_meta_key(upload)),
            format!("2173337c75706c6f61647c6d6574617c{tail}{id}")
        );
        assert_eq!(
            to_hex(&name.upload_part_key(upload, 2)),
            format!("2173337c75706c6f61647c706172747c{tail}{id}0000000000000002")
        );
        assert_eq!(
            to_hex(&name.upload_gc_key(upload)),
            format!("2173337c67637c75706c6f61647c{tail}{id}")
        );
        assert_eq!(
            to_hex(&name.blob_key(upload, 1, 1, 0x0196_7ed7_e479_0005)),
            format!("2173337c626c6f627c{tail}{id}0000000000000001000000000000000101967ed7e4790005")
        );
        let odd = ObjectName {
            bucket: b"b",
            generation: 258,
            key: b"o\0/x",
        };
        assert_eq!(
            to_hex(&odd.head_key()),
            "2173337c6f626a7c686561647c62000100000000000001026f00ff2f780001"
        );
    }

    #[test]
    fn tags_of_the_document() {
        let parts = [md5_hex(b"hello"), md5_hex(b"WORLD!")];
        assert_eq!(parts[1], "f6367dbfa4932a601a753d1e4dd381d1");
        assert_eq!(composite_etag(&parts), "7f3383a2db6c6d8e6f024d0b8a6e0b3f-2");
    }

    #[test]
    fn a_manifest_of_the_document() {
        let manifest = Manifest {
            upload_id: "00112233445566778899aabbccddeeff".into(),
            etag: md5_hex(b"hello-world"),
            size_bytes: 11,
            last_modified_hlc: 114_418_306_260_664_325,
            content_type: "image/jpeg".into(),
            user_metadata: [("a", "1"), ("b", "<2>")]
                .map(|(a, b)| (a.into(), b.into()))
                .into(),
            parts: vec![Part::of(1, b"hello-world")],
            ..Manifest::default()
        };
        let expected = r#"{"upload_id":"00112233445566778899aabbccddeeff","etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"last_modified_hlc":114418306260664325,"content_type":"image/jpeg","user_metadata":{"a":"1","b":"\u003c2\u003e"},"parts":[{"part_no":1,"etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"chunk_count":1,"chunk_sizes":[11]}]}"#;
        assert_eq!(String::from_utf8(json(&manifest)).unwrap(), expected);
    }
}
