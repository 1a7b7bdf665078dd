//! Comparing a body with its etags.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};

use super::error::{Fault, Sized};
use super::record::Manifest;

/// What an etag claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// The MD5 of the bytes.
    Plain([u8; 16]),
    /// The MD5 of the parts' MD5s, and their number.
    Composite([u8; 16], usize),
    /// Nothing that could be computed.
    Unknown,
}

/// Whether the object's etag could be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// It could, and it is right.
    Equal,
    /// It is not an MD5 of these bytes by any rule.
    Unverifiable,
}

/// Computes the MD5s of a body part by part.
#[derive(Debug)]
pub(super) struct Hasher {
    whole: Option<Md5>,
    part: Md5,
    parts: Vec<[u8; 16]>,
}

impl Hasher {
    /// Makes a hasher if there is anything to compare.
    pub(super) fn new(manifest: &Manifest) -> Option<Hasher> {
        let claim = claim(&manifest.etag);
        let any_part = manifest
            .parts
            .iter()
            .any(|part| matches!(self::claim(&part.etag), Claim::Plain(_)));
        let useful = any_part
            || match claim {
                Claim::Plain(_) => true,
                Claim::Composite(_, parts) => parts == manifest.parts.len(),
                Claim::Unknown => false,
            };
        // With a single part, the part is the whole.
        let whole = matches!(claim, Claim::Plain(_)) && manifest.parts.len() != 1;
        useful.then(|| Hasher {
            whole: whole.then(Md5::new),
            part: Md5::new(),
            parts: Vec::new(),
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.part.update(bytes);
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
    }

    pub(super) fn end_part(&mut self) {
        let digest = std::mem::take(&mut self.part).finalize();
        self.parts.push(digest.into());
    }

    /// Compares with what the manifest states.
    pub(super) fn compare(self, manifest: &Manifest) -> Result<Compared, Fault> {
        for (part, computed) in manifest.parts.iter().zip(&self.parts) {
            if let Claim::Plain(stated) = claim(&part.etag)
                && stated != *computed
            {
                return Err(mismatch(
                    Sized::Part(part.part_no),
                    &part.etag,
                    HEXLOWER.encode(computed),
                ));
            }
        }
        let (stated, computed, text) = match claim(&manifest.etag) {
            Claim::Plain(stated) => {
                let computed = match (self.whole, self.parts.as_slice()) {
                    (Some(whole), _) => whole.finalize().into(),
                    (None, [single]) => *single,
                    (None, _) => return Ok(Compared::Unverifiable),
                };
                (stated, computed, HEXLOWER.encode(&computed))
            }
            Claim::Composite(stated, count) if count == self.parts.len() => {
                let computed: [u8; 16] = Md5::digest(self.parts.concat()).into();
                (
                    stated,
                    computed,
                    format!("{}-{count}", HEXLOWER.encode(&computed)),
                )
            }
            _ => return Ok(Compared::Unverifiable),
        };
        if stated == computed {
            Ok(Compared::Equal)
        } else {
            Err(mismatch(Sized::Object, &manifest.etag, text))
        }
    }
}

fn mismatch(what: Sized, stated: &str, computed: String) -> Fault {
    Fault::Etag {
        what,
        stated: stated.to_owned(),
        computed,
    }
}

fn claim(etag: &str) -> Claim {
    let bare = etag
        .strip_prefix('"')
        .and_then(|etag| etag.strip_suffix('"'))
        .unwrap_or(etag);
    let (digits, count) = match bare.split_once('-') {
        None => (bare, None),
        Some((digits, count)) => (digits, Some(count)),
    };
    let mut digest = [0; 16];
    if digits.len() != 32
        || HEXLOWER_PERMISSIVE
            .decode_mut(digits.as_bytes(), &mut digest)
            .is_err()
    {
        return Claim::Unknown;
    }
    match count.map(str::parse) {
        None => Claim::Plain(digest),
        Some(Ok(count)) => Claim::Composite(digest, count),
        Some(Err(_)) => Claim::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::record::Part;

    fn manifest(etag: &str, parts: &[&str]) -> Manifest {
        let parts = parts
            .iter()
            .map(|etag| Part {
                etag: (*etag).to_owned(),
                ..Part::default()
            })
            .collect();
        Manifest {
            etag: etag.to_owned(),
            parts,
            ..Manifest::default()
        }
    }

    fn compare(manifest: &Manifest, parts: &[&str]) -> Result<Compared, ()> {
        let Some(mut hasher) = Hasher::new(manifest) else {
            return Ok(Compared::Unverifiable);
        };
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.end_part();
        }
        hasher.compare(manifest).map_err(|_| ())
    }

    /// Digests from the format's worked examples and, for the empty body, RFC 1321.
    #[test]
    fn etags() {
        let (one, two) = (
            "5d41402abc4b2a76b9719d911017c592",
            "f6367dbfa4932a601a753d1e4dd381d1",
        );
        let both = "7f3383a2db6c6d8e6f024d0b8a6e0b3f-2";
        let parts = ["hello", "WORLD!"];
        assert_eq!(
            compare(&manifest(both, &[one, two]), &parts),
            Ok(Compared::Equal)
        );
        assert_eq!(
            compare(&manifest(both, &["x", ""]), &parts),
            Ok(Compared::Equal)
        );
        assert_eq!(compare(&manifest(both, &[two, one]), &parts), Err(()));
        assert_eq!(
            compare(&manifest(&both.replace('7', "8"), &[one, two]), &parts),
            Err(())
        );
        assert_eq!(
            compare(&manifest("x", &[one, two]), &parts),
            Ok(Compared::Unverifiable)
        );
        assert_eq!(
            compare(&manifest("x", &["", ""]), &parts),
            Ok(Compared::Unverifiable)
        );
        // What a restore writes: one part that repeats a composite etag.
        assert_eq!(
            compare(&manifest(both, &[both]), &["helloWORLD!"]),
            Ok(Compared::Unverifiable)
        );
        assert_eq!(
            compare(&manifest(&one.to_uppercase(), &[one]), &["hello"]),
            Ok(Compared::Equal)
        );
        assert_eq!(
            compare(&manifest(&format!("\"{one}\""), &[""]), &["hello"]),
            Ok(Compared::Equal)
        );
        assert_eq!(compare(&manifest(one, &[""]), &["hellO"]), Err(()));
        // A plain etag over two parts is the MD5 of everything.
        assert_eq!(
            compare(&manifest(one, &["", ""]), &["hel", "lo"]),
            Ok(Compared::Equal)
        );
        let empty = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(compare(&manifest(empty, &[]), &[]), Ok(Compared::Equal));
        assert_eq!(compare(&manifest(one, &[]), &[]), Err(()));
    }
}
