//! The raw loop that makes many files: open, write, close, and nothing else.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Mode, OFlags, openat, syncfs};

use super::{Rate, Sync};

/// A file to make: its directory, name and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// The directory's number in [`CreateLoop::directories`].
    pub directory: usize,
    /// The name in that directory.
    pub name: Vec<u8>,
    /// The length.
    pub bytes: u32,
}

/// Files to make, in the order of their paths, and the directories they lie in.
#[derive(Clone, Debug, Default)]
pub struct CreateLoop {
    /// Directories relative to the root; parents come first.
    pub directories: Vec<PathBuf>,
    /// The files.
    pub files: Vec<FileSpec>,
}

/// Lists a tree that the product made, so that the raw loop makes the same names in the same places.
///
/// # Errors
/// Those of the directories.
///
/// # Panics
/// When a file is 4 GiB or longer; such trees are not made of many small files.
pub fn files_of_tree(root: &Path) -> io::Result<CreateLoop> {
    let mut plan = CreateLoop::default();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let directory = plan.directories.len();
        let mut entries: Vec<_> = fs::read_dir(root.join(&relative))?.collect::<Result<_, _>>()?;
        plan.directories.push(relative.clone());
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let meta: Metadata = entry.metadata()?;
            if meta.is_dir() {
                pending.push(relative.join(entry.file_name()));
            } else {
                plan.files.push(FileSpec {
                    directory,
                    name: entry.file_name().into_encoded_bytes(),
                    bytes: u32::try_from(meta.size()).expect("small files"),
                });
            }
        }
    }
    Ok(plan)
}

impl CreateLoop {
    /// Measures making all files below a new directory `root` on `threads` threads. Directories are made
    /// and opened before the clock starts; the sync, if any, is one of the whole file system.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn measure(&self, root: &Path, threads: usize, sync: Sync) -> io::Result<Rate> {
        fs::create_dir(root)?;
        let handles = self.make_directories(root)?;
        let longest = self.files.iter().map(|file| file.bytes).max().unwrap_or(0);
        let body = vec![0x5a; longest as usize];
        let share = self.files.len().div_ceil(threads).max(1);

        let begun = Instant::now();
        std::thread::scope(|scope| {
            let (handles, body) = (&handles, &body);
            let run = |files| move || make_files(files, handles, body);
            let workers: Vec<_> = self
                .files
                .chunks(share)
                .map(|files| scope.spawn(run(files)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })?;
        if sync == Sync::AtEnd {
            syncfs(File::open(root)?.as_fd())?;
        }
        Ok(Rate {
            amount: self.files.len() as u64,
            elapsed: begun.elapsed(),
        })
    }

    fn make_directories(&self, root: &Path) -> io::Result<Vec<Handle>> {
        let mut made = HashMap::new();
        for relative in &self.directories {
            let path = root.join(relative);
            fs::create_dir_all(&path)?;
            made.insert(relative, path);
        }
        // Thousands of open directories would meet the limit on descriptors; a path is then used.
        let few = self.directories.len() <= 512;
        self.directories
            .iter()
            .map(|relative| match few {
                true => Ok(Handle::Open(File::open(&made[relative])?.into())),
                false => Ok(Handle::Path(made[relative].clone())),
            })
            .collect()
    }
}

/// A directory that is open already, or is opened when its first file is made.
enum Handle {
    Open(OwnedFd),
    Path(PathBuf),
}

fn make_files(files: &[FileSpec], handles: &[Handle], body: &[u8]) -> io::Result<()> {
    let mut current: Option<(usize, OwnedFd)> = None;
    for file in files {
        match &handles[file.directory] {
            Handle::Open(directory) => make_file(directory, file, body)?,
            Handle::Path(path) => {
                if current
                    .as_ref()
                    .is_none_or(|(number, _)| *number != file.directory)
                {
                    current = Some((file.directory, File::open(path)?.into()));
                }
                let (_, directory) = current.as_ref().expect("just opened");
                make_file(directory, file, body)?;
            }
        }
    }
    Ok(())
}

fn make_file(directory: &OwnedFd, file: &FileSpec, body: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(
        directory,
        file.name.as_slice(),
        flags,
        Mode::RUSR | Mode::WUSR,
    )?;
    let mut rest = &body[..file.bytes as usize];
    while !rest.is_empty() {
        let written = rustix::io::write(&handle, rest)?;
        rest = &rest[written..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_made_again_name_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let first = dir.path().join("first");
        fs::create_dir_all(first.join("a/b")).unwrap();
        for (name, length) in [("x", 0), ("a/y", 5), ("a/b/z", 7), ("a/b/~", 1)] {
            fs::write(first.join(name), vec![1; length]).unwrap();
        }
        let plan = files_of_tree(&first).unwrap();
        assert_eq!((plan.directories.len(), plan.files.len()), (3, 4));
        for (threads, sync) in [(1, Sync::None), (2, Sync::AtEnd)] {
            let again = dir.path().join(format!("again-{threads}"));
            assert_eq!(plan.measure(&again, threads, sync).unwrap().amount, 4);
            assert_eq!(files_of_tree(&again).unwrap().files, plan.files);
        }
    }
}
