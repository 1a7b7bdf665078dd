//! Reading below a root: one suite, run with both resolvers.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use fsroot::{Error, Kind, RelPath, Resolver, Root};
use rustix::fs::{CWD, FileType, Mode};

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn fifo(at: &Path) {
    rustix::fs::mknodat(CWD, at, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// A directory with a secret beside it, which no test may ever read.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root/a/b")).unwrap();
        fs::write(dir.path().join("root/a/b/file"), "content").unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        Place { dir }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join("root").join(path)
    }

    /// Runs a test with each resolver.
    fn both(&self, test: impl Fn(Root)) {
        for resolver in [Resolver::Kernel, Resolver::Walk] {
            let root = Root::open_ambient(&self.dir.path().join("root")).unwrap();
            test(root.with_resolver(resolver));
        }
    }
}

#[test]
fn reads_a_file_and_describes_it() {
    let place = Place::new();
    fs::hard_link(place.at("a/b/file"), place.at("a/other")).unwrap();
    place.both(|root| {
        let mut open = root.open_file(&path("a/b/file")).unwrap();
        let mut content = String::new();
        open.file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "content");
        assert_eq!(open.meta.size_bytes, 7);
        assert_eq!(open.meta.nlink, 2);
        let (kind, meta) = root.stat(&path("a/b/file")).unwrap();
        assert_eq!((kind, meta), (Kind::File, open.meta));
        assert!(
            open.meta
                .is_same_file(&root.stat(&path("a/other")).unwrap().1)
        );
    });
}

#[test]
fn a_directory_handle_outlives_its_name() {
    let place = Place::new();
    place.both(|root| {
        let below = root.open_dir(&path("a/b")).unwrap();
        fs::rename(place.at("a"), place.at("renamed")).unwrap();
        assert!(below.open_file(&path("file")).is_ok());
        assert!(matches!(
            root.open_file(&path("a/b/file")),
            Err(Error::NotFound { .. })
        ));
        fs::rename(place.at("renamed"), place.at("a")).unwrap();
    });
}

#[test]
fn no_symlink_is_followed_anywhere() {
    let place = Place::new();
    symlink("../secret", place.at("last")).unwrap();
    symlink("..", place.at("up")).unwrap();
    symlink("/", place.at("slash")).unwrap();
    symlink("b/file", place.at("a/inside")).unwrap();
    symlink("/proc/self/root", place.at("magic")).unwrap();
    symlink("nowhere", place.at("dangling")).unwrap();
    symlink("b", place.at("a/dir")).unwrap();
    place.both(|root| {
        for link in [
            "last",
            "up/secret",
            "slash/etc/passwd",
            "a/inside",
            "a/dir/file",
            "magic/etc/passwd",
            "dangling",
        ] {
            let refused = root.open_file(&path(link));
            assert!(
                matches!(refused, Err(Error::SymlinkRefused { .. })),
                "{link}: {refused:?}"
            );
        }
        for link in ["up", "slash", "a/dir", "magic"] {
            let refused = root.open_dir(&path(link));
            assert!(
                matches!(refused, Err(Error::SymlinkRefused { .. })),
                "{link}: {refused:?}"
            );
        }
        assert_eq!(root.stat(&path("last")).unwrap().0, Kind::Symlink);
        assert!(matches!(
            root.stat(&path("up/secret")),
            Err(Error::SymlinkRefused { .. })
        ));
    });
}

#[test]
fn only_regular_files_are_opened_and_nothing_blocks() {
    let place = Place::new();
    fifo(&place.at("fifo"));
    let _listener = UnixListener::bind(place.at("socket")).unwrap();
    place.both(|root| {
        for (name, expected) in [
            ("fifo", Kind::Fifo),
            ("socket", Kind::Socket),
            ("a", Kind::Directory),
        ] {
            match root.open_file(&path(name)) {
                Err(Error::NotRegular { kind, .. }) => assert_eq!(kind, expected),
                other => panic!("{name}: {other:?}"),
            }
            assert_eq!(root.stat(&path(name)).unwrap().0, expected);
        }
    });
}

#[test]
fn a_device_is_refused() {
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        let dev = Root::open_ambient(Path::new("/dev"))
            .unwrap()
            .with_resolver(resolver);
        assert!(matches!(
            dev.open_file(&path("null")),
            Err(Error::NotRegular {
                kind: Kind::Device,
                ..
            })
        ));
    }
}

#[test]
fn a_file_on_the_way_is_no_directory() {
    let place = Place::new();
    place.both(|root| {
        for name in ["a/b/file/x", "a/b/file/x/y"] {
            assert!(matches!(
                root.open_file(&path(name)),
                Err(Error::NotADirectory { .. })
            ));
        }
        assert!(matches!(
            root.open_dir(&path("a/b/file")),
            Err(Error::NotADirectory { .. })
        ));
        assert!(matches!(
            root.open_file(&path("a/none/x")),
            Err(Error::NotFound { .. })
        ));
    });
}

#[test]
fn files_beyond_two_gib_open() {
    let place = Place::new();
    let large = fs::File::create(place.at("large")).unwrap();
    large.set_len(5 << 30).unwrap();
    place.both(|root| {
        assert_eq!(
            root.open_file(&path("large")).unwrap().meta.size_bytes,
            5 << 30
        );
    });
}

/// Longer than the limit of one call, 4,096 bytes.
#[test]
fn depth_has_no_limit() {
    let place = Place::new();
    let component = "d".repeat(200);
    let deep = path(&vec![component.as_str(); 30].join("/"));
    let tree = fsroot::StagedTree::begin(&place.at("deep"), fsroot::Existing::Refuse)
        .unwrap()
        .0;
    let file = deep.join("file").unwrap();
    tree.writer()
        .write(&file, fsroot::Mode::Private, b"far down")
        .unwrap();
    tree.publish().unwrap();
    place.both(|root| {
        let root = root.open_dir(&path("deep")).unwrap();
        assert_eq!(root.open_file(&file).unwrap().meta.size_bytes, 8);
        let (last, kind) = root.walk().last().unwrap().unwrap();
        assert_eq!((last, kind), (file.clone(), Kind::File));
    });
    // And it can be removed again, by replacing it.
    let (tree, _) =
        fsroot::StagedTree::begin(&place.at("deep"), fsroot::Existing::Replace).unwrap();
    assert!(tree.publish().unwrap().left_behind.is_none());
    assert_eq!(fs::read_dir(place.at("deep")).unwrap().count(), 0);
}

#[test]
fn entries_leave_out_the_dots_and_can_be_listed_twice() {
    let place = Place::new();
    fs::write(place.at("a/x"), "").unwrap();
    place.both(|root| {
        let dir = root.open_dir(&path("a")).unwrap();
        for _ in 0..2 {
            let mut entries: Vec<_> = dir.entries().unwrap().map(Result::unwrap).collect();
            entries.sort();
            let names: Vec<_> = entries
                .iter()
                .map(|entry| (entry.name.as_slice(), entry.kind))
                .collect();
            assert_eq!(
                names,
                [(b"b".as_slice(), Kind::Directory), (b"x", Kind::File)]
            );
        }
        assert!(!dir.is_empty().unwrap());
    });
}

#[test]
fn a_walk_meets_files_in_the_order_of_their_paths() {
    let place = Place::new();
    for name in [
        "a.b", "a-", "a0", "a/b.c", "a/b/", "z/y/x/w", "z/y.x", "\u{e9}/f",
    ] {
        let at = place.at(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if !name.ends_with('/') {
            fs::write(at, "").unwrap();
        }
    }
    symlink("a", place.at("link")).unwrap();
    place.both(|root| {
        let walked: Vec<_> = root.walk().map(Result::unwrap).collect();
        let files: Vec<_> = walked
            .iter()
            .filter(|(_, kind)| *kind != Kind::Directory)
            .map(|(path, _)| path.clone())
            .collect();
        let mut sorted = files.clone();
        sorted.sort();
        assert_eq!(files, sorted);
        assert_eq!(files.len(), 9);
        for (position, (found, _)) in walked.iter().enumerate() {
            let parent = found.parent();
            assert!(
                parent.is_none_or(|parent| walked[..position]
                    .iter()
                    .any(|(earlier, _)| *earlier == parent)),
                "{found} before its directory"
            );
        }
        assert!(walked.contains(&(path("link"), Kind::Symlink)));
        assert!(
            !walked
                .iter()
                .any(|(found, _)| found.as_bytes().starts_with(b"link/"))
        );
    });
}

#[test]
fn a_walk_goes_on_behind_what_it_cannot_read() {
    let place = Place::new();
    fs::write(place.at("z"), "").unwrap();
    let root = Root::open_ambient(&place.at("")).unwrap();
    let mut walk = root.walk();
    assert_eq!(walk.next().unwrap().unwrap().0, path("a"));
    // The directory is read when it is met, and it has gone by then.
    fs::rename(place.at("a"), place.dir.path().join("elsewhere")).unwrap();
    assert!(walk.next().unwrap().is_err());
    assert_eq!(walk.next().unwrap().unwrap().0, path("z"));
    assert!(walk.next().is_none());
}

#[test]
fn opening_a_missing_root_says_so() {
    let missing = Root::open_ambient(Path::new("/nowhere/at/all"));
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let file = Root::open_ambient(Path::new("/proc/version"));
    assert!(matches!(file, Err(Error::NotADirectory { .. })));
}
