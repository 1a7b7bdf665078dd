//! What a scenario sends, and what stands there before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::super::folder::{Checked, checked, checked_texts, pictures, texts, tree};
use super::lot::Lot;

/// Files with content.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

/// What the files of a scenario weigh, at least: nothing, next to nothing, the edges of frames, blocks and pieces, many small ones, one
/// that is larger than what may be on the way.
const WEIGHTS: [&[usize]; 10] = [
    &[0, 0],
    &[1, 1],
    &[0, 1, 0, 1],
    &[50, 40],
    &[511, 512, 513, 1023, 1024, 1025],
    &[65_535, 65_536, 65_537, 262_143, 262_144, 262_145],
    &[524_287, 524_288, 524_289],
    &[100; 300],
    &[0, 9 << 20],
    &[0, 1_048_575, 1_048_576, 1_048_577, 2_500_000, 17],
];

/// A folder that was checked, and its content.
pub(super) struct Payload {
    _directory: tempfile::TempDir,
    pub(super) checked: Checked,
    pub(super) files: Tree,
}

impl Payload {
    pub(super) fn draw(lot: &mut Lot, table: &str, at: &Path) -> Self {
        let directory = tempfile::tempdir_in(at).unwrap();
        let root = directory.path();
        let weights = lot.of(&WEIGHTS);
        let checked = if lot.once_in(2) {
            pictures(root, weights);
            checked(root, table)
        } else {
            texts(root, weights);
            checked_texts(root, table)
        };
        let files = tree(root);
        Self {
            checked,
            files,
            _directory: directory,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// The files that the ingestor puts into the table's own directory.
    pub(super) fn delivered(&self) -> Tree {
        let files = self.files.iter();
        let inner = files.filter_map(|(name, bytes)| {
            let (_, inner) = name.split_once('/')?;
            Some((inner.to_owned(), bytes.clone()))
        });
        inner.collect()
    }
}

/// Puts older data in the table's place, or none; returns it.
pub(super) fn older(lot: &mut Lot, payload: &Payload, staging: &Path, table: &str) -> Tree {
    let old = match lot.draw(4) {
        0 | 1 => return Tree::new(),
        2 => {
            let old = Tree::from([("labels.csv".to_owned(), b"old".to_vec())]);
            write(&old, &staging.join(table));
            return old;
        }
        _ => related(payload),
    };
    write(&old, &staging.join(table));
    let home = staging.join(".longshore").join(table);
    fs::create_dir_all(&home).unwrap();
    let manifest = manifest(&old);
    let digest = hex(&Sha256::digest(&manifest));
    let bytes: usize = old.values().map(Vec::len).sum();
    let receipt = format!(
        "longshore receipt 1\nrun old\nfiles {}\nbytes {bytes}\nmanifest {digest}\n",
        old.len()
    );
    fs::write(home.join("manifest"), manifest).unwrap();
    fs::write(home.join("receipt"), receipt).unwrap();
    old
}

/// As an earlier push would have published: some files are the same, one has other content, one is longer, one is not wanted any more.
fn related(payload: &Payload) -> Tree {
    let mut old = payload.files.clone();
    let names: Vec<String> = old.keys().cloned().collect();
    for (index, name) in names.iter().enumerate() {
        let content = old.get_mut(name).unwrap();
        match index % 4 {
            1 => content.iter_mut().for_each(|byte| *byte ^= 1),
            2 => content.push(b'x'),
            _ => {}
        }
    }
    old.insert("unwanted/old.bin".to_owned(), vec![7; 2000]);
    old
}

fn write(files: &Tree, root: &Path) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Lines as `sha256sum` writes them, in the order of the names.
fn manifest(files: &Tree) -> String {
    let lines = files
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", hex(&Sha256::digest(bytes))));
    lines.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
