//! Writing a manifest, member by member in the fixed order.

use super::{
    Adapters, CHECKSUM_ALGORITHM, ENCODED_FILENAME_CHARSET, Exclusions, FORMAT_VERSION, Live,
    Manifest, Origin, Partial, Producer, Scopes, Source, SourceFile, Totals,
};
use crate::json::{Escape, Style, Writer};

pub(super) fn manifest(manifest: &Manifest) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    let mut json = Writer::new(&mut out, Style::Indented, Escape::Plain);
    json.begin_object();
    integer(&mut json, "format_version", u64::from(FORMAT_VERSION));
    string(&mut json, "phase", manifest.origin.phase());
    string_unless_empty(&mut json, "elastickv_version", &manifest.elastickv_version);
    string_unless_empty(&mut json, "cluster_id", &manifest.cluster_id);
    integer_unless_zero(&mut json, "snapshot_index", manifest.snapshot_index);
    integer_unless_zero(&mut json, "last_commit_ts", manifest.last_commit_ts);
    string(&mut json, "wall_time_iso", &manifest.wall_time.to_string());
    match &manifest.origin {
        Origin::Snapshot(files) => source(&mut json, files),
        Origin::Live(pin) => live(&mut json, pin),
    }
    adapters(&mut json, &manifest.adapters);
    exclusions(&mut json, manifest.exclusions);
    let conventions = &manifest.conventions;
    string(&mut json, "checksum_algorithm", CHECKSUM_ALGORITHM);
    string(&mut json, "checksum_format", &conventions.checksum_format);
    string(
        &mut json,
        "encoded_filename_charset",
        ENCODED_FILENAME_CHARSET,
    );
    integer(
        &mut json,
        "key_segment_max_bytes",
        u64::from(conventions.key_segment_max_bytes),
    );
    string(&mut json, "s3_meta_suffix", &conventions.s3_meta_suffix);
    string(
        &mut json,
        "s3_collision_strategy",
        &conventions.s3_collision_strategy,
    );
    string(
        &mut json,
        "dynamodb_layout",
        manifest.dynamodb_layout.as_str(),
    );
    producer(&mut json, manifest.producer.as_ref());
    totals(&mut json, manifest.totals);
    partial(&mut json, manifest.partial.as_ref());
    json.end_object();
    out.push(b'\n');
    out
}

/// One file is `fsm_path`, as every reader expects; of several, `fsm_path` is the first and `files` has them all.
fn source(json: &mut Writer<'_>, source: &Source) {
    json.name("source");
    json.begin_object();
    if let Some(first) = source.files.first() {
        source_file(json, first);
    }
    if source.files.len() > 1 {
        json.name("files");
        json.begin_array();
        for file in &source.files {
            json.begin_object();
            source_file(json, file);
            integer_unless_zero(json, "snapshot_index", file.snapshot_index);
            integer_unless_zero(json, "last_commit_ts", file.last_commit_ts);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object();
}

fn source_file(json: &mut Writer<'_>, file: &SourceFile) {
    string(json, "fsm_path", &file.name);
    if let Some(crc32c) = file.crc32c {
        string(json, "fsm_crc32c", &format!("{crc32c:08x}"));
    }
}

fn live(json: &mut Writer<'_>, live: &Live) {
    json.name("live");
    json.begin_object();
    integer(json, "read_ts", live.read_ts);
    string(json, "pin_token_sha256", &live.pin_token_sha256);
    json.end_object();
}

fn adapters(json: &mut Writer<'_>, adapters: &Adapters) {
    json.name("adapters");
    json.begin_object();
    scopes(
        json,
        "dynamodb",
        "tables",
        adapters.dynamodb.as_ref(),
        |json, name| json.string(name),
    );
    scopes(json, "s3", "buckets", adapters.s3.as_ref(), |json, name| {
        json.string(name)
    });
    scopes(
        json,
        "redis",
        "databases",
        adapters.redis.as_ref(),
        |json, number| json.integer(*number),
    );
    scopes(
        json,
        "sqs",
        "queues",
        adapters.sqs.as_ref(),
        |json, name| json.string(name),
    );
    json.end_object();
}

fn scopes<T>(
    json: &mut Writer<'_>,
    adapter: &str,
    list: &str,
    scopes: Option<&Scopes<T>>,
    write: impl Fn(&mut Writer<'_>, &T),
) {
    let Some(scopes) = scopes else {
        return;
    };
    json.name(adapter);
    json.begin_object();
    if let Scopes::Listed(names) = scopes {
        json.name(list);
        json.begin_array();
        names.iter().for_each(|name| write(json, name));
        json.end_array();
    }
    json.end_object();
}

fn exclusions(json: &mut Writer<'_>, exclusions: Exclusions) {
    json.name("exclusions");
    json.begin_object();
    boolean(
        json,
        "include_incomplete_uploads",
        exclusions.include_incomplete_uploads,
    );
    boolean(json, "include_orphans", exclusions.include_orphans);
    boolean(
        json,
        "preserve_sqs_visibility",
        exclusions.preserve_sqs_visibility,
    );
    boolean(
        json,
        "include_sqs_side_records",
        exclusions.include_sqs_side_records,
    );
    if exclusions.rename_s3_collisions {
        boolean(json, "rename_s3_collisions", true);
    }
    json.end_object();
}

fn producer(json: &mut Writer<'_>, producer: Option<&Producer>) {
    let Some(producer) = producer else {
        return;
    };
    json.name("producer");
    json.begin_object();
    string(json, "name", &producer.name);
    string(json, "version", &producer.version);
    json.end_object();
}

fn totals(json: &mut Writer<'_>, totals: Option<Totals>) {
    let Some(totals) = totals else {
        return;
    };
    json.name("totals");
    json.begin_object();
    integer(json, "files", totals.files);
    integer(json, "bytes", totals.bytes);
    json.end_object();
}

fn partial(json: &mut Writer<'_>, partial: Option<&Partial>) {
    let Some(partial) = partial else {
        return;
    };
    json.name("partial");
    json.begin_object();
    json.name("left_out");
    json.begin_array();
    for part in &partial.left_out {
        json.begin_object();
        string(json, "family", &part.family);
        string(json, "reason", &part.reason);
        integer(json, "count", part.count);
        json.end_object();
    }
    json.end_array();
    if let Some(report) = &partial.report {
        string(json, "report", report);
    }
    json.end_object();
}

fn string(json: &mut Writer<'_>, name: &str, value: &str) {
    json.name(name);
    json.string(value);
}

fn string_unless_empty(json: &mut Writer<'_>, name: &str, value: &str) {
    if !value.is_empty() {
        string(json, name, value);
    }
}

fn integer(json: &mut Writer<'_>, name: &str, value: u64) {
    json.name(name);
    json.integer(value);
}

fn integer_unless_zero(json: &mut Writer<'_>, name: &str, value: u64) {
    if value != 0 {
        integer(json, name, value);
    }
}

fn boolean(json: &mut Writer<'_>, name: &str, value: bool) {
    json.name(name);
    json.boolean(value);
}
