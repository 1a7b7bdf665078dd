//! S3 objects: their own path, a renamed one, or a name below `_keys/`.

use fsroot::{RelPath, Root};

use super::{Candidate, Key, Owner, Role, keymaps, path};
use crate::name::{self, Position, Rule, percent};
use crate::object_name::{
    self, BUCKET_FILE, INCOMPLETE_UPLOADS_DIRECTORY, KEYS_DIRECTORY, META_SUFFIX,
    ORPHANS_DIRECTORY, Shape,
};
use crate::{Error, keymap};

pub(super) fn bucket_candidates(bucket: &[u8]) -> Result<Vec<Candidate>, Error> {
    let directory = name::encode_directory(bucket).text;
    Ok(vec![(
        path(&[b"s3", directory.as_bytes(), BUCKET_FILE.as_bytes()])?,
        Role::Metadata,
    )])
}

pub(super) fn object_candidates(
    root: &Root,
    bucket: &[u8],
    object: &[u8],
) -> Result<Vec<Candidate>, Error> {
    let directory = name::encode_directory(bucket).text;
    let directory = path(&[b"s3", directory.as_bytes()])?;
    let Some(body) = body_of(root, &directory, object)? else {
        return Ok(Vec::new());
    };
    let body = [directory.as_bytes(), &body].join(&b'/');
    let sidecar = [&body, META_SUFFIX.as_bytes()].concat();
    Ok(vec![
        (RelPath::new(body)?, Role::Content),
        (RelPath::new(sidecar)?, Role::Metadata),
    ])
}

/// Returns where the object's body lies, if it is there: what KEYMAP says, else the key itself.
///
/// The key's own path may be taken: `x.elastickv-leaf-data` is the body of `x` if `x` was renamed, which KEYMAP tells.
fn body_of(root: &Root, directory: &RelPath, object: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut mapped: Option<Vec<u8>> = None;
    let mut taken = false;
    keymaps::scan(root, &directory.join(keymap::FILE_NAME)?, |record| {
        let ours = record.original == object;
        if record.encoded == object {
            taken = !ours;
        }
        if ours {
            mapped = Some(record.encoded);
        } else if mapped.as_ref() == Some(&record.encoded) {
            // The last mapping of a path counts.
            mapped = None;
        }
    })?;
    let natural = !taken
        && object_name::shape(object) == Shape::Plain
        && !object.ends_with(META_SUFFIX.as_bytes());
    Ok(mapped.or_else(|| natural.then(|| object.to_vec())))
}

pub(super) fn owner(
    root: &Root,
    bucket_segment: &[u8],
    components: &[&[u8]],
) -> Result<Owner, Error> {
    let bucket = name::decode(bucket_segment, Rule::Text, Position::Directory, |_| None).ok();
    let key_of = |object: Option<Vec<u8>>| {
        Some(Key::S3 {
            bucket: bucket?,
            object,
        })
    };
    let control = |name: &str, component: &[u8]| component == name.as_bytes();
    match components {
        [file] if control(BUCKET_FILE, file) => Ok(Some((Role::Metadata, key_of(None)))),
        [file] if control(keymap::FILE_NAME, file) => Ok(None),
        [first, ..] if control(INCOMPLETE_UPLOADS_DIRECTORY, first) => Ok(None),
        [first, segment, _, ..] if control(ORPHANS_DIRECTORY, first) => {
            let object = name::decode(segment, Rule::Text, Position::Directory, |_| None).ok();
            Ok(Some((
                Role::Orphan,
                object.and_then(|object| key_of(Some(object))),
            )))
        }
        [] => Ok(None),
        file => {
            let file = file.join(&b'/');
            let (body, role) = match file.strip_suffix(META_SUFFIX.as_bytes()) {
                Some(body) => (body, Role::Metadata),
                None => (&file[..], Role::Content),
            };
            let keymap = path(&[b"s3", bucket_segment, keymap::FILE_NAME.as_bytes()])?;
            let object = keymaps::original_of(root, &keymap, body)?.or_else(|| object_of(body));
            Ok(Some((role, object.and_then(|object| key_of(Some(object))))))
        }
    }
}

/// Returns the key of a body that no mapping tells of.
fn object_of(body: &[u8]) -> Option<Vec<u8>> {
    let Some(name) = body
        .strip_prefix(KEYS_DIRECTORY.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"/"))
    else {
        return Some(body.to_vec());
    };
    percent::decode_canonical(name.strip_prefix(b"k.")?)
}
