//! The volume, or the image's programs on it, do not do what they should.

use std::os::unix::fs::{PermissionsExt, symlink};

use cluster::stage::image;
use sandbox::node::container::{Mounts, Tools};
use sandbox::node::{Image, ImageRule};
use serde_json::Value;
use tempfile::TempDir;

use crate::port::{Port, told};

/// A sandbox whose stage image has programs of the test's own, and where these are.
struct Dock {
    port: Port,
    _programs: TempDir,
}

impl Dock {
    /// With one program replaced by a script, in which `real` runs the program.
    fn with(program: &str, body: &str) -> Self {
        let programs = tempfile::tempdir().unwrap();
        let path = programs.path().join(program);
        let text = format!("#!/bin/sh\nreal() {{ /usr/bin/{program} \"$@\"; }}\n{body}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self::of(programs, ":/usr/bin:/bin")
    }

    /// With everything but one program.
    fn without(program: &str) -> Self {
        let programs = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir("/usr/bin").unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != program {
                symlink(entry.path(), programs.path().join(entry.file_name())).unwrap();
            }
        }
        Self::of(programs, "")
    }

    fn of(programs: TempDir, rest: &str) -> Self {
        let path = format!("{}{rest}", programs.path().display());
        let rule = ImageRule {
            prefix: image::DEFAULT.to_owned(),
            image: Image::WithVariables(Tools::Host, vec![("PATH".to_owned(), path)]),
        };
        let port = Port::with(|config| {
            // Paths in a variable lead to this machine only where containers have no root of their own.
            config.node.mounts = Mounts::Rewritten;
            config.node.images.insert(0, rule);
        });
        Self {
            port,
            _programs: programs,
        }
    }

    /// Pushes, expects a failure of staging with that id, and nothing left.
    #[track_caller]
    fn fails(&self, id: &str) -> Value {
        self.fails_with(&[], id)
    }

    #[track_caller]
    fn fails_with(&self, flags: &[&str], id: &str) -> Value {
        let error = told(self.port.push("notes", flags), 7, id);
        self.port.is_clean("notes");
        error
    }
}

/// Fails where the script of the stage pod makes its own folders.
fn mkdir(words: &str) -> String {
    format!(
        "case $* in *.longshore*) echo 'mkdir: cannot create directory: {words}' >&2; exit 1;; *) real \"$@\";; esac"
    )
}

fn tar(words: &str) -> String {
    format!("cat > /dev/null; echo 'tar: a.txt: Cannot open: {words}' >&2; exit 1")
}

#[test]
fn each_trouble_has_its_id_and_leaves_nothing() {
    let but_one = "for name; do case $name in *a.txt) ;; *) set -- \"$@\" \"$name\";; esac; shift; done\n[ $# -gt 1 ] || exit 1\nreal \"$@\"";
    let full = "case $* in *'%a %S %d %c'*) echo '1000000 4096 2 1000';; *) real \"$@\";; esac";
    let cases = [
        ("mkdir", mkdir("Read-only file system"), "volume.read-only"),
        ("mkdir", mkdir("Permission denied"), "volume.not-writable"),
        ("mkdir", mkdir("Input/output error"), "volume.io"),
        ("tar", tar("No space left on device"), "volume.full"),
        ("stat", full.to_owned(), "volume.no-inodes"),
        ("sha256sum", but_one.to_owned(), "transfer.unreadable"),
    ];
    std::thread::scope(|scope| {
        for (program, body, id) in &cases {
            scope.spawn(move || Dock::with(program, body).fails(id));
        }
    });
}

#[test]
fn an_image_without_a_hash_program_is_told_before_anything_is_sent() {
    let error = Dock::without("sha256sum").fails("stage.program-missing");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with("no sha256sum"), "{message}");
}

#[test]
fn an_image_without_a_program_for_compression_is_told_before_anything_is_sent() {
    let dock = Dock::without("gzip");
    for dry_run in [&["--dry-run=pod"][..], &[]] {
        let flags = [&["--compress=gzip"], dry_run].concat();
        let error = dock.fails_with(&flags, "stage.compressor-missing");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("no gzip"), "{message}");
        assert_eq!(dock.port.kept("notes"), [""; 0]);
    }
    let looked = dock.port.push("notes", &["--dry-run=pod"]).exits(0);
    let compressors = &looked.result()["volume"]["compressors"];
    assert!(!compressors.as_array().unwrap().contains(&"gzip".into()));
    // It is wanted by nobody else.
    dock.port.push("notes", &[]).exits(0);
}
