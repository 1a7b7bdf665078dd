//! `longshore snapshot inspect`: what is in a snapshot, without writing anything.

use std::fmt::Write;

use codec::{Input, Inspection};
use serde_json::{Map, Value, json};
use snapshot::{FooterPolicy, Store};

use super::decode::counts;
use super::input::{InputArgs, LogTail};
use super::watch::Watch;
use crate::errors;
use crate::output::{Amount, Bytes, Outcome, printable};
use crate::run::{Context, Done};

/// Tell what is in a snapshot without writing anything
///
/// Reads the whole file and verifies its checksum. Families that cannot be decoded yet are counted like the others.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// Accept a snapshot without footer although it has an FSM header, as object stores hold it
    #[arg(long, conflicts_with = "require_footer")]
    no_footer: bool,

    /// Demand a footer in any case
    #[arg(long)]
    require_footer: bool,
}

/// Inspects every input, one after the other.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let footer = match (args.no_footer, args.require_footer) {
        (true, _) => FooterPolicy::Optional,
        (false, true) => FooterPolicy::Required,
        (false, false) => FooterPolicy::WithHeader,
    };
    let watch = Watch::new(context);
    let mut text = String::new();
    let mut snapshots = Vec::new();
    for source in args.input.open(context)? {
        let inspection = match codec::inspect(&source.input, footer, &watch) {
            Ok(inspection) => inspection,
            Err(codec::Error::Cancelled) => return Err(context.signals.failure()),
            Err(error) => return Err(errors::codec(&error)),
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&describe(&inspection, &source.input));
        snapshots.push(members(&inspection, source.log.as_ref()));
    }
    Ok(Outcome::done(text).with("snapshots", snapshots))
}

fn describe(inspection: &Inspection, input: &Input) -> String {
    let mut text = String::new();
    let mut line = |what: &str, says: &str| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{what:<12} {says}");
    };
    line(
        "snapshot",
        &format!(
            "{}, {}",
            printable(&input.name),
            Bytes(inspection.size_bytes)
        ),
    );
    line("layers", &layers(inspection));
    line(
        "index",
        &inspection
            .index
            .map_or("unknown".to_owned(), |index| index.to_string()),
    );
    line("commit time", &commit_time(inspection.last_commit_ts));
    let counts = &inspection.counts;
    line("rows", &super::decode::rows(counts));
    for (section, stats) in &inspection.sections {
        let bucket = section
            .bucket
            .as_ref()
            .map_or(String::new(), |bucket| format!(" {}", printable(bucket)));
        let says = format!(
            "{}, {}; {} in all, {} deleted, {} expired",
            Amount(stats.keys, "key"),
            Bytes(stats.bytes),
            Amount(stats.versions, "version"),
            stats.deleted,
            stats.expired
        );
        line(&format!("{}{bucket}", section.family.name()), &says);
    }
    for (prefix, (rows, bytes)) in &inspection.unknown {
        line(
            "unknown",
            &format!(
                "{} below {prefix:?}, {}",
                Amount(*rows, "row"),
                Bytes(*bytes)
            ),
        );
    }
    let spread = &inspection.expiries;
    if spread.past + spread.hour + spread.day + spread.month + spread.later > 0 {
        let says = format!(
            "{} before the commit time, {} within an hour, {} a day, {} thirty days, {} later",
            spread.past, spread.hour, spread.day, spread.month, spread.later
        );
        line("expiries", &says);
    }
    for largest in &inspection.largest {
        line(
            "largest",
            &format!(
                "{} {} {}",
                Bytes(largest.bytes),
                largest.family.name(),
                printable(&largest.key)
            ),
        );
    }
    text
}

fn layers(inspection: &Inspection) -> String {
    let header = match &inspection.fsm {
        Some(header) => format!("FSM header {}, ", header.version),
        None => String::new(),
    };
    let footer = match inspection.crc32c {
        Some(crc) => format!(", footer {crc:08x} verified"),
        None => ", no footer".to_owned(),
    };
    format!("{header}{}{footer}", store(inspection))
}

fn store(inspection: &Inspection) -> &'static str {
    match inspection.store {
        Store::Native => "native stream",
        Store::Streaming { .. } => "streaming store",
        Store::Empty => "empty store",
    }
}

/// The wall clock may be up to ten seconds behind this.
fn commit_time(timestamp: u64) -> String {
    let moment = i64::try_from(timestamp >> 16)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match moment.filter(|_| timestamp > 0) {
        Some(moment) => format!("{moment} ({timestamp})"),
        None => format!("none ({timestamp})"),
    }
}

fn members(inspection: &Inspection, log: Option<&LogTail>) -> Value {
    let sections = inspection.sections.iter().map(|(section, stats)| {
        json!({
            "family": section.family.name(),
            "bucket": section.bucket,
            "keys": stats.keys,
            "rows": stats.rows,
            "bytes": stats.bytes,
            "versions": stats.versions,
            "deleted": stats.deleted,
            "expired": stats.expired,
        })
    });
    let largest = inspection.largest.iter().map(|largest| {
        json!({ "bytes": largest.bytes, "family": largest.family.name(), "key": largest.key })
    });
    let unknown: Map<String, Value> = inspection
        .unknown
        .iter()
        .map(|(prefix, (rows, bytes))| (prefix.clone(), json!({ "rows": rows, "bytes": bytes })))
        .collect();
    let spread = &inspection.expiries;
    json!({
        "name": inspection.name,
        "size_bytes": inspection.size_bytes,
        "store": store(inspection),
        "fsm_header_version": inspection.fsm.as_ref().map(|header| header.version),
        "crc32c": inspection.crc32c.map(|crc| format!("{crc:08x}")),
        "index": inspection.index,
        "applied_index": inspection.applied_index,
        "last_commit_ts": inspection.last_commit_ts,
        "rows": counts(&inspection.counts),
        "sections": sections.collect::<Value>(),
        "largest": largest.collect::<Value>(),
        "unknown": unknown,
        "expiries": {
            "past": spread.past,
            "hour": spread.hour,
            "day": spread.day,
            "month": spread.month,
            "later": spread.later,
        },
        "log": log.map(LogTail::to_json),
    })
}
