//! `_bucket.json` and the file beside each body.

use dump::json::{Escape, Style, Writer};

use super::clock::{self, Date};
use super::record::{BucketRecord, Manifest, Part};

/// Whether a file says what only this program reads back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What every reader knows.
    Common,
    /// Generation, clock values, upload id and parts as well.
    Extended,
}

/// Whether a date could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dated {
    /// There was none, or it was written.
    Fine,
    /// It was left out, because no reader would take it.
    LeftOut,
}

/// Appends `_bucket.json`.
pub(super) fn bucket_into(
    name: &[u8],
    record: &BucketRecord,
    detail: Detail,
    out: &mut Vec<u8>,
) -> Dated {
    let mut json = Writer::new(out, Style::Indented, Escape::Html);
    let mut dated = Dated::Fine;
    json.begin_object();
    json.name("format_version");
    json.integer(1);
    json.name("name");
    json.string(name);
    if detail == Detail::Extended {
        dated = date(&mut json, "creation_time_iso", record.created_at_hlc);
    }
    text(&mut json, "owner", &record.owner);
    text(&mut json, "region", &record.region);
    text(&mut json, "acl", &record.acl);
    if detail == Detail::Extended {
        json.name("generation");
        json.integer(record.generation);
        json.name("created_at_hlc");
        json.integer(record.created_at_hlc);
    }
    // The name in `name` degrades, and a fallback directory does not say it either.
    if str::from_utf8(name).is_err() {
        json.name("name_b64");
        json.string(data_encoding::BASE64URL_NOPAD.encode(name));
    }
    json.end_object();
    dated
}

/// Appends the sidecar of an object.
pub(super) fn object_into(manifest: &Manifest, detail: Detail, out: &mut Vec<u8>) -> Dated {
    let mut json = Writer::new(out, Style::Indented, Escape::Html);
    json.begin_object();
    json.name("format_version");
    json.integer(1);
    text(&mut json, "etag", &manifest.etag);
    json.name("size_bytes");
    json.integer(manifest.size_bytes);
    let dated = date(&mut json, "last_modified", manifest.last_modified_hlc);
    text(&mut json, "content_type", &manifest.content_type);
    text(&mut json, "content_encoding", &manifest.content_encoding);
    text(&mut json, "cache_control", &manifest.cache_control);
    text(
        &mut json,
        "content_disposition",
        &manifest.content_disposition,
    );
    if !manifest.user_metadata.is_empty() {
        json.name("user_metadata");
        json.begin_object();
        for (name, value) in &manifest.user_metadata {
            json.name(name);
            json.string(value);
        }
        json.end_object();
    }
    if detail == Detail::Extended {
        json.name("last_modified_hlc");
        json.integer(manifest.last_modified_hlc);
        json.name("upload_id");
        json.string(&manifest.upload_id);
        json.name("parts");
        json.begin_array();
        for part in &manifest.parts {
            part_into(&mut json, part);
        }
        json.end_array();
    }
    json.end_object();
    dated
}

/// Writes a part with the members that a node writes.
fn part_into(json: &mut Writer<'_>, part: &Part) {
    json.begin_object();
    json.name("part_no");
    json.integer(part.part_no);
    json.name("etag");
    json.string(&part.etag);
    json.name("size_bytes");
    json.integer(part.size_bytes);
    json.name("chunk_count");
    json.integer(part.chunk_count);
    if !part.chunk_sizes.is_empty() {
        json.name("chunk_sizes");
        json.begin_array();
        for &size in &part.chunk_sizes {
            json.integer(size);
        }
        json.end_array();
    }
    for (name, version) in [
        ("part_version", part.part_version),
        ("chunk_ref_version", part.chunk_ref_version),
    ] {
        if version != 0 {
            json.name(name);
            json.integer(version);
        }
    }
    if part.offloaded {
        json.name("offloaded");
        json.boolean(true);
    }
    json.end_object();
}

fn text(json: &mut Writer<'_>, name: &str, value: &str) {
    if !value.is_empty() {
        json.name(name);
        json.string(value);
    }
}

fn date(json: &mut Writer<'_>, name: &str, hlc: u64) -> Dated {
    match clock::date(hlc) {
        Date::Absent => Dated::Fine,
        Date::Unrepresentable => Dated::LeftOut,
        Date::Iso(iso) => {
            json.name(name);
            json.string(iso);
            Dated::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::record;

    #[test]
    fn the_documented_files() {
        let record = record::parse_bucket(
            br#"{"bucket_name":"photos","generation":7,"created_at_hlc":114418306260664325,"owner":"alice","region":"us-east-1","acl":"private"}"#,
        )
        .unwrap();
        let mut out = Vec::new();
        bucket_into(b"photos", &record, Detail::Common, &mut out);
        let expected = "{\n  \"format_version\": 1,\n  \"name\": \"photos\",\n  \"owner\": \"alice\",\n  \"region\": \"us-east-1\",\n  \"acl\": \"private\"\n}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        let manifest = record::parse_manifest(br#"{"upload_id":"00112233445566778899aabbccddeeff","etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"last_modified_hlc":114418306260664325,"content_type":"image/jpeg","user_metadata":{"a":"1","b":"\u003c2\u003e"},"parts":[{"part_no":1,"etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"chunk_count":1,"chunk_sizes":[11]}]}"#).unwrap();
        let mut out = Vec::new();
        object_into(&manifest, Detail::Common, &mut out);
        let expected = r#"{
  "format_version": 1,
  "etag": "2095312189753de6ad47dfe20cbe97ec",
  "size_bytes": 11,
  "last_modified": "2025-04-29T00:00:00.12Z",
  "content_type": "image/jpeg",
  "user_metadata": {
    "a": "1",
    "b": "\u003c2\u003e"
  }
}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn extended_members_come_last() {
        let mut out = Vec::new();
        let record = BucketRecord {
            generation: 3,
            created_at_hlc: 114_418_306_260_664_325,
            ..BucketRecord::default()
        };
        bucket_into(b"\xff", &record, Detail::Extended, &mut out);
        let expected = "{\n  \"format_version\": 1,\n  \"name\": \"\\ufffd\",\n  \"creation_time_iso\": \"2025-04-29T00:00:00.12Z\",\n  \"generation\": 3,\n  \"created_at_hlc\": 114418306260664325,\n  \"name_b64\": \"_w\"\n}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_date_that_nobody_reads_is_left_out() {
        let manifest = Manifest {
            last_modified_hlc: u64::MAX,
            ..Manifest::default()
        };
        let mut out = Vec::new();
        assert_eq!(
            object_into(&manifest, Detail::Common, &mut out),
            Dated::LeftOut
        );
        assert_eq!(out, b"{\n  \"format_version\": 1,\n  \"size_bytes\": 0\n}");
    }
}
