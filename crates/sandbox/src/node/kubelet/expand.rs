//! `$(NAME)` in commands and variables.

use std::collections::BTreeMap;

/// Replaces references by values: what is not known stays as it is, and `$$` is a dollar that begins no reference.
pub(super) fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) =
            after.strip_prefix('(').and_then(|it| it.split_once(')'))
        {
            match values.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_double_dollars_are_single() {
        let values = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        // From the API's own words on `command` and `env` (core/v1 Container, EnvVar).
        for (text, expected) in [
            ("$(A)", "1"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(B)", "$(B)"),
            ("$A ${A} $", "$A ${A} $"),
            ("$$ $$$$", "$ $$"),
            ("$(A", "$(A"),
        ] {
            assert_eq!(expand(text, &values), expected, "{text}");
        }
    }
}
