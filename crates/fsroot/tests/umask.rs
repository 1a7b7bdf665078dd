//! Permissions under unusual umasks. A binary and one test of its own: the umask is the process's.

use std::fs;
use std::os::unix::fs::MetadataExt;

use fsroot::{Existing, Mode, RelPath, StagedTree};

#[test]
fn private_files_are_0600_under_every_umask() {
    let dir = tempfile::tempdir().unwrap();
    // The owner's own bits are masked only for root, whom that does not keep out.
    let root = rustix::process::geteuid().is_root();
    for umask in [0o000, 0o022, 0o077, 0o477]
        .into_iter()
        .take(if root { 4 } else { 3 })
    {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let out = dir.path().join(format!("{umask:o}"));
        let (tree, _) = StagedTree::begin(&out, Existing::Refuse).unwrap();
        let mut writer = tree.writer();
        let path = |name| RelPath::new(name).unwrap();
        writer
            .write(&path("d/private"), Mode::Private, b"x")
            .unwrap();
        writer.write(&path("d/shared"), Mode::Shared, b"x").unwrap();
        let created = writer.create(&path("d/created"), Mode::Private).unwrap();
        created.close().unwrap();
        drop(writer);
        tree.publish().unwrap();
        let mode = |name: &str| fs::metadata(out.join(name)).unwrap().mode() & 0o7777;
        assert_eq!(mode("d/private"), 0o600, "{umask:o}");
        assert_eq!(mode("d/created"), 0o600, "{umask:o}");
        assert_eq!(mode("d/shared"), 0o666 & !umask, "{umask:o}");
        assert_eq!(mode("d"), 0o755 & !umask, "{umask:o}");
        assert_eq!(mode(""), 0o755 & !umask, "{umask:o}");
    }
}
