//! Folders for tests, and requests from flags.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::allow_attributes,
    reason = "what is dead differs by test, so nothing can be expected"
)]

use std::path::{Path, PathBuf};

use dataset::Request;
use dataset::age::Age;

/// A dataset in a temporary directory.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Folder {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Writes a file of a case: `path`, or `path kind [WxH]`.
    pub(crate) fn generate(&self, head: &str, content: &str) {
        let parts: Vec<_> = head.split(' ').collect();
        let side = |text: &str| text.parse().unwrap();
        let size = parts.get(2).and_then(|size| size.split_once('x'));
        let (width, height) = size.map_or((0, 0), |(w, h)| (side(w), side(h)));
        match parts.get(1).copied() {
            None => self.write(parts[0], content),
            Some("jpeg") => self.write(parts[0], jpeg(width, height)),
            Some("png") => self.write(parts[0], png(width, height)),
            Some("latin1") => self.write(parts[0], b"caf\xe9"),
            Some("nul") => self.write(parts[0], b"a\0b"),
            Some("empty") => self.write(parts[0], b""),
            Some(other) => panic!("{other}"),
        };
    }
}

/// The smallest thing with a JPEG's header.
pub(crate) fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
    let frame = [0xFF, 0xC0, 0, 11, 8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0];
    [&[0xFF, 0xD8][..], &frame, &[0xFF, 0xD9]].concat()
}

/// The smallest thing with a PNG's header. The checksums are those of other programs.
pub(crate) fn png(width: u16, height: u16) -> Vec<u8> {
    let crc: [u8; 4] = match (width, height) {
        (32, 32) => [0xFC, 0x18, 0xED, 0xA3],
        (16, 32) => [0x94, 0xEB, 0x6F, 0x9B],
        other => panic!("{other:?}"),
    };
    let sides = [
        u32::from(width).to_be_bytes(),
        u32::from(height).to_be_bytes(),
    ]
    .concat();
    [
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        &sides,
        &[8, 2, 0, 0, 0],
        &crc,
    ]
    .concat()
}

/// Makes a request from flags as typed, separated by blanks.
pub(crate) fn request(task: &str, flags: &str) -> Request {
    let mut request = Request::new(task, jiff::civil::date(2026, 11, 21), std::env::temp_dir());
    let mut words = flags.split_whitespace();
    while let Some(flag) = words.next() {
        if flag == "--stage-tokenizer" {
            request.stage_tokenizer = true;
            continue;
        }
        let value = words.next().map(str::to_owned);
        let place = match flag {
            "--label-column" => &mut request.label_column,
            "--target-size" => &mut request.target_size,
            "--min-size" => &mut request.min_size,
            "--number-of-keypoints" => &mut request.number_of_keypoints,
            "--schema" => &mut request.schema,
            "--label-policy" => &mut request.label_policy,
            "--time-column" => &mut request.time_column,
            "--table" => &mut request.table,
            "--intent" => &mut request.intent,
            "--for-ingestor" => {
                request.for_ingestor = value.as_deref().and_then(Age::parse);
                assert!(request.for_ingestor.is_some());
                continue;
            }
            other => panic!("{other}"),
        };
        *place = value;
    }
    request
}
