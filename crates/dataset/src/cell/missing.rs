//! The two sets of words that stand for a missing value. Which one a check uses is not a matter of taste: the cluster's checks
//! differ in the same way.

/// Says whether a word is missing for columns of a schema, for `mask_id` and for tabular labels. Case counts.
#[inline]
pub(crate) fn is_curated_missing(cell: &[u8]) -> bool {
    // Most cells end here: the longest word has four bytes, and few letters begin one.
    match cell.first() {
        None => true,
        Some(b'N' | b'n' | b'<' | b'#') if cell.len() <= 4 => is_curated_word(cell),
        Some(_) => false,
    }
}

fn is_curated_word(cell: &[u8]) -> bool {
    matches!(
        cell,
        b"NA"
            | b"N/A"
            | b"n/a"
            | b"NULL"
            | b"null"
            | b"None"
            | b"none"
            | b"NaN"
            | b"nan"
            | b"<NA>"
            | b"#N/A"
    )
}

/// Says whether a word is missing for the checks of grouped time series. Case counts; there is no lower-case `none`.
pub(crate) fn is_default_missing(cell: &[u8]) -> bool {
    matches!(
        cell,
        b"" | b"#N/A"
            | b"#N/A N/A"
            | b"#NA"
            | b"-1.#IND"
            | b"-1.#QNAN"
            | b"-NaN"
            | b"-nan"
            | b"1.#IND"
            | b"1.#QNAN"
            | b"<NA>"
            | b"N/A"
            | b"NA"
            | b"NULL"
            | b"NaN"
            | b"None"
            | b"n/a"
            | b"nan"
            | b"null"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_differ_where_the_cluster_does() {
        assert!(is_curated_missing(b"none") && !is_default_missing(b"none"));
        for word in [&b"#NA"[..], b"-nan", b"-NaN", b"1.#IND", b"#N/A N/A"] {
            assert!(is_default_missing(word) && !is_curated_missing(word));
        }
        for word in [
            &b""[..],
            b"NA",
            b"N/A",
            b"n/a",
            b"NULL",
            b"null",
            b"None",
            b"NaN",
            b"nan",
            b"<NA>",
            b"#N/A",
        ] {
            assert!(is_default_missing(word) && is_curated_missing(word));
        }
    }

    #[test]
    fn padding_and_case_make_a_value_of_it() {
        for word in [&b" NA "[..], b"na", b"NAN", b"Null"] {
            assert!(!is_default_missing(word) && !is_curated_missing(word));
        }
    }
}
