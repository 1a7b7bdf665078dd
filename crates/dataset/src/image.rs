//! Image headers: format and size, without decoding a pixel.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::digest::Buffer;
use crate::size::Size;

/// Read first; nearly every header lies in it.
const FIRST_BYTES: u64 = 16 << 10;

/// A header that is not over by then, behind large profiles and previews, is given up.
const HEADER_MAX_BYTES: u64 = 8 << 20;

/// Reads the size of an image from an open file. `Err` says what is wrong, as half a sentence.
pub(crate) fn read_size(file: &File, file_bytes: u64, buffer: &mut Buffer) -> Result<Size, String> {
    let mut wanted = FIRST_BYTES;
    loop {
        // Not more than there is: a second read just to see the end would cost as much as the first.
        let length = wanted.min(file_bytes);
        let head = buffer.of_length(usize::try_from(length).unwrap_or(0));
        let read = read_at_start(file, head).map_err(|error| error.to_string())?;
        match size(&head[..read]) {
            Err(Flaw::CutOff) if length < file_bytes && wanted < HEADER_MAX_BYTES => wanted *= 16,
            Ok(size) => return Ok(size),
            Err(_) if file_bytes == 0 => return Err("is empty".to_owned()),
            Err(flaw) => return Err(flaw.what().to_owned()),
        }
    }
}

fn read_at_start(file: &File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Why a header gives no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not of a format that the cluster reads.
    Unknown,
    /// It contradicts its format.
    Corrupt,
    /// It ends before the size.
    CutOff,
}

impl Flaw {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Flaw::Unknown => "is not an image",
            Flaw::Corrupt => "has a corrupt image header",
            Flaw::CutOff => "ends inside its image header",
        }
    }
}

/// Finds the size in the first bytes of an image. The name of the file plays no part.
pub(crate) fn size(head: &[u8]) -> Result<Size, Flaw> {
    match head {
        [0xFF, 0xD8, rest @ ..] => jpeg(rest),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', rest @ ..] => png(rest),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', rest @ ..] => gif(rest),
        _ => other(head),
    }
}

/// Walks over the segments up to the frame header.
fn jpeg(mut rest: &[u8]) -> Result<Size, Flaw> {
    loop {
        let (marker, after) = match rest {
            [] | [0xFF] => return Err(Flaw::CutOff),
            // Any number of fill bytes may stand before a marker.
            [0xFF, 0xFF, ..] => {
                rest = &rest[1..];
                continue;
            }
            [0xFF, marker, after @ ..] => (*marker, after),
            _ => return Err(Flaw::Corrupt),
        };
        match marker {
            0x01 | 0xD0..=0xD7 => {
                rest = after;
                continue;
            }
            // The image data, or the end, before any size.
            0x00 | 0xD8..=0xDA => return Err(Flaw::Corrupt),
            _ => {}
        }
        let [high, low, body @ ..] = after else {
            return Err(Flaw::CutOff);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let length = length.checked_sub(2).ok_or(Flaw::Corrupt)?;
        if matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC) {
            return frame(body);
        }
        rest = body.get(length..).ok_or(Flaw::CutOff)?;
    }
}

fn frame(body: &[u8]) -> Result<Size, Flaw> {
    let [precision, h1, h2, w1, w2, components, ..] = *body else {
        return Err(Flaw::CutOff);
    };
    if precision != 8 || !matches!(components, 1 | 3 | 4) {
        return Err(Flaw::Corrupt);
    }
    positive(
        u16::from_be_bytes([w1, w2]).into(),
        u16::from_be_bytes([h1, h2]).into(),
    )
}

/// The first chunk must be the header, with its checksum.
fn png(rest: &[u8]) -> Result<Size, Flaw> {
    let Some(chunk) = rest.get(..25) else {
        return Err(Flaw::CutOff);
    };
    let word = |at: usize| {
        chunk
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    };
    let is_header = word(0) == 13 && &chunk[4..8] == b"IHDR" && crc32(&chunk[4..21]) == word(21);
    match is_header {
        true => positive(word(8), word(12)),
        false => Err(Flaw::Corrupt),
    }
}

fn gif(rest: &[u8]) -> Result<Size, Flaw> {
    let [w1, w2, h1, h2, ..] = *rest else {
        return Err(Flaw::CutOff);
    };
    positive(
        u16::from_le_bytes([w1, w2]).into(),
        u16::from_le_bytes([h1, h2]).into(),
    )
}

/// Formats that the cluster's decoder takes under any name, although nobody should send them.
fn other(head: &[u8]) -> Result<Size, Flaw> {
    use imagesize::ImageType;
    let known = matches!(
        imagesize::image_type(head),
        Ok(ImageType::Webp | ImageType::Bmp | ImageType::Tiff)
    );
    if !known {
        return Err(Flaw::Unknown);
    }
    let size = imagesize::blob_size(head).map_err(|_| Flaw::CutOff)?;
    let side = |pixels: usize| u32::try_from(pixels).map_err(|_| Flaw::Corrupt);
    positive(side(size.width)?, side(size.height)?)
}

fn positive(width: u32, height: u32) -> Result<Size, Flaw> {
    match width > 0 && height > 0 {
        true => Ok(Size { width, height }),
        false => Err(Flaw::Corrupt),
    }
}

/// CRC-32 of PNG, bit by bit: it is for seventeen bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Result<Size, Flaw> = Ok(Size {
        width: 64,
        height: 32,
    });
    const FRAME: &[u8] = &[0xFF, 0xC0, 0, 17, 8, 0, 32, 0, 64, 3];
    const PNG: &[u8] =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x20\x08\x02\0\0\0\x7b\xd0\x9c\x1c";

    #[test]
    fn jpeg_segments_before_the_frame_are_skipped() {
        let soi = [0xFF, 0xD8];
        let comment = [0xFF, 0xFE, 0, 4, 0xFF, 0xC0];
        let fill = [0xFF, 0xFF];
        assert_eq!(size(&[&soi, FRAME].concat()), SIZE);
        assert_eq!(size(&[&soi, &comment[..], &fill, FRAME].concat()), SIZE);
        assert_eq!(size(&soi), Err(Flaw::CutOff));
        assert_eq!(size(&[&soi, &FRAME[..7]].concat()), Err(Flaw::CutOff));
        assert_eq!(size(b"\xff\xd8garbage"), Err(Flaw::Corrupt));
        assert_eq!(size(&[0xFF, 0xD8, 0xFF, 0xD9]), Err(Flaw::Corrupt));
        assert_eq!(size(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 1]), Err(Flaw::Corrupt));
    }

    #[test]
    fn a_png_begins_with_a_sound_header_chunk() {
        let crc = crc32(&PNG[12..29]);
        let good = [&PNG[..29], &crc.to_be_bytes()].concat();
        assert_eq!(size(&good), SIZE);
        let mut bad = good.clone();
        bad[19] = 0x41;
        assert_eq!(size(&bad), Err(Flaw::Corrupt));
        assert_eq!(size(&good[..20]), Err(Flaw::CutOff));
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn other_content_under_an_accepted_name() {
        assert_eq!(size(b"GIF89a\x40\0\x20\0\0"), SIZE);
        assert_eq!(size(b"GIF89a\x40\0\0\0\0"), Err(Flaw::Corrupt));
        let bmp = [
            &b"BM"[..],
            &[0; 12],
            &40u32.to_le_bytes(),
            &64u32.to_le_bytes(),
            &32u32.to_le_bytes(),
            &[0; 24],
        ];
        assert_eq!(size(&bmp.concat()), SIZE);
        for none in [&b""[..], b"hello", b"<svg/>", &[0; 64]] {
            assert_eq!(size(none), Err(Flaw::Unknown));
        }
    }

    #[test]
    fn a_frame_behind_a_large_profile_is_found() {
        let file = tempfile::tempfile().unwrap();
        let mut bytes = vec![0xFF, 0xD8];
        for _ in 0..3 {
            bytes.extend_from_slice(&[0xFF, 0xE2, 0xFF, 0xFF]);
            bytes.resize(bytes.len() + 0xFFFD, 0);
        }
        bytes.extend_from_slice(FRAME);
        file.write_all_at(&bytes, 0).unwrap();
        assert_eq!(
            read_size(&file, bytes.len() as u64, &mut Buffer::default()),
            SIZE.map_err(|_| String::new())
        );
    }
}
