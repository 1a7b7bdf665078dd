use super::*;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    HEXLOWER.decode(digits.as_bytes()).unwrap()
}

fn place(part_no: u64, chunk_no: u64, version: u64) -> ChunkPlace {
    ChunkPlace {
        part_no,
        chunk_no,
        version,
    }
}

/// The keys of the format's worked examples.
#[test]
fn documented_keys_encode_and_parse() {
    let upload = b"ffeeddccbbaa99887766554433221100";
    let blob_prefix = "2173337c626c6f627c6c6f6773000100000000000000016170702e6c6f670001";
    let upload_hex = "66666565646463636262616139393838373736363535343433333232313130300001";
    let cases = [
        (bucket_meta(b"photos"), "2173337c6275636b65747c6d6574617c70686f746f730001".to_owned()),
        (bucket_generation(b"photos"), "2173337c6275636b65747c67656e7c70686f746f730001".to_owned()),
        (
            object_head(b"photos", 7, b"2026/04/img.jpg"),
            "2173337c6f626a7c686561647c70686f746f7300010000000000000007323032362f30342f696d672e6a70670001".to_owned(),
        ),
        (
            blob(b"logs", 1, b"app.log", upload, place(1, 1, 0x0196_7ed7_e479_0005)),
            format!("{blob_prefix}{upload_hex}0000000000000001000000000000000101967ed7e4790005"),
        ),
        (
            upload_meta(b"logs", 1, b"app.log", upload),
            format!("2173337c75706c6f61647c6d6574617c6c6f6773000100000000000000016170702e6c6f670001{upload_hex}"),
        ),
        (
            upload_part(b"logs", 1, b"app.log", upload, 2),
            format!("2173337c75706c6f61647c706172747c6c6f6773000100000000000000016170702e6c6f670001{upload_hex}0000000000000002"),
        ),
        (
            chunk_ref(b"logs", 3, b"off.bin", b"u", place(1, 0, 91)),
            "2173337c6368756e6b7265667c6c6f6773000100000000000000036f66662e62696e000175000100000000000000010000000000000000000000000000005b".to_owned(),
        ),
        (object_head(b"b", 258, b"o\0/x"), "2173337c6f626a7c686561647c62000100000000000001026f00ff2f780001".to_owned()),
        (object_head(b"b", 1, b""), "2173337c6f626a7c686561647c62000100000000000000010001".to_owned()),
    ];
    for (key, expected) in cases {
        assert_eq!(HEXLOWER.encode(&key), expected);
    }
}

#[test]
fn a_content_key_has_lower_case_digits_only() {
    let key = hex(
        "2173337c6368756e6b626c6f627c35653332333561383334366535613435383566386335383536326635303532623866653236613362623132326531653936633736373834393634646663343631",
    );
    let digest = parse_chunk_blob(&key).unwrap();
    assert_eq!(chunk_blob(&digest), key);
    assert_eq!(
        parse_chunk_blob(&key.to_ascii_uppercase()),
        Err(KeyFault::Prefix)
    );
    let upper = [CHUNK_BLOB, &key[14..].to_ascii_uppercase()].concat();
    assert_eq!(parse_chunk_blob(&upper), Err(KeyFault::Alias));
    assert_eq!(parse_chunk_blob(&key[..77]), Err(KeyFault::Short));
    assert_eq!(
        parse_chunk_blob(&[&key[..], b"0"].concat()),
        Err(KeyFault::Trailing)
    );
    let odd = [&key[..77], b"g"].concat();
    assert_eq!(parse_chunk_blob(&odd), Err(KeyFault::Digest));
}

#[test]
fn a_trailer_has_zero_or_eight_bytes_and_is_not_zero() {
    let key = blob(b"b", 1, b"o", b"u", place(1, 0, 0));
    assert_eq!(parse_blob(&key).unwrap().version, 0);
    for extra in 1..8 {
        let cut = [key.as_slice(), &vec![1; extra]].concat();
        assert_eq!(parse_blob(&cut), Err(KeyFault::Short), "{extra}");
    }
    let alias = [key.as_slice(), &[0; 8]].concat();
    assert_eq!(parse_blob(&alias), Err(KeyFault::Alias));
    let versioned = [key.as_slice(), &[0, 0, 0, 0, 0, 0, 0, 9]].concat();
    assert_eq!(parse_blob(&versioned).unwrap().version, 9);
    let long = [key.as_slice(), &[1; 9]].concat();
    assert_eq!(parse_blob(&long), Err(KeyFault::Trailing));
}

#[test]
fn wrong_segments_are_refused() {
    for (rest, fault) in [
        (b"".as_slice(), KeyFault::Segment),
        (b"abc", KeyFault::Segment),
        (b"abc\0", KeyFault::Segment),
        (b"abc\0\x02", KeyFault::Segment),
        (b"a\0\xff", KeyFault::Segment),
        (b"a\0\x01x", KeyFault::Trailing),
    ] {
        let key = [BUCKET_META, rest].concat();
        assert_eq!(parse_bucket_meta(&key), Err(fault), "{rest:?}");
    }
}

#[test]
fn every_cut_of_a_key_is_refused() {
    let key = blob(b"b\0", 1, b"\0\0", b"", place(1, 2, 3));
    for end in 0..key.len() {
        let parsed = parse_blob(&key[..end]);
        // Without its trailer the key is its own unversioned sibling.
        assert_eq!(parsed.is_ok(), end == key.len() - 8, "{end}");
    }
}

proptest! {
    #[test]
    fn segments_are_a_bijection_that_keeps_the_order(
        left in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..12),
        right in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..12),
    ) {
        let encode = |raw: &[u8]| {
            let mut out = Vec::new();
            segment_into(raw, &mut out);
            out
        };
        let (left_encoded, right_encoded) = (encode(&left), encode(&right));
        let (segment, rest) = split_segment(&left_encoded).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&*segment.decode(), left.as_slice());
        prop_assert_eq!(left.cmp(&right), left_encoded.cmp(&right_encoded));
    }

    #[test]
    fn accepted_keys_encode_to_themselves(tail in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..60)) {
        let key = [BLOB, tail.as_slice()].concat();
        if let Ok(parsed) = parse_blob(&key) {
            let ObjectKey { bucket, generation, object } = parsed.part.upload.object;
            let upload = parsed.part.upload.upload;
            let again = blob(
                &bucket.decode(),
                generation,
                &object.decode(),
                &upload.decode(),
                place(parsed.part.part_no, parsed.chunk_no, parsed.version),
            );
            prop_assert_eq!(again, key);
        }
    }
}
