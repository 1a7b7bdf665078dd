//! Content that is compressed on the way: what cannot be undone is not taken for what was sent, nor for frames.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cluster::far::{End, Event, Far as _};
use cluster::transfer::{self, Compression, STAGE_SCRIPT, TransferError, command};

use crate::local::{LocalFar, Programs, SHELLS, Shell, Volume};
use crate::tree::{Tree, content, readable, small, walk};
use crate::{carry, push};

fn setup(volume: &Volume) -> transfer::Setup {
    transfer::Setup {
        compression: Some(Compression::Gzip),
        retry: Duration::from_secs(3),
        ..volume.setup("r1", "p1")
    }
}

/// What the machine's own program makes of it.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let content = content.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&content).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[tokio::test]
async fn less_goes_over_the_connection_where_it_is_less() {
    let texts = |number| {
        (
            format!("texts/{number}.txt").into_bytes(),
            readable(900, number),
        )
    };
    let mut files: Vec<_> = (0..500).map(texts).collect();
    files.push((b"labels.csv".to_vec(), readable(8 << 20, 1)));
    let tree = Tree::new(files);
    let noise = Tree::new([
        (b"large.bin".to_vec(), content(5 << 20, 1)),
        (b"small.bin".to_vec(), content(300 << 10, 2)),
    ]);
    for shell in SHELLS {
        for (tree, share) in [(&tree, 0.5..0.7), (&noise, 1.0..1.01)] {
            let volume = Volume::new();
            let far = volume.far(shell);
            let receipt = push(&far, tree, &setup(&volume)).await.unwrap();
            let carried = far.input_bytes() as f64 / tree.bytes() as f64;
            assert!(share.contains(&carried), "{shell:?}: {carried}");
            // Figures are of the payload.
            assert_eq!(receipt.sent_bytes, tree.bytes());
        }
    }
}

#[tokio::test]
async fn an_image_that_cannot_undo_it() {
    for shell in SHELLS {
        let volume = Volume::new();
        let mut far = volume.far(shell);
        far.script = far.script.replace("in zstd gzip", "in zstd zip-g");
        let setup = setup(&volume);
        let probe = transfer::probe(&far, &setup).await.unwrap();
        let program = "gzip".to_owned();
        let missing = TransferError::MissingCompressor { program };
        assert_eq!(probe.findings, [missing]);
        let plain = volume.setup("r1", "p1");
        let probe = transfer::probe(&far, &plain).await.unwrap();
        assert_eq!(probe.findings, []);
    }
}

/// A session that is fed by hand.
struct Talk {
    volume: Volume,
    shell: Shell,
    frames: Vec<u8>,
}

impl Talk {
    fn new(shell: Shell) -> Self {
        Self {
            volume: Volume::new(),
            shell,
            frames: Vec::new(),
        }
    }

    fn send(&mut self, line: &str, content: &[u8]) {
        self.frames.extend_from_slice(line.as_bytes());
        self.frames.extend_from_slice(content);
    }

    /// Returns all that was said.
    async fn end(&mut self, script: &str) -> String {
        let mut far = self.volume.far(self.shell);
        far.script = format!("{script}{STAGE_SCRIPT}");
        self.send("beat 0\nquit 0\n", b"");
        let patience = Duration::from_secs(60);
        let talked = tokio::time::timeout(patience, self.talk(&far)).await;
        // What takes data for frames never finds the end.
        let said = talked.expect("an end");
        assert!(!said.contains("protocol"), "{:?}: {said}", self.shell);
        said
    }

    async fn talk(&self, far: &LocalFar) -> String {
        let words = command::receive(&setup(&self.volume));
        let mut process = far.start(words).await.unwrap();
        let mut said = String::new();
        let mut frames = Some(self.frames.clone());
        while let Some(event) = process.events.recv().await {
            match event {
                Event::Stdout(bytes) => said.push_str(&String::from_utf8_lossy(&bytes)),
                Event::Stderr(_) => {}
                Event::Ended(end) => assert_eq!(end, End::Success),
            }
            if said.contains("ready")
                && let Some(frames) = frames.take()
            {
                process.input.send(frames.into()).await.unwrap();
            }
        }
        said
    }

    fn files(&self) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
        walk(&self.volume.home().join("work-r1.p1/files")).unwrap()
    }
}

#[tokio::test]
async fn another_program_compresses() {
    for shell in SHELLS {
        let mut talk = Talk::new(shell);
        let text = readable(1 << 20, 1);
        let (one, other) = text.split_at(700_000);
        let (one, other) = (gzip(one), gzip(other));
        talk.send(
            &format!("piece 1 1 0 {} more gzip 700000\nx", one.len()),
            &one,
        );
        let length = text.len() - 700_000;
        talk.send(
            &format!("piece 2 0 700000 {} files gzip {length}\n", other.len()),
            &other,
        );
        let said = talk.end("").await;
        assert!(said.contains("landed 1\n"), "{said}");
        assert!(said.contains("landed 2\n"), "{said}");
        assert!(said.contains("verified 2\n"), "{said}");
        assert_eq!(talk.files()[&b"x"[..]], text);
    }
}

/// Of a stream that breaks nothing stays that could be wrong, and nothing of it is told to have landed.
#[tokio::test]
async fn a_stream_that_cannot_be_undone() {
    let text = readable(600_000, 1);
    let packed = gzip(&text);
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x10;
    let cut = &packed[..packed.len() - 100_000];
    let without_end = &packed[..packed.len() - 8];
    let noise = content(300_000, 3);
    let streams: [(&[u8], usize); 7] = [
        (&noise, 600_000),
        (b"x", 600_000),
        (cut, 600_000),
        (without_end, 600_000),
        (&flipped, 600_000),
        // Whole, and not what was said.
        (&packed, 599_999),
        (&packed, 600_001),
    ];
    for shell in SHELLS {
        for (stream, length) in streams {
            let mut talk = Talk::new(shell);
            let begin = readable(100_000, 2);
            talk.send("piece 1 1 0 100000 more\nx", &begin);
            let line = format!("piece 2 0 100000 {} more gzip {length}\n", stream.len());
            talk.send(&line, stream);
            let rest = gzip(b"rest");
            let line = format!("piece 3 0 700000 {} files gzip 4\n", rest.len());
            talk.send(&line, &rest);
            let said = talk.end("").await;
            let told = format!("{shell:?} {} for {length}: {said}", stream.len());
            assert!(said.contains("error garbled writing: gzip: "), "{told}");
            assert_eq!(said.matches("\nerror ").count(), 1, "{told}");
            assert_eq!(said.matches("landed").count(), 1, "{told}");
            assert_eq!(talk.files()[&b"x"[..]], begin, "{told}");
        }
    }
}

/// An archive of two files, made by another program.
fn archive() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(dir.path().join(name), readable(100_352, 5)).unwrap();
    }
    let tar = Command::new("tar")
        .args(["-c", "-b1", "--format=ustar", "-C"])
        .arg(dir.path())
        .args(["a", "b"])
        .output()
        .unwrap();
    assert!(tar.status.success());
    tar.stdout
}

#[tokio::test]
async fn an_archive_that_cannot_be_undone() {
    let packed = gzip(&archive());
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x10;
    // What is in front of the end of the stream is all that tar wants.
    let without_end = &packed[..packed.len() - 8];
    let noise = content(300_000, 3);
    for shell in SHELLS {
        let streams: [&[u8]; 5] = [
            &noise,
            b"x",
            &packed[..packed.len() / 2],
            without_end,
            &flipped,
        ];
        for stream in streams {
            let mut talk = Talk::new(shell);
            talk.send(&format!("tar 1 4 {} gzip\na\0b\0", stream.len()), stream);
            talk.send(&format!("tar 2 4 {} gzip\na\0b\0", packed.len()), &packed);
            let said = talk.end("").await;
            let told = format!("{shell:?} {}: {said}", stream.len());
            assert!(said.contains("error garbled unpacking: gzip: "), "{told}");
            assert_eq!(said.matches("\nerror ").count(), 1, "{told}");
            assert!(!said.contains("digests"), "{told}");
        }
        let mut talk = Talk::new(shell);
        talk.send(&format!("tar 1 4 {} gzip\na\0b\0", packed.len()), &packed);
        let said = talk.end("").await;
        assert_eq!(said.matches("  a\n").count(), 1, "{shell:?}: {said}");
        assert_eq!(talk.files().len(), 2);
    }
}

#[tokio::test]
async fn a_compression_of_later_times() {
    for shell in SHELLS {
        let mut talk = Talk::new(shell);
        talk.send("piece 1 1 0 100000 files later 7\nx", &content(100_000, 1));
        let said = talk.end("").await;
        let expected = "error garbled writing: later: is not known here";
        assert!(said.contains(expected), "{shell:?}: {said}");
        assert!(!said.contains("landed"), "{shell:?}: {said}");
    }
}

/// What the volume says counts, not that the stream was fine.
#[tokio::test]
async fn a_volume_that_takes_no_more_of_it() {
    let packed = gzip(&readable(3 << 20, 1));
    for shell in SHELLS {
        let mut talk = Talk::new(shell);
        let line = format!("piece 1 1 0 {} more gzip {}\nx", packed.len(), 3 << 20);
        talk.send(&line, &packed);
        talk.send("piece 2 0 3145728 4 files\nrest", b"");
        // No file may be larger than 1 MiB, and whoever tries is not killed but told.
        let said = talk.end("trap '' 25\nulimit -f 2048\n").await;
        let told = format!("{shell:?}: {said}");
        assert!(said.contains("error io writing: cat: "), "{told}");
        assert!(said.contains("too large"), "{told}");
        assert_eq!(said.matches("\nerror ").count(), 1, "{told}");
        assert!(!said.contains("landed"), "{told}");
    }
    let full = "{ echo 'cat: write error: No space left on device' >&2; false; } 2> \"$why\"\n";
    let writes = "cat 2> \"$why\" >> \"$to\"\n";
    assert!(STAGE_SCRIPT.contains(writes));
    for shell in SHELLS {
        let volume = Volume::new();
        let mut far = volume.far(shell);
        far.script = far.script.replace(writes, full);
        let tree = Tree::new([(b"large.csv".to_vec(), readable(3 << 20, 1))]);
        let error = carry(&far, &tree, &setup(&volume)).await.unwrap_err();
        assert!(matches!(error, TransferError::NoSpace { .. }), "{error:?}");
    }
}

fn tree() -> Tree {
    let mut files = small(50, 500).files;
    files.insert(b"labels.csv".to_vec(), readable(100_000, 1));
    files.insert(b"large.csv".to_vec(), readable(3 << 20, 1));
    Tree::new(files)
}

fn far(volume: &Volume, programs: &Programs, body: &str) -> LocalFar {
    programs.replace("gzip", body);
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    far
}

/// Makes the program do something else the first so many times.
fn at_first(times: u32, flags: &Path, body: &str) -> String {
    let flags = flags.display();
    let mut text = String::new();
    for time in 0..times {
        text += &format!("if mkdir {flags}/{time} 2> /dev/null; then {body}; exit; fi\n");
    }
    text + "real \"$@\""
}

#[tokio::test]
async fn a_program_that_ends_too_early_is_tried_again() {
    let endings = [
        "real \"$@\" | head -c 70000; kill -9 $$",
        "kill -9 $$",
        "real \"$@\" | head -c 70000; echo 'gzip: out of memory' >&2; exit 1",
        "head -c 10 > /dev/null; exit 3",
        // It lies.
        "real \"$@\" | head -c 70000",
        "real \"$@\"; echo more",
    ];
    for ending in endings {
        let volume = Volume::new();
        let programs = Programs::new(volume.dir.path());
        let body = at_first(2, volume.dir.path(), ending);
        let far = far(&volume, &programs, &body);
        let tree = tree();
        let mut setup = setup(&volume);
        // It comes to its end however busy the machine is.
        setup.retry = Duration::from_secs(120);
        let receipt = push(&far, &tree, &setup).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{ending}: {error}"));
        tree.assert_is(&volume.published());
        assert_eq!(receipt.sessions, 3, "{ending}");
    }
}

#[tokio::test]
async fn a_program_that_never_works_publishes_nothing() {
    let check = async |body, is_expected: fn(&TransferError) -> bool| {
        let volume = Volume::new();
        let programs = Programs::new(volume.dir.path());
        let far = far(&volume, &programs, body);
        let error = push(&far, &tree(), &setup(&volume)).await.unwrap_err();
        assert!(is_expected(&error), "{body}: {error:?}");
        assert!(!volume.published().exists());
    };
    let names_it = |error: &TransferError| match error {
        TransferError::RetriesUsedUp { last, .. } => {
            last.starts_with("garbled: writing: gzip: ") && last.contains("no such luck")
        }
        _ => false,
    };
    check("echo 'no such luck' >&2; exit 1", names_it).await;
    let says_how_much = |error: &TransferError| match error {
        TransferError::RetriesUsedUp { last, .. } => {
            last.starts_with("garbled: writing: gzip: 0 bytes, not ")
        }
        _ => false,
    };
    check("exit 0", says_how_much).await;
    // As much as there should be, and something else.
    let is_corrupted = |error: &TransferError| matches!(error, TransferError::Corrupted { .. });
    check("real \"$@\" | tr d e", is_corrupted).await;
}
