//! Staging, publishing and discarding a tree.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fsroot::{Error, Existing, Kind, Mode, Published, RelPath, Root, StagedTree};

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn begin(destination: &Path, existing: Existing) -> StagedTree {
    let (tree, recoveries) = StagedTree::begin(destination, existing).unwrap();
    assert!(recoveries.is_empty(), "{recoveries:?}");
    tree
}

fn mode(at: &Path) -> u32 {
    fs::symlink_metadata(at).unwrap().mode() & 0o7777
}

/// Every file below a directory with its content.
fn contents(at: &Path) -> BTreeMap<String, Vec<u8>> {
    let root = Root::open_ambient(at).unwrap();
    root.walk()
        .map(Result::unwrap)
        .filter(|(_, kind)| *kind == Kind::File)
        .map(|(file, _)| (file.to_string(), fs::read(at.join(file.as_path())).unwrap()))
        .collect()
}

fn names(at: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(at)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A directory for one test, and `out` in it as the destination.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    fn with_old(self) -> Place {
        fs::create_dir_all(self.out().join("deep/er")).unwrap();
        fs::write(self.out().join("deep/er/old"), "old").unwrap();
        self
    }

    /// Asserts that nothing but the destination and what the test put there remains.
    fn assert_only(&self, expected: &[&str]) {
        assert_eq!(names(self.path()), expected);
    }
}

fn publish_one(tree: StagedTree, content: &str) -> Result<Published, Error> {
    tree.writer()
        .write(&path("a/b/new"), Mode::Private, content.as_bytes())
        .unwrap();
    tree.publish()
}

#[test]
fn a_tree_appears_whole_or_not_at_all() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let mut writer = tree.writer();
    writer
        .write(&path("redis/strings/k.bin"), Mode::Private, b"value")
        .unwrap();
    writer
        .write(&path("MANIFEST.json"), Mode::Shared, b"{}")
        .unwrap();
    tree.create_dir_all(&path("empty/dir")).unwrap();
    drop(writer);
    assert!(!place.out().exists());
    let published = tree.publish().unwrap();
    assert!(!published.replaced);
    assert_eq!(published.path, place.out());
    assert_eq!(
        contents(&place.out()),
        BTreeMap::from([
            ("MANIFEST.json".into(), b"{}".to_vec()),
            ("redis/strings/k.bin".into(), b"value".to_vec()),
        ])
    );
    assert!(place.out().join("empty/dir").is_dir());
    place.assert_only(&["out"]);
}

#[test]
fn the_staging_is_private_and_beside_the_destination() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let [staging] = &names(place.path())[..] else {
        panic!("one sibling");
    };
    assert!(staging.starts_with(".out.longshore-staging."));
    assert_eq!(mode(&place.path().join(staging)), 0o700);
    drop(tree);
    place.assert_only(&[]);
}

#[test]
fn modes_are_as_promised_under_the_umask() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let mut writer = tree.writer();
    writer
        .write(&path("d/private"), Mode::Private, b"")
        .unwrap();
    writer.write(&path("d/shared"), Mode::Shared, b"").unwrap();
    writer
        .create(&path("d/created"), Mode::Private)
        .unwrap()
        .close()
        .unwrap();
    drop(writer);
    tree.publish().unwrap();
    // Made by the standard library, so subject to the same umask.
    fs::write(place.path().join("file"), "").unwrap();
    fs::create_dir(place.path().join("dir")).unwrap();
    let dir = mode(&place.path().join("dir")) & 0o755;
    let out = place.out();
    assert_eq!(mode(&out), dir);
    assert_eq!(mode(&out.join("d")), dir);
    assert_eq!(mode(&out.join("d/private")), 0o600);
    assert_eq!(mode(&out.join("d/created")), 0o600);
    assert_eq!(
        mode(&out.join("d/shared")),
        mode(&place.path().join("file"))
    );
}

#[test]
fn an_empty_directory_gives_way_and_hands_on_its_mode() {
    let place = Place::new();
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), fs::Permissions::from_mode(0o700)).unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        let published = publish_one(begin(&place.out(), existing), "new").unwrap();
        assert!(!published.replaced);
        assert_eq!(mode(&place.out()), 0o700);
        fs::remove_dir_all(place.out().join("a")).unwrap();
    }
}

#[test]
fn a_destination_with_content_is_refused() {
    let place = Place::new().with_old();
    let refused = StagedTree::begin(&place.out(), Existing::Refuse);
    assert!(matches!(refused, Err(Error::DestinationExists { .. })));
    place.assert_only(&["out"]);
}

#[test]
fn a_directory_is_replaced_on_request() {
    let place = Place::new().with_old();
    let published = publish_one(begin(&place.out(), Existing::Replace), "new").unwrap();
    assert!(published.replaced);
    assert!(published.left_behind.is_none());
    assert_eq!(
        contents(&place.out()),
        BTreeMap::from([("a/b/new".into(), b"new".to_vec())])
    );
    place.assert_only(&["out"]);
}

#[test]
fn the_caller_decides_what_may_be_replaced() {
    let place = Place::new().with_old();
    let protect = StagedTree::begin_if(&place.out(), Existing::Replace, |old| {
        assert!(old.stat(&path("deep/er/old")).is_ok());
        Ok(false)
    });
    assert!(matches!(protect, Err(Error::DestinationProtected { .. })));
    place.assert_only(&["out"]);
    let never_asked = |_: &Root| -> Result<bool, Error> { panic!("asked") };
    let refused = StagedTree::begin_if(&place.out(), Existing::Refuse, never_asked);
    assert!(matches!(refused, Err(Error::DestinationExists { .. })));
}

#[test]
fn what_was_not_judged_is_not_replaced() {
    let place = Place::new().with_old();
    let tree = begin(&place.out(), Existing::Replace);
    fs::rename(place.out(), place.path().join("moved")).unwrap();
    fs::create_dir(place.out()).unwrap();
    fs::write(place.out().join("other"), "other").unwrap();
    let refused = publish_one(tree, "new");
    assert!(matches!(refused, Err(Error::DestinationChanged { .. })));
    assert_eq!(names(&place.out()), ["other"]);
    place.assert_only(&["moved", "out"]);

    let tree = begin(&place.out(), Existing::Replace);
    fs::remove_dir_all(place.out()).unwrap();
    let refused = publish_one(tree, "new");
    assert!(matches!(refused, Err(Error::DestinationChanged { .. })));
    place.assert_only(&["moved"]);
}

#[test]
fn a_destination_that_came_meanwhile_is_kept() {
    let place = Place::new();
    for existing in [Existing::Refuse, Existing::Replace] {
        let make: [fn(&Path); 3] = [
            |at| fs::write(at, "mine").unwrap(),
            |at| {
                fs::create_dir(at).unwrap();
                fs::write(at.join("mine"), "").unwrap();
            },
            |at| symlink("elsewhere", at).unwrap(),
        ];
        for make in make {
            let tree = begin(&place.out(), existing);
            make(&place.out());
            let refused = publish_one(tree, "new");
            assert!(matches!(refused, Err(Error::DestinationExists { .. })));
            place.assert_only(&["out"]);
            if place.out().is_dir() {
                fs::remove_dir_all(place.out()).unwrap();
            } else {
                fs::remove_file(place.out()).unwrap();
            }
        }
    }
}

#[test]
fn an_empty_directory_that_was_filled_meanwhile_is_kept() {
    let place = Place::new();
    fs::create_dir(place.out()).unwrap();
    let tree = begin(&place.out(), Existing::Refuse);
    fs::write(place.out().join("mine"), "").unwrap();
    let refused = publish_one(tree, "new");
    assert!(matches!(refused, Err(Error::DestinationExists { .. })));
    assert_eq!(names(&place.out()), ["mine"]);
    place.assert_only(&["out"]);
}

#[test]
fn what_cannot_be_a_destination_is_told_apart() {
    let place = Place::new();
    fs::write(place.path().join("file"), "").unwrap();
    symlink("file", place.path().join("link")).unwrap();
    symlink("nowhere", place.path().join("dangling")).unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        let begin = |at: &str| StagedTree::begin(&place.path().join(at), existing).map(|_| ());
        assert!(matches!(
            begin("none/out"),
            Err(Error::ParentMissing { path }) if path == place.path().join("none")
        ));
        assert!(matches!(
            begin("file/out"),
            Err(Error::ParentNotADirectory { .. })
        ));
        assert!(matches!(
            begin("file"),
            Err(Error::DestinationUnfit {
                kind: Kind::File,
                ..
            })
        ));
        assert!(matches!(begin("link"), Err(Error::SymlinkRefused { .. })));
        assert!(matches!(
            begin("dangling"),
            Err(Error::SymlinkRefused { .. })
        ));
        assert!(matches!(begin(".."), Err(Error::DestinationUnnamed { .. })));
        for unnamed in ["", "/", ".", ".."] {
            let refused = StagedTree::begin(Path::new(unnamed), existing);
            assert!(
                matches!(refused, Err(Error::DestinationUnnamed { .. })),
                "{unnamed}"
            );
        }
    }
    place.assert_only(&["dangling", "file", "link"]);
}

#[test]
fn a_mount_point_is_refused_up_front() {
    for existing in [Existing::Refuse, Existing::Replace] {
        let refused = StagedTree::begin(Path::new("/proc"), existing);
        assert!(
            matches!(refused, Err(Error::OtherFileSystem { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_trailing_slash_and_a_linked_parent_are_what_the_user_meant() {
    let place = Place::new();
    fs::create_dir(place.path().join("real")).unwrap();
    symlink("real", place.path().join("link")).unwrap();
    publish_one(
        begin(&place.path().join("link/out/"), Existing::Refuse),
        "new",
    )
    .unwrap();
    assert_eq!(contents(&place.path().join("real/out")).len(), 1);
}

#[test]
fn names_of_every_length_work() {
    let place = Place::new();
    for length in [1, 217, 218, 255] {
        let out = place.path().join("n".repeat(length));
        publish_one(begin(&out, Existing::Refuse), "new").unwrap();
        publish_one(begin(&out, Existing::Replace), "newer").unwrap();
        assert_eq!(contents(&out)["a/b/new"], b"newer");
        fs::remove_dir_all(&out).unwrap();
        place.assert_only(&[]);
    }
}

#[test]
fn a_name_is_written_once() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let mut writer = tree.writer();
    writer.write(&path("a/file"), Mode::Private, b"1").unwrap();
    let again = writer.write(&path("a/file"), Mode::Private, b"2");
    assert!(matches!(
        again,
        Err(Error::AlreadyWritten { path }) if path == place.out().join("a/file")
    ));
    let again = writer.create(&path("a/file"), Mode::Private);
    assert!(matches!(again, Err(Error::AlreadyWritten { .. })));
    let below = writer.write(&path("a/file/x"), Mode::Private, b"");
    assert!(matches!(below, Err(Error::NotADirectory { .. })));
    let over = writer.write(&path("a"), Mode::Private, b"");
    assert!(matches!(over, Err(Error::AlreadyWritten { .. })));
}

/// An adversary who can write to the staging (the same user) plants links on the way.
#[test]
fn planted_links_lead_nowhere() {
    let place = Place::new();
    let canary = place.path().join("canary");
    fs::create_dir(&canary).unwrap();
    let tree = begin(&place.out(), Existing::Refuse);
    let staging = place.path().join(&names(place.path())[0]);
    symlink(&canary, staging.join("dir")).unwrap();
    symlink(canary.join("file"), staging.join("file")).unwrap();
    let mut writer = tree.writer();
    let through = writer.write(&path("dir/file"), Mode::Private, b"x");
    assert!(
        matches!(through, Err(Error::SymlinkRefused { .. })),
        "{through:?}"
    );
    let onto = writer.write(&path("file"), Mode::Private, b"x");
    assert!(matches!(onto, Err(Error::AlreadyWritten { .. })));
    let made = tree.create_dir_all(&path("dir/below"));
    assert!(matches!(made, Err(Error::SymlinkRefused { .. })));
    drop(writer);
    tree.discard().unwrap();
    assert_eq!(names(&canary), [""; 0]);
    place.assert_only(&["canary"]);
}

#[test]
fn removing_does_not_follow_links() {
    let place = Place::new().with_old();
    let canary = place.path().join("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "alive").unwrap();
    symlink(&canary, place.out().join("link")).unwrap();
    symlink(canary.join("file"), place.out().join("deep/link")).unwrap();
    fs::hard_link(canary.join("file"), place.out().join("hard")).unwrap();
    publish_one(begin(&place.out(), Existing::Replace), "new").unwrap();
    assert_eq!(fs::read(canary.join("file")).unwrap(), b"alive");
    place.assert_only(&["canary", "out"]);
}

#[test]
fn many_directories_are_more_than_the_cache_holds() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let mut writer = tree.writer();
    for round in 0..3 {
        for dir in 0..200 {
            let file = path(&format!("d{}/e{dir}/f{round}", dir % 7));
            writer
                .write(&file, Mode::Private, format!("{dir}.{round}").as_bytes())
                .unwrap();
        }
    }
    drop(writer);
    tree.publish().unwrap();
    let found = contents(&place.out());
    assert_eq!(found.len(), 600);
    for (file, content) in found {
        let (dir, round) = file.split_once("/e").unwrap().1.split_once("/f").unwrap();
        assert_eq!(content, format!("{dir}.{round}").as_bytes());
    }
}

#[test]
fn writers_of_several_threads_share_directories() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let mut writer = tree.writer();
            scope.spawn(move || {
                for file in 0..100 {
                    let file = path(&format!("x/{}/{thread}.{file}", file % 10));
                    writer.write(&file, Mode::Private, b"x").unwrap();
                }
            });
        }
    });
    tree.publish().unwrap();
    assert_eq!(contents(&place.out()).len(), 400);
}

#[test]
fn a_file_can_be_written_in_pieces_and_abandoned() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let mut writer = tree.writer();
    let mut file = writer.create(&path("dir/whole"), Mode::Private).unwrap();
    file.append(b"one ").unwrap();
    file.write_all(b"two").unwrap();
    assert_eq!(file.path(), &path("dir/whole"));
    file.close().unwrap();
    let mut file = writer
        .create(&path("dir/abandoned"), Mode::Private)
        .unwrap();
    file.append(b"x").unwrap();
    file.abandon().unwrap();
    let mut file = writer.create(&path("dropped"), Mode::Private).unwrap();
    file.append(b"x").unwrap();
    drop(file);
    drop(writer);
    tree.publish().unwrap();
    assert_eq!(
        contents(&place.out()),
        BTreeMap::from([("dir/whole".into(), b"one two".to_vec())])
    );
}

#[test]
fn what_is_staged_can_be_read_back() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    tree.writer()
        .write(&path("a/file"), Mode::Private, b"12345")
        .unwrap();
    let root = tree.root().unwrap();
    assert_eq!(root.open_file(&path("a/file")).unwrap().meta.size_bytes, 5);
    assert_eq!(root.walk().count(), 2);
    // A reader does not stand in the way of publishing.
    tree.publish().unwrap();
    assert_eq!(root.walk().count(), 2);
}

#[test]
fn a_tree_that_is_still_written_is_not_published() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let writer = tree.writer();
    assert!(matches!(tree.publish(), Err(Error::StillWriting { .. })));
    drop(writer);
    place.assert_only(&[]);
    let tree = begin(&place.out(), Existing::Refuse);
    let file = tree.writer().create(&path("f"), Mode::Private).unwrap();
    assert!(matches!(tree.publish(), Err(Error::StillWriting { .. })));
    drop(file);
    place.assert_only(&[]);
}

#[test]
fn discarding_leaves_the_destination_alone() {
    let place = Place::new().with_old();
    let tree = begin(&place.out(), Existing::Replace);
    tree.writer()
        .write(&path("a/b/c"), Mode::Private, b"new")
        .unwrap();
    tree.discard().unwrap();
    assert_eq!(contents(&place.out())["deep/er/old"], b"old");
    place.assert_only(&["out"]);
}

#[test]
fn two_living_runs_do_not_disturb_each_other() {
    let place = Place::new();
    let first = begin(&place.out(), Existing::Refuse);
    let second = begin(&place.out(), Existing::Refuse);
    publish_one(second, "second").unwrap();
    let refused = publish_one(first, "first");
    assert!(matches!(refused, Err(Error::DestinationExists { .. })));
    assert_eq!(contents(&place.out())["a/b/new"], b"second");
    place.assert_only(&["out"]);
}

#[test]
fn the_set_group_bit_of_the_parent_is_inherited() {
    let place = Place::new();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o2755)).unwrap();
    publish_one(begin(&place.out(), Existing::Refuse), "new").unwrap();
    assert_eq!(mode(&place.out()) & 0o2000, 0o2000);
}

#[test]
fn the_file_system_is_asked_which_names_are_one() {
    let place = Place::new();
    let tree = begin(&place.out(), Existing::Refuse);
    let behaviour = tree.case_behaviour().unwrap();
    // Asked once more, by another way.
    fs::write(place.path().join("case"), "").unwrap();
    assert_eq!(
        behaviour.case_insensitive,
        place.path().join("CASE").exists()
    );
    fs::write(place.path().join("\u{e9}"), "").unwrap();
    assert_eq!(
        behaviour.normalising,
        place.path().join("e\u{301}").exists()
    );
    assert!(tree.root().unwrap().is_empty().unwrap());
}
