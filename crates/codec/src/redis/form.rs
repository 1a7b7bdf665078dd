//! The two forms of a string and of a HyperLogLog: with a header that carries the expiry, and without.

use crate::error::RedisError;

/// What the beginning of a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// Bytes in front of the user's own.
    pub(crate) header_bytes: u64,
    /// What the value says about its expiry.
    pub(crate) expiry: Expiry,
    /// The value starts like a header but is not one.
    pub(crate) looks_like_header: bool,
}

/// What an anchor value says about the key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// The key never expires, whatever the expiry index says.
    Never,
    /// The key expires at this Unix time in milliseconds, whatever the expiry index says.
    At(u64),
    /// Only the expiry index knows.
    Indexed,
}

const PLAIN_HEADER: u64 = 3;
const EXPIRING_HEADER: u64 = 11;

/// Expiries are signed on the server; what exceeds that is as good as never.
pub(crate) fn clamped(expire_at_ms: u64) -> u64 {
    expire_at_ms.min(i64::MAX.unsigned_abs())
}

/// Reads the form of a string from its first bytes and its length.
///
/// Old servers stored strings without a header, and such a string may begin with the header's own bytes. Only what a
/// current server writes is taken for a header: `ff 01 00`, or `ff 01 01` and an expiry.
pub(crate) fn string(head: &[u8], length: u64) -> Form {
    match head {
        [0xff, 0x01, 0x00, ..] => Form {
            header_bytes: PLAIN_HEADER,
            expiry: Expiry::Never,
            looks_like_header: false,
        },
        [0xff, 0x01, 0x01, rest @ ..] if length >= EXPIRING_HEADER => expiring(rest),
        [0xff, 0x01, ..] => Form {
            header_bytes: 0,
            expiry: Expiry::Indexed,
            looks_like_header: true,
        },
        _ => Form {
            header_bytes: 0,
            expiry: Expiry::Indexed,
            looks_like_header: false,
        },
    }
}

/// Reads the form of a HyperLogLog from its first bytes and its length.
///
/// # Errors
///
/// A header that is cut. The old form starts otherwise, so there is no doubt.
pub(crate) fn hll(head: &[u8], length: u64) -> Result<Form, RedisError> {
    match head {
        [0xff, 0x02, flags, rest @ ..] if flags & 1 == 1 => {
            if length < EXPIRING_HEADER {
                return Err(RedisError::HllHeader { length });
            }
            Ok(expiring(rest))
        }
        [0xff, 0x02, _, ..] => Ok(Form {
            header_bytes: PLAIN_HEADER,
            expiry: Expiry::Never,
            looks_like_header: false,
        }),
        [0xff, 0x02] => Err(RedisError::HllHeader { length }),
        _ => Ok(Form {
            header_bytes: 0,
            expiry: Expiry::Indexed,
            looks_like_header: false,
        }),
    }
}

fn expiring(rest: &[u8]) -> Form {
    let at = rest
        .first_chunk::<8>()
        .map_or(0, |at| u64::from_be_bytes(*at));
    Form {
        header_bytes: EXPIRING_HEADER,
        expiry: Expiry::At(clamped(at)),
        looks_like_header: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_735_693_200_000;

    fn bytes(hex: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    fn check_string(hex: &str, header_bytes: u64, expiry: Expiry, looks_like_header: bool) {
        let value = bytes(hex);
        let form = Form {
            header_bytes,
            expiry,
            looks_like_header,
        };
        assert_eq!(string(&value, value.len() as u64), form, "{hex}");
    }

    #[test]
    fn strings() {
        check_string("ff010068656c6c6f", 3, Expiry::Never, false);
        check_string("ff0100", 3, Expiry::Never, false);
        check_string("ff0101000001941f606a80746f6b", 11, Expiry::At(AT), false);
        check_string("ff0101000001941f606a80", 11, Expiry::At(AT), false);
        check_string(
            "ff0101ffffffffffffffff",
            11,
            Expiry::At(i64::MAX as u64),
            false,
        );
        check_string("706c61696e", 0, Expiry::Indexed, false);
        check_string("", 0, Expiry::Indexed, false);
        check_string("ff", 0, Expiry::Indexed, false);
        check_string("ff0200", 0, Expiry::Indexed, false);
    }

    #[test]
    fn strings_that_only_look_like_a_header() {
        check_string("ff01", 0, Expiry::Indexed, true);
        check_string("ff0101000001941f606a", 0, Expiry::Indexed, true);
        check_string("ff010268656c6c6f", 0, Expiry::Indexed, true);
        check_string("ff0103000001941f606a80746f6b", 0, Expiry::Indexed, true);
    }

    #[test]
    fn hyperloglogs() {
        let check = |hex: &str, expected: Result<(u64, Expiry), ()>| {
            let value = bytes(hex);
            let form = hll(&value, value.len() as u64);
            assert_eq!(
                form.map(|form| (form.header_bytes, form.expiry))
                    .map_err(drop),
                expected,
                "{hex}"
            );
        };
        check(
            "ff0201000001941f606a80005253010a05616c696365",
            Ok((11, Expiry::At(AT))),
        );
        check("ff0201000001941f606a80", Ok((11, Expiry::At(AT))));
        check("ff020000525301", Ok((3, Expiry::Never)));
        check("005253010a05616c696365", Ok((0, Expiry::Indexed)));
        check("", Ok((0, Expiry::Indexed)));
        check("ff02", Err(()));
        check("ff0201000001941f606a", Err(()));
    }
}
