//! Rows of the S3 keyspace in valid containers: keys, manifests, chunks and references that are nearly right.
#![no_main]

use arbitrary::Unstructured;
use codec::{Names, OnBad};
use libfuzzer_sys::fuzz_target;
use longshore_fuzz::{check_twice, options, s3_rows, stream};

fuzz_target!(|bytes: &[u8]| {
    // The keys themselves.
    use codec::s3::key;
    for prefix in [
        key::BUCKET_META,
        key::BUCKET_GENERATION,
        key::OBJECT_HEAD,
        key::BLOB,
        key::CHUNK_BLOB,
        key::CHUNK_REF,
        key::UPLOAD_META,
        key::UPLOAD_PART,
    ] {
        keys(&[prefix, bytes].concat());
    }

    let mut u = Unstructured::new(bytes);
    let mut options = options();
    let (Ok(portable), Ok(stop), Ok(layer)) = (u.arbitrary(), u.ratio(1, 4), u.bytes(2)) else {
        return;
    };
    if portable {
        options.names = Names::Portable;
    }
    if stop {
        options.on_bad = OnBad::Stop;
    }
    let Ok(given) = s3_rows(&mut u) else {
        return;
    };
    let Ok(file) = stream(&given, &mut Unstructured::new(layer)) else {
        return;
    };
    let outcome = check_twice(&file, &options);
    if let Err(error) = &outcome.result {
        assert!(stop, "a bad row stops a partial run: {error:?}");
    }
});

/// What parses has exactly one spelling.
fn keys(row_key: &[u8]) {
    use codec::s3::key;
    if let Ok(parsed) = key::parse_object_head(row_key) {
        let again = key::object_head(
            &parsed.bucket.decode(),
            parsed.generation,
            &parsed.object.decode(),
        );
        assert_eq!(again, row_key);
    }
    if let Ok(parsed) = key::parse_bucket_meta(row_key) {
        assert_eq!(key::bucket_meta(&parsed.decode()), row_key);
    }
    if let Ok(parsed) = key::parse_bucket_generation(row_key) {
        assert_eq!(key::bucket_generation(&parsed.decode()), row_key);
    }
    if let Ok(parsed) = key::parse_upload_meta(row_key) {
        let object = parsed.object;
        let again = key::upload_meta(
            &object.bucket.decode(),
            object.generation,
            &object.object.decode(),
            &parsed.upload.decode(),
        );
        assert_eq!(again, row_key);
    }
    if let Ok(digest) = key::parse_chunk_blob(row_key) {
        assert_eq!(key::chunk_blob(&digest), row_key);
    }
    for parsed in [key::parse_blob(row_key), key::parse_chunk_ref(row_key)]
        .into_iter()
        .flatten()
    {
        let object = parsed.part.upload.object;
        let place = key::ChunkPlace {
            part_no: parsed.part.part_no,
            chunk_no: parsed.chunk_no,
            version: parsed.version,
        };
        let make = if row_key.starts_with(key::BLOB) {
            key::blob
        } else {
            key::chunk_ref
        };
        let again = make(
            &object.bucket.decode(),
            object.generation,
            &object.object.decode(),
            &parsed.part.upload.upload.decode(),
            place,
        );
        assert_eq!(again, row_key);
    }
}
