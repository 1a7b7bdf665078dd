//! What was typed behind `dataset push`.

use std::path::PathBuf;

use cluster::submit::Key;
use cluster::transfer::Compression;

use super::local;
use crate::cluster::limits::{LimitArgs, Pushing};
use crate::cluster::reach::ClusterArgs;

/// Push a folder into a cluster, where it becomes a table
///
/// The folder is checked first, then the cluster; nothing is sent before both are sound. Files are carried to where nobody
/// reads them, read back there with their digests, and made visible only when all of them are what was checked. Then the run is
/// submitted and watched. The same command again goes on where a broken one stopped.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) local: local::Args,

    #[command(flatten)]
    pub(super) cluster: ClusterArgs,

    /// Service account that ingests [default: what the release says]
    #[arg(long, value_name = "NAME")]
    pub(super) ingestor_sa: Option<String>,

    /// Image of the stage pod [default: a small one with a shell, pinned by its digest]
    #[arg(long, value_name = "IMAGE")]
    pub(super) stage_pod_image: Option<String>,

    /// Compress files on the way; it pays on slow links
    #[arg(long, value_name = "HOW", value_enum)]
    pub(super) compress: Option<Compress>,

    /// Digest of the ingestor's image, sha256:… [default: the release's own]
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(super) image_digest: Option<String>,

    /// Key under which the run is submitted [default: one made from the data]
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(super) idempotency_key: Option<Key>,

    /// Do not watch the run once it is accepted
    #[arg(long)]
    pub(super) detach: bool,

    /// Check everything and change nothing; `pod` makes and removes a stage pod to see the volume
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "look"
    )]
    pub(super) dry_run: Option<DryRun>,

    /// Write what was delivered to this file, for `sha256sum -c` in the folder; it replaces an older one and no other file
    #[arg(long, value_name = "FILE")]
    pub(super) receipt: Option<PathBuf>,

    #[command(flatten)]
    pub(super) limits: LimitArgs<Pushing>,
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Compress {
    /// What every image has a program for.
    Gzip,
}

impl Compress {
    pub(super) fn compression(self) -> Compression {
        match self {
            Self::Gzip => Compression::Gzip,
        }
    }
}

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DryRun {
    /// Nothing is made in the cluster.
    Look,
    /// A stage pod is made, and removed again.
    Pod,
}

fn key(text: &str) -> Result<Key, String> {
    Key::parse(text).map_err(|error| error.to_string())
}

fn digest(text: &str) -> Result<String, String> {
    let is_digest = text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    });
    match is_digest {
        true => Ok(text.to_owned()),
        false => Err("expected sha256: and 64 lower-case hexadecimal digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_digest() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(digest(&good), Ok(good.clone()));
        for bad in [
            "latest",
            "sha256:0a",
            &good.to_uppercase(),
            &good["sha256:".len()..],
        ] {
            assert!(digest(bad).is_err(), "{bad}");
        }
    }
}
