//! What decoding says at its end.

use std::fmt::Write;
use std::path::Path;

use codec::{Counts, Report};
use serde_json::{Map, Value, json};

use super::Decoded;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Bytes, Outcome, printable};

/// The outcome of a tree that was published.
pub(super) fn outcome(decoded: &Decoded, to: &Path) -> Outcome {
    let report = &decoded.report;
    let destination = to.display().to_string();
    let outcome =
        Outcome::done(text(report, &destination)).with_all(members(decoded, &destination));
    if report.is_complete() {
        return outcome;
    }
    let parts: Vec<String> = report
        .left_out
        .iter()
        .map(|part| format!("{} ({}: {})", part.what, part.reason, part.count))
        .collect();
    let message = format!(
        "the tree was written without some parts: {}",
        parts.join(", ")
    );
    outcome.but(
        Failure::new(Exit::PartsLeftOut, "decode.parts-left-out", message)
            .at("path", destination)
            .remedy(
                "The member partial of MANIFEST.json lists them; see the warnings above for each.",
            ),
    )
}

fn text(report: &Report, destination: &str) -> String {
    let mut text = String::new();
    let mut line = |what: &str, says: String| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{what:<10} {says}");
    };
    for input in &report.inputs {
        let index = input
            .index
            .map_or(String::new(), |index| format!(", index {index}"));
        let footer = match input.crc32c {
            Some(crc) => format!(", checksum {crc:08x} verified"),
            None => ", without checksum".to_owned(),
        };
        line(
            "snapshot",
            format!(
                "{}{index}, {}{footer}",
                printable(&input.name),
                Amount(input.rows, "row")
            ),
        );
    }
    let counts = &report.counts;
    line("rows", rows(counts));
    for (family, count) in &counts.families {
        let says = format!(
            "{} of {}, {}",
            Amount(count.rows, "row"),
            family.name(),
            Bytes(count.bytes)
        );
        line("visible", says);
    }
    for bucket in &report.s3.buckets {
        line("bucket", printable(bucket).into_owned());
    }
    if report.s3.objects > 0 {
        let etags = Amount(report.s3.etags_verified, "etag");
        let objects = Amount(report.s3.objects, "object");
        line(
            "s3",
            format!(
                "{objects}, {}, {etags} verified",
                Bytes(report.s3.object_bytes)
            ),
        );
    }
    if report.redis.strings + report.redis.hyperloglogs > 0 {
        line(
            "redis",
            format!(
                "{}, {}, {} of them with an expiry",
                Amount(report.redis.strings, "string"),
                Amount(report.redis.hyperloglogs, "HyperLogLog"),
                report.redis.with_expiry
            ),
        );
    }
    for (keys, why) in [
        (report.redis.hidden_by_zero_expiry, "an expiry of 0"),
        (report.redis.hidden_by_type, "another type of the same key"),
        (report.redis.dropped_expired, "--drop-expired-at"),
    ] {
        if keys > 0 {
            line(
                "redis",
                format!("{} left out by {why}", Amount(keys, "key")),
            );
        }
    }
    line(
        "written",
        format!("{}, {}", Amount(report.files, "file"), Bytes(report.bytes)),
    );
    line("tree", printable(destination).into_owned());
    text
}

/// Where every row went, in words.
pub(crate) fn rows(counts: &Counts) -> String {
    format!(
        "{} in all: {} superseded, {} deleted, {} expired, {} internal, {} of the store, {} not selected, {} unknown",
        counts.total,
        counts.superseded,
        counts.deleted,
        counts.expired,
        counts.internal,
        counts.operational,
        counts.not_selected,
        counts.unknown
    )
}

fn members(decoded: &Decoded, destination: &str) -> Map<String, Value> {
    let report = &decoded.report;
    let inputs = report.inputs.iter().zip(&decoded.logs).map(|(input, log)| {
        json!({
            "name": input.name,
            "index": input.index,
            "last_commit_ts": input.last_commit_ts,
            "crc32c": input.crc32c.map(|crc| format!("{crc:08x}")),
            "rows": input.rows,
            "log": log.as_ref().map(super::LogTail::to_json),
        })
    });
    let left_out = report
        .left_out
        .iter()
        .map(|part| json!({ "what": part.what, "reason": part.reason, "count": part.count }));
    let redis = &report.redis;
    let mut members = Map::new();
    members.insert("output".into(), destination.into());
    members.insert("files".into(), report.files.into());
    members.insert("bytes".into(), report.bytes.into());
    members.insert("inputs".into(), inputs.collect());
    members.insert("rows".into(), counts(&report.counts));
    members.insert("s3".into(), s3(&report.s3));
    members.insert(
        "redis".into(),
        json!({
            "strings": redis.strings,
            "hyperloglogs": redis.hyperloglogs,
            "with_expiry": redis.with_expiry,
            "hidden_by_zero_expiry": redis.hidden_by_zero_expiry,
            "dropped_expired": redis.dropped_expired,
            "hidden_by_type": redis.hidden_by_type,
            "orphan_expiries": redis.orphan_expiries,
        }),
    );
    members.insert("left_out".into(), left_out.collect());
    members
}

fn s3(report: &codec::s3::Report) -> Value {
    json!({
        "buckets": report.buckets,
        "objects": report.objects,
        "object_bytes": report.object_bytes,
        "renamed": report.renamed,
        "etags_verified": report.etags_verified,
        "etags_unverifiable": report.etags_unverifiable,
        "stale_objects": report.stale_objects,
        "elsewhere_objects": report.elsewhere_objects,
        "orphan_chunks": report.orphan_chunks,
        "upload_chunks": report.upload_chunks,
        "upload_records": report.upload_records,
    })
}

/// Where every row went, as a JSON object.
pub(crate) fn counts(counts: &Counts) -> Value {
    let families: Map<String, Value> = counts
        .families
        .iter()
        .map(|(family, count)| {
            (
                family.name().to_owned(),
                json!({ "rows": count.rows, "bytes": count.bytes }),
            )
        })
        .collect();
    json!({
        "total": counts.total,
        "operational": counts.operational,
        "superseded": counts.superseded,
        "deleted": counts.deleted,
        "expired": counts.expired,
        "not_selected": counts.not_selected,
        "internal": counts.internal,
        "unknown": counts.unknown,
        "encrypted": counts.encrypted,
        "families": families,
    })
}
