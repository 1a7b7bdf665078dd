//! From the flags of `decode` to what the codec is told.

use std::path::PathBuf;

use codec::{Adapters, BareStrings, Names, OnBad, Options, RawRows, Scope, UnknownRows};
use snapshot::FooterPolicy;

use super::super::select::SelectArgs;
use crate::failure::Failure;
use crate::run::Context;
use crate::{time, version};

/// How to decode, as it was typed.
#[derive(Debug, clap::Args)]
pub(crate) struct HowArgs {
    /// Leave out what cannot be decoded, list it in a report, and end with exit code 14
    #[arg(long)]
    partial: bool,

    /// Stop before anything is written if there are rows with an unknown key prefix
    #[arg(long, conflicts_with_all = ["ignore_unknown", "raw"])]
    strict: bool,

    /// Rows with an unknown key prefix do not make the result incomplete
    #[arg(long)]
    ignore_unknown: bool,

    /// Write rows with an unknown key prefix as they are
    #[arg(long)]
    raw: bool,

    /// Accept a snapshot without footer although it has an FSM header, as object stores hold it
    #[arg(long, conflicts_with = "require_footer")]
    no_footer: bool,

    /// Demand a footer in any case
    #[arg(long)]
    require_footer: bool,

    /// Leave out Redis keys that had expired at this time: RFC 3339, `now`, or @ and Unix seconds
    #[arg(long, value_name = "TIME", value_parser = time::milliseconds)]
    drop_expired_at: Option<u64>,

    /// Name of the cluster, for the manifest
    #[arg(long, value_name = "NAME")]
    cluster_id: Option<String>,

    /// Raft index of the snapshot, for the manifest; otherwise the file's name or content tells it
    #[arg(long, value_name = "N")]
    index: Option<u64>,

    /// Write S3 uploads that were never completed, with their chunks
    #[arg(long)]
    include_incomplete_uploads: bool,

    /// Write S3 chunks without an object, and objects of deleted buckets
    #[arg(long)]
    include_orphans: bool,

    /// Append .user-data to S3 keys that end like a sidecar instead of putting them below `_keys/`
    #[arg(long)]
    rename_collisions: bool,

    /// Refuse S3 keys that cannot be a path instead of putting them below `_keys/`
    #[arg(long)]
    strict_keys: bool,

    /// Write S3 generations, clock values, upload ids and parts as well
    #[arg(long)]
    extended_metadata: bool,

    /// Do not compare S3 bodies with their etags, which saves the MD5 pass
    #[arg(long)]
    no_etag: bool,

    /// Use only file names that every common file system keeps apart
    #[arg(long)]
    portable_names: bool,

    /// Take keys without any known prefix for Redis strings of very old servers
    #[arg(long)]
    bare_strings: bool,

    /// Where what exceeds memory is sorted [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch_dir: Option<PathBuf>,
}

/// What the flags mean.
pub(super) fn options(
    select: &SelectArgs,
    how: &HowArgs,
    context: &Context,
) -> Result<Options, Failure> {
    let (adapters, scope) = select.lower()?;
    let mut options = plain_options(context)?;
    options.adapters = adapters;
    options.scope = scope;
    options.footer = how.footer();
    options.unknown = how.unknown();
    options.raw = if how.raw {
        RawRows::Write
    } else {
        RawRows::Drop
    };
    options.on_bad = if how.partial {
        OnBad::LeaveOut
    } else {
        OnBad::Stop
    };
    options.drop_expired_at_ms = how.drop_expired_at;
    options.bare_strings = if how.bare_strings {
        BareStrings::Decode
    } else {
        BareStrings::Unknown
    };
    options.names = if how.portable_names {
        Names::Portable
    } else {
        Names::Native
    };
    options.s3.include_incomplete_uploads = how.include_incomplete_uploads;
    options.s3.include_orphans = how.include_orphans;
    options.s3.rename_collisions = how.rename_collisions;
    options.s3.strict_keys = how.strict_keys;
    options.s3.extended_metadata = how.extended_metadata;
    options.s3.verify_etags = !how.no_etag;
    options.cluster_id.clone_from(&how.cluster_id);
    options.index = how.index;
    if let Some(scratch) = &how.scratch_dir {
        options.scratch.clone_from(scratch);
    }
    Ok(options)
}

/// What a decode without any flag is told.
pub(crate) fn plain_options(context: &Context) -> Result<Options, Failure> {
    Ok(Options {
        adapters: Adapters::ALL,
        scope: Scope::default(),
        footer: FooterPolicy::WithHeader,
        unknown: UnknownRows::Report,
        raw: RawRows::Drop,
        on_bad: OnBad::Stop,
        drop_expired_at_ms: None,
        bare_strings: BareStrings::Unknown,
        names: Names::Native,
        s3: codec::s3::Settings::default(),
        scratch: context.environment.temporary.clone(),
        cluster_id: None,
        index: None,
        wall_time: time::of_manifest(&context.environment)?,
        producer: ("longshore".to_owned(), version::VERSION.to_owned()),
    })
}

impl HowArgs {
    fn footer(&self) -> FooterPolicy {
        match (self.no_footer, self.require_footer) {
            (true, _) => FooterPolicy::Optional,
            (false, true) => FooterPolicy::Required,
            (false, false) => FooterPolicy::WithHeader,
        }
    }

    fn unknown(&self) -> UnknownRows {
        match (self.strict, self.ignore_unknown) {
            (true, _) => UnknownRows::Refuse,
            (false, true) => UnknownRows::Ignore,
            (false, false) => UnknownRows::Report,
        }
    }
}
