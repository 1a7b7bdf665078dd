//! `longshore snapshot find`: the files of a key, and the key of a file.

mod reading;
mod tell;

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use dump::Error;
use dump::find::{Found, Query, files_of, key_of};
use dump::manifest::{self, Manifest};
use fsroot::{Kind, RelPath, Root};

use crate::errors::{self, Side};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{Context, Done};

/// Tell the files of a key, or the key of a file
///
/// Looks at names and KEYMAP files only, never at contents, so it answers at once. A key is printed as this command
/// reads it. What is not in the dump ends with exit code 3.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dump
    #[arg(value_name = "DIR")]
    dump: PathBuf,

    /// A key or a file
    ///
    /// `redis:KEY`, `s3:BUCKET`, `s3:BUCKET/KEY`, `dynamodb:TABLE/HASH/RANGE` and `sqs:QUEUE` are keys, and `file:PATH` is
    /// a file by its path in the dump, each in the bytes that are typed. `redis%:KEY` and so on decode `%HH` first, for bytes
    /// that cannot be typed. Anything else is taken for whatever the dump has by that name: a file, by its path
    /// in the dump or from here, or a key.
    #[arg(value_name = "KEY")]
    key: OsString,
}

/// What the dump has to say to an argument.
enum Answer {
    /// Files and their keys.
    Found(Vec<Found>),
    /// A file that is there for no key: a list, or a record of the dump itself.
    NoKey(RelPath),
    /// A directory.
    Directory(RelPath),
    /// Nothing.
    Nothing,
}

/// Looks the argument up in every way in which it can be read.
pub(crate) fn run(args: &Args, _: &Context) -> Done {
    let root =
        Root::open_ambient(&args.dump).map_err(|error| errors::files(&error, Side::Input))?;
    let manifest = manifest_of(&root, &args.dump)?;
    let readings = reading::readings(&args.dump, &args.key)
        .map_err(|error| tell::unreadable(&args.key, &error))?;
    let answer = answer(&root, &readings).map_err(|error| errors::dump(&error, Side::Input))?;
    tell::outcome(args, answer, manifest.partial.is_some())
}

/// Every reading that the dump knows counts; where none does, the nearest miss.
fn answer(root: &Root, readings: &[Query]) -> Result<Answer, Error> {
    let mut all: Vec<Found> = Vec::new();
    let mut miss = Answer::Nothing;
    for reading in readings {
        let found = match reading {
            Query::Key(key) => files_of(root, key)?,
            Query::File(path) => match key_of(root, path)? {
                Some(found) => vec![found],
                None => {
                    miss = nearest(root, path, miss)?;
                    Vec::new()
                }
            },
        };
        all.extend(found);
    }
    let mut unique: Vec<Found> = Vec::with_capacity(all.len());
    for found in all {
        if !unique.contains(&found) {
            unique.push(found);
        }
    }
    Ok(match unique.is_empty() {
        false => Answer::Found(unique),
        true => miss,
    })
}

fn nearest(root: &Root, path: &RelPath, so_far: Answer) -> Result<Answer, Error> {
    match root.stat(path) {
        Ok((Kind::File, _)) => Ok(Answer::NoKey(path.clone())),
        Ok((Kind::Directory, _)) => Ok(Answer::Directory(path.clone())),
        Ok(_) => Ok(so_far),
        Err(
            fsroot::Error::NotFound { .. }
            | fsroot::Error::NotADirectory { .. }
            | fsroot::Error::SymlinkRefused { .. },
        ) => Ok(so_far),
        Err(error) => Err(error.into()),
    }
}

/// Reads the manifest: a directory without one is no dump, and "there is no such key" would be a wrong answer.
fn manifest_of(root: &Root, dump: &Path) -> Result<Manifest, Failure> {
    let broken = |error: Error| errors::dump(&error, Side::Input);
    let path = RelPath::new(manifest::FILE_NAME).map_err(|error| broken(error.into()))?;
    let open = match root.open_file(&path) {
        Ok(open) => open,
        Err(fsroot::Error::NotFound { .. }) => return Err(no_dump(dump)),
        Err(error) => return Err(broken(error.into())),
    };
    let mut text = Vec::new();
    // What is longer than the limit does not parse, which is the right thing to say of it.
    open.file
        .take(manifest::SIZE_LIMIT_BYTES)
        .read_to_end(&mut text)
        .map_err(|source| broken(Error::Read { path, source }))?;
    Manifest::from_json(&text).map_err(|invalid| broken(invalid.into()))
}

fn no_dump(dump: &Path) -> Failure {
    Failure::new(
        Exit::DumpInvalid,
        "dump.manifest-missing",
        "the directory is not a dump: it has no MANIFEST.json",
    )
    .at("path", dump.display().to_string())
    .remedy("Give the directory that `longshore snapshot decode` made.")
}
