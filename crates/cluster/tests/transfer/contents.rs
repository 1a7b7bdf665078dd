//! Whatever the files are: what is published is what was sent, and the manifest beside it says so to other programs.

use std::process::Command;
use std::sync::{Arc, Mutex};

use cluster::transfer::{self, Compression, Observer, Progress};

use crate::local::{SHELLS, Shell, Volume};
use crate::push;
use crate::tree::{self, Tree, content, readable, small};

fn ways() -> [(Shell, Option<Compression>); 4] {
    let [one, other] = SHELLS;
    let gzip = Some(Compression::Gzip);
    [(one, None), (other, None), (one, gzip), (other, gzip)]
}

#[tokio::test]
async fn what_is_sent_is_verified_and_published() {
    for (shell, compression) in ways() {
        let volume = Volume::new();
        let far = volume.far(shell);
        let mut setup = volume.setup("r1", "p1");
        setup.compression = compression;
        let tree = Tree::mixed();
        let source = Arc::new(tree.source());
        let carried = transfer::carry(&far, source.clone(), &setup, &transfer::Silent);
        let receipt = carried.await.unwrap();
        assert!(!volume.published().exists(), "{shell:?}");
        assert_eq!(
            (receipt.files, receipt.bytes),
            (tree.files.len() as u64, tree.bytes())
        );
        assert_eq!((receipt.sent_bytes, receipt.sessions), (tree.bytes(), 1));
        transfer::publish(&far, &setup, &receipt).await.unwrap();
        tree.assert_is(&volume.published());
        transfer::release(&far, &setup).await.unwrap();

        let manifest = volume.home().join("manifest");
        assert_eq!(std::fs::read(&manifest).unwrap(), tree::manifest(&*source));
        let checked = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet"])
            .arg(&manifest)
            .current_dir(volume.published())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let mut left: Vec<_> = std::fs::read_dir(volume.home())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["manifest", "receipt"], "{shell:?}");
    }
}

#[tokio::test]
async fn sizes_and_counts_of_every_kind() {
    let trees = [
        Tree::new([]),
        Tree::new([(b"a".to_vec(), vec![])]),
        Tree::new([(b"a".to_vec(), vec![b'x'])]),
        small(3000, 700),
        Tree::new([(b"large".to_vec(), content(9 << 20, 3))]),
        Tree::new([(b"large".to_vec(), readable(9 << 20, 3))]),
        Tree::new([(b"large".to_vec(), vec![0; 20 << 20])]),
    ];
    for (shell, compression) in ways() {
        for tree in &trees {
            let volume = Volume::new();
            let far = volume.far(shell);
            let mut setup = volume.setup("r1", "p1");
            setup.compression = compression;
            push(&far, tree, &setup).await.unwrap();
            tree.assert_is(&volume.published());
        }
    }
}

#[tokio::test]
async fn the_figures_grow_to_the_total_and_never_pass_it() {
    #[derive(Default)]
    struct Figures(Mutex<Vec<Progress>>);
    impl Observer for Figures {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress);
        }
    }
    let mut tree = Tree::mixed().files;
    tree.insert(b"large.csv".to_vec(), readable(5_000_000, 4));
    let tree = Tree::new(tree);
    for (shell, compression) in ways() {
        let volume = Volume::new();
        let far = volume.far(shell);
        let figures = Figures::default();
        let mut setup = volume.setup("r1", "p1");
        setup.compression = compression;
        let source = Arc::new(tree.source());
        transfer::carry(&far, source, &setup, &figures)
            .await
            .unwrap();
        let figures = figures.0.into_inner().unwrap();
        let done = Progress {
            total_bytes: tree.bytes(),
            sent_bytes: tree.bytes(),
            acknowledged_bytes: tree.bytes(),
            verified_bytes: tree.bytes(),
        };
        assert_eq!(figures.last(), Some(&done));
        for figure in figures {
            assert!(
                figure.verified_bytes <= figure.acknowledged_bytes,
                "{figure:?}"
            );
            assert!(figure.acknowledged_bytes <= figure.sent_bytes, "{figure:?}");
            assert!(figure.sent_bytes <= figure.total_bytes, "{figure:?}");
        }
    }
}
