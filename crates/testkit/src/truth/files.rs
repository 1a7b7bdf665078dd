//! Reads a dump tree from the disk, names and modes included.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Findings;

/// A tree on the disk.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<TreeFile>,
    directories: Vec<TreeFile>,
    others: Vec<Vec<u8>>,
}

/// A file or directory of a tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeFile {
    /// The path from the root, with `/` between its components.
    pub path: Vec<u8>,
    /// The permission bits.
    pub mode: u32,
}

impl Tree {
    /// Lists a tree.
    ///
    /// # Panics
    /// When a directory cannot be read.
    pub fn read(root: &Path) -> Tree {
        let mut tree = Tree {
            root: root.to_owned(),
            files: Vec::new(),
            directories: Vec::new(),
            others: Vec::new(),
        };
        tree.walk(root);
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    fn walk(&mut self, dir: &Path) {
        let entries =
            fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        for entry in entries {
            let path = entry.expect("a directory entry is readable").path();
            let meta = fs::symlink_metadata(&path).expect("a listed entry has metadata");
            let relative = path.strip_prefix(&self.root).expect("walked from the root");
            let name = relative.as_os_str().as_bytes().to_vec();
            let item = TreeFile {
                path: name.clone(),
                mode: meta.permissions().mode() & 0o7777,
            };
            if meta.is_dir() {
                self.directories.push(item);
                self.walk(&path);
            } else if meta.is_file() {
                self.files.push(item);
            } else {
                self.others.push(name);
            }
        }
    }

    /// Gives the regular files in the order of their paths.
    pub fn files(&self) -> &[TreeFile] {
        &self.files
    }

    /// Gives the paths of the files below a directory, without that prefix.
    pub fn below<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.files.iter().filter_map(move |file| {
            let rest = file.path.strip_prefix(dir.as_bytes())?;
            rest.strip_prefix(b"/")
        })
    }

    /// Reads a file; `None` when it is not there.
    pub fn bytes(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let path = Path::new(std::ffi::OsStr::from_bytes(path.as_ref()));
        fs::read(self.root.join(path)).ok()
    }

    /// Opens a file for reading.
    ///
    /// # Panics
    /// When that fails.
    pub fn open(&self, path: impl AsRef<[u8]>) -> fs::File {
        let path = Path::new(std::ffi::OsStr::from_bytes(path.as_ref()));
        fs::File::open(self.root.join(path)).expect("a listed file opens")
    }
}

/// Data is private, the two control files follow the mask of the process, and nothing else exists.
pub(super) fn check_modes(tree: &Tree, findings: &mut Findings) {
    let umask = umask();
    for file in &tree.files {
        let wanted = match file.path.as_slice() {
            b"MANIFEST.json" | b"CHECKSUMS" => 0o666 & !umask,
            _ => 0o600,
        };
        check_mode(file, wanted, findings);
    }
    for directory in &tree.directories {
        check_mode(directory, 0o755 & !umask, findings);
    }
    let root = fs::metadata(&tree.root).expect("the root has metadata");
    let root = TreeFile {
        path: b".".to_vec(),
        mode: root.permissions().mode() & 0o7777,
    };
    check_mode(&root, 0o755 & !umask, findings);
    for other in &tree.others {
        findings.add(other, "is neither a file nor a directory");
    }
}

fn check_mode(file: &TreeFile, wanted: u32, findings: &mut Findings) {
    if file.mode != wanted {
        let found = file.mode;
        findings.add(
            &file.path,
            format_args!("has mode {found:o}, not {wanted:o}"),
        );
    }
}

/// Reads the mask without setting it, which only `/proc` can do.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let octal = line.expect("the kernel reports the mask").trim();
    u32::from_str_radix(octal, 8).expect("the mask is octal")
}
