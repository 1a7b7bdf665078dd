//! The JSON values of buckets, objects and parts.

use std::collections::BTreeMap;

use super::json::{JsonFault, Reader, names};

/// A bucket record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BucketRecord {
    /// The incarnation whose objects belong to the bucket.
    pub generation: u64,
    pub created_at_hlc: u64,
    /// Empty for buckets created through the S3 port.
    pub owner: String,
    pub region: String,
    /// Empty in old records, where it means `private`.
    pub acl: String,
}

/// An object's manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Names the chunks of this version of the object.
    pub upload_id: String,
    pub etag: String,
    pub size_bytes: i64,
    pub last_modified_hlc: u64,
    pub content_type: String,
    pub content_encoding: String,
    pub cache_control: String,
    pub content_disposition: String,
    /// Sorted by the bytes of the names, as the sidecar wants it.
    pub user_metadata: BTreeMap<String, String>,
    /// In body order.
    pub parts: Vec<Part>,
}

/// A part of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub part_no: u64,
    pub etag: String,
    pub size_bytes: i64,
    pub chunk_count: u64,
    /// Length of each chunk; empty in records that do not say. A length above `u32::MAX` is stored as that: no chunk can have it.
    pub chunk_sizes: Vec<u32>,
    pub part_version: u64,
    pub chunk_ref_version: u64,
    pub offloaded: bool,
}

impl Part {
    /// Returns the version in the keys of this part's chunks. `chunk_ref_version` is written for inline parts too and means nothing there.
    pub(super) fn version(&self) -> u64 {
        if self.offloaded {
            self.chunk_ref_version
        } else {
            self.part_version
        }
    }
}

/// Parses a bucket record.
pub(super) fn parse_bucket(value: &[u8]) -> Result<BucketRecord, JsonFault> {
    let mut record = BucketRecord::default();
    let mut reader = Reader::new(value);
    reader.object(|reader, name| {
        match () {
            () if names(&name, "generation") => record.generation = reader.u64()?,
            () if names(&name, "created_at_hlc") => record.created_at_hlc = reader.u64()?,
            () if names(&name, "owner") => record.owner = reader.string()?,
            () if names(&name, "region") => record.region = reader.string()?,
            () if names(&name, "acl") => record.acl = reader.string()?,
            // Repeats the key, which is what counts; its type is checked as the node would.
            () if names(&name, "bucket_name") => drop(reader.string()?),
            () => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end().map(|()| record)
}

/// Parses an object's manifest.
pub(super) fn parse_manifest(value: &[u8]) -> Result<Manifest, JsonFault> {
    let mut manifest = Manifest::default();
    let mut reader = Reader::new(value);
    reader.object(|reader, name| {
        match () {
            () if names(&name, "upload_id") => manifest.upload_id = reader.string()?,
            () if names(&name, "etag") => manifest.etag = reader.string()?,
            () if names(&name, "size_bytes") => manifest.size_bytes = reader.i64()?,
            () if names(&name, "last_modified_hlc") => manifest.last_modified_hlc = reader.u64()?,
            () if names(&name, "content_type") => manifest.content_type = reader.string()?,
            () if names(&name, "content_encoding") => {
                manifest.content_encoding = reader.string()?
            }
            () if names(&name, "cache_control") => manifest.cache_control = reader.string()?,
            () if names(&name, "content_disposition") => {
                manifest.content_disposition = reader.string()?;
            }
            () if names(&name, "user_metadata") => manifest.user_metadata = string_map(reader)?,
            () if names(&name, "parts") => {
                manifest.parts.clear();
                reader.array(|reader| part(reader).map(|part| manifest.parts.push(part)))?;
            }
            () => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end().map(|()| manifest)
}

fn part(reader: &mut Reader<'_>) -> Result<Part, JsonFault> {
    let mut part = Part::default();
    reader.object(|reader, name| {
        match () {
            () if names(&name, "part_no") => part.part_no = reader.u64()?,
            () if names(&name, "etag") => part.etag = reader.string()?,
            () if names(&name, "size_bytes") => part.size_bytes = reader.i64()?,
            () if names(&name, "chunk_count") => part.chunk_count = reader.u64()?,
            () if names(&name, "chunk_sizes") => {
                part.chunk_sizes.clear();
                reader.array(|reader| {
                    let size = reader.u64()?;
                    part.chunk_sizes
                        .push(u32::try_from(size).unwrap_or(u32::MAX));
                    Ok(())
                })?;
            }
            () if names(&name, "part_version") => part.part_version = reader.u64()?,
            () if names(&name, "chunk_ref_version") => part.chunk_ref_version = reader.u64()?,
            () if names(&name, "offloaded") => part.offloaded = reader.boolean()?,
            () => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(part)
}

fn string_map(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, JsonFault> {
    let mut map = BTreeMap::new();
    reader.object(|reader, name| {
        map.insert(name.into_owned(), reader.string()?);
        Ok(())
    })?;
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        parse_manifest(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_documented_bucket_record_parses() {
        let text = r#"{"bucket_name":"photos","generation":7,"created_at_hlc":114418306260664325,"owner":"alice","region":"us-east-1","acl":"private"}"#;
        let expected = BucketRecord {
            generation: 7,
            created_at_hlc: 114_418_306_260_664_325,
            owner: "alice".into(),
            region: "us-east-1".into(),
            acl: "private".into(),
        };
        assert_eq!(parse_bucket(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn the_documented_multipart_manifest_parses() {
        let found = manifest(
            r#"{"upload_id":"ffee","etag":"7f33-2","size_bytes":11,"last_modified_hlc":114418306260860933,"content_type":"application/octet-stream","parts":[{"part_no":1,"etag":"5d41","size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2],"part_version":114418306260729861,"chunk_ref_version":114418306260664325},{"part_no":2,"etag":"f636","size_bytes":6,"chunk_count":1,"chunk_sizes":[6],"chunk_ref_version":91,"offloaded":true}]}"#,
        );
        assert_eq!(found.upload_id, "ffee");
        assert_eq!(found.parts.len(), 2);
        assert_eq!(found.parts[0].chunk_sizes, [3, 2]);
        assert_eq!(found.parts[0].version(), 114_418_306_260_729_861);
        assert_eq!(found.parts[1].version(), 91);
    }

    #[test]
    fn reading_is_lenient_where_the_node_is() {
        assert_eq!(manifest("null"), Manifest::default());
        assert_eq!(manifest(" {} \n"), Manifest::default());
        assert_eq!(
            manifest(r#"{"ETAG":"a","Etag":"b","x":{"etag":"c"}}"#).etag,
            "b"
        );
        let nulls = r#"{"etag":null,"size_bytes":null,"parts":null,"user_metadata":{"a":null},"last_modified_hlc":null}"#;
        let found = manifest(nulls);
        assert_eq!(
            found.user_metadata,
            [("a".to_owned(), String::new())].into()
        );
        assert!(found.parts.is_empty());
        let nulls = manifest(r#"{"parts":[null,{"chunk_sizes":[null,7],"offloaded":null}]}"#);
        assert_eq!(nulls.parts[0], Part::default());
        assert_eq!(nulls.parts[1].chunk_sizes, [0, 7]);
        let twice = manifest(
            r#"{"parts":[{"part_no":1}],"parts":[{"part_no":2,"chunk_sizes":[1],"chunk_sizes":[2]}]}"#,
        );
        assert_eq!(twice.parts.len(), 1);
        assert_eq!(twice.parts[0].chunk_sizes, [2]);
        assert_eq!(
            manifest(r#"{"parts":[{"chunk_sizes":[18446744073709551615]}]}"#).parts[0].chunk_sizes,
            [u32::MAX]
        );
    }

    #[test]
    fn what_the_node_refuses_is_refused() {
        for text in [
            "",
            "  ",
            "[]",
            "\"x\"",
            "{} x",
            "{}{}",
            r#"{"size_bytes":1.0}"#,
            r#"{"size_bytes":"1"}"#,
            r#"{"last_modified_hlc":-1}"#,
            r#"{"etag":1}"#,
            r#"{"parts":{}}"#,
            r#"{"parts":[1]}"#,
            r#"{"user_metadata":{"a":1}}"#,
            r#"{"parts":[{"offloaded":"true"}]}"#,
        ] {
            assert!(parse_manifest(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_bucket(br#"{"generation":"7"}"#).is_err());
        assert!(parse_bucket(br#"{"bucket_name":7}"#).is_err());
    }
}
