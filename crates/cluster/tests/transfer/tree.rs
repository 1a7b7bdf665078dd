//! A dataset to be sent, and an independent look at what became of it.

#![allow(
    dead_code,
    reason = "every user of this module uses another part of it"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cluster::transfer::{self, Source, SourceFile, TransferError};
use fsroot::RelPath;

/// Files with content, on disk.
pub(crate) struct Tree {
    dir: tempfile::TempDir,
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Tree {
    pub(crate) fn new(files: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files: BTreeMap<_, _> = files.into_iter().collect();
        for (name, content) in &files {
            let path = dir.path().join(OsStr::from_bytes(name));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self { dir, files }
    }

    /// Sizes around every edge, and names that a shell may stumble over.
    pub(crate) fn mixed() -> Self {
        let mut files = Vec::new();
        for size in [
            0,
            1,
            511,
            512,
            513,
            65535,
            65536,
            65537,
            (512 << 10) - 1,
            512 << 10,
            (512 << 10) + 1,
            (1 << 20) - 1,
            1 << 20,
            (1 << 20) + 1,
            3_500_000,
        ] {
            files.push((format!("images/{size}.bin").into_bytes(), content(size, 1)));
        }
        let long = "x".repeat(250);
        let names: [&[u8]; 14] = [
            b"labels.csv",
            b"-rf",
            b"--",
            b"texts/a b",
            b"texts/ leading and trailing ",
            b"texts/-n",
            b"texts/$(touch x);`id`'\"*?[a]",
            b"texts/back\\slash",
            b"texts/new\nline",
            b"texts/ends with newline\n",
            b"texts/re\rturn",
            "texts/ünï\u{1f600}".as_bytes(),
            b"texts/\xff\xfe\x81\x82",
            b"texts/tab\t\x01",
        ];
        for (number, name) in names.iter().enumerate() {
            files.push((name.to_vec(), content(number * 37, number as u64)));
        }
        files.push((
            format!("deep/{long}/{long}/{long}").into_bytes(),
            b"deep".to_vec(),
        ));
        files.push((
            b"texts/large\nodd\\one".to_vec(),
            content((1 << 20) + 700_000, 9),
        ));
        Self::new(files)
    }

    pub(crate) fn source(&self) -> TreeSource {
        let sizes = self.files.iter();
        let sizes = sizes.map(|(name, content)| (name.clone(), content.len() as u64));
        TreeSource::of(self.dir.path(), &sizes.collect())
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files
            .values()
            .map(|content| content.len() as u64)
            .sum()
    }

    /// Compares what stands at a path with this tree, byte for byte.
    #[track_caller]
    pub(crate) fn assert_is(&self, place: &Path) {
        assert!(self.is(place), "{} is something else", place.display());
    }

    pub(crate) fn is(&self, place: &Path) -> bool {
        walk(place) == Some(self.files.clone())
    }
}

/// Reads a whole directory; `None` if there is none.
pub(crate) fn walk(place: &Path) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    if !place.is_dir() {
        return None;
    }
    let mut files = BTreeMap::new();
    let mut rest = vec![place.to_owned()];
    while let Some(dir) = rest.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                rest.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(place).unwrap().to_owned();
                let content = std::fs::read(entry.path()).unwrap();
                files.insert(name.as_os_str().as_bytes().to_vec(), content);
            }
        }
    }
    Some(files)
}

/// Bytes that differ with size and seed and do not repeat.
pub(crate) fn content(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) ^ size as u64 | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Lines of hexadecimal digits, which compress to little more than a half.
pub(crate) fn readable(size: usize, seed: u64) -> Vec<u8> {
    let lines = content(size / 2 + 1, seed);
    let mut text: Vec<u8> = lines
        .chunks(20)
        .flat_map(|line| [data_encoding::HEXLOWER.encode(line).as_bytes(), b"\n"].concat())
        .collect();
    text.truncate(size);
    text
}

/// Sends a directory; digests come from `sha256sum`.
#[derive(Debug)]
pub(crate) struct TreeSource {
    dir: PathBuf,
    files: Vec<(RelPath, u64, [u8; 32])>,
}

impl TreeSource {
    pub(crate) fn of(dir: &Path, files: &BTreeMap<Vec<u8>, u64>) -> Self {
        let names: Vec<_> = files.keys().collect();
        let mut listed = Vec::with_capacity(names.len());
        for batch in names.chunks(1000) {
            let output = Command::new("sha256sum")
                .arg("--zero")
                .arg("--")
                .args(batch.iter().map(|name| OsStr::from_bytes(name)))
                .current_dir(dir)
                .output()
                .unwrap();
            assert!(output.status.success());
            let lines = output.stdout.split(|byte| *byte == 0);
            for (name, line) in batch.iter().zip(lines) {
                assert_eq!(&line[66..], name.as_slice());
                let digest = data_encoding::HEXLOWER.decode(&line[..64]).unwrap();
                listed.push((
                    RelPath::new(name).unwrap(),
                    files[*name],
                    digest.try_into().unwrap(),
                ));
            }
        }
        Self {
            dir: dir.to_owned(),
            files: listed,
        }
    }
}

impl Source for TreeSource {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn total_bytes(&self) -> u64 {
        self.files.iter().map(|(_, size, _)| size).sum()
    }

    fn file(&self, index: usize) -> Result<Option<SourceFile>, TransferError> {
        let file = self.files.get(index).cloned();
        Ok(file.map(|(path, size_bytes, sha256)| SourceFile {
            path,
            size_bytes,
            sha256,
        }))
    }

    fn open(&self, index: usize) -> Result<File, TransferError> {
        let path = &self.files[index].0;
        let changed = |what: String| TransferError::SourceChanged {
            path: path.to_string(),
            what,
        };
        let file = File::open(self.dir.join(path.as_path()));
        let file = file.map_err(|error| changed(error.to_string()))?;
        match file.metadata().map(|meta| meta.len()) {
            Ok(size) if size == self.files[index].1 => Ok(file),
            _ => Err(changed("changed since it was checked".to_owned())),
        }
    }

    fn find(&self, path: &[u8]) -> Result<Option<usize>, TransferError> {
        let mut files = self.files.iter();
        Ok(files.position(|file| file.0.as_bytes() == path))
    }

    fn in_manifest_order(&self) -> Vec<Range<usize>> {
        let mut order: Vec<_> = (0..self.files.len()).collect();
        order.sort_by_cached_key(|index| {
            let path = self.files[*index].0.as_bytes().iter();
            path.flat_map(|byte| match byte {
                b'\\' => b"\\\\".to_vec(),
                b'\n' => b"\\n".to_vec(),
                other => vec![*other],
            })
            .collect::<Vec<_>>()
        });
        order.into_iter().map(|index| index..index + 1).collect()
    }
}

/// What will lie beside the data.
pub(crate) fn manifest(source: &dyn Source) -> Vec<u8> {
    let mut text = Vec::new();
    transfer::manifest(source, |line| text.extend_from_slice(line)).unwrap();
    text
}

/// Many files of about one size.
pub(crate) fn small(count: usize, size: usize) -> Tree {
    Tree::new((0..count).map(|number| {
        let name = format!("images/{:02}/{number:06}.jpg", number % 7);
        (name.into_bytes(), content(size + number % 5, number as u64))
    }))
}
