//! `tokenizer.json`, which only older ingestors look for.

use std::collections::BTreeSet;
use std::io::Read;

use fsroot::Root;
use serde_json::Value;

use crate::finding::{Findings, Place};
use crate::layout::ManifestFile;
use crate::rule::Rule;

const MAX_BYTES: u64 = 64 << 20;

/// Checks that the tokenizer is there and knows the tokens that masking needs.
pub(crate) fn check(root: &Root, tokenizer: Option<&ManifestFile>, findings: &mut Findings) {
    let place = Place::file("tokenizer.json");
    let Some(tokenizer) = tokenizer else {
        let message = "There is no tokenizer.json, which older ingestors need.";
        findings.add(Rule::TextTokenizer, place, message);
        return;
    };
    let known = vocabulary(root, tokenizer);
    let missing: Vec<_> = ["[MASK]", "[PAD]"]
        .into_iter()
        .filter(|token| !known.contains(*token))
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "The vocabulary of tokenizer.json lacks {}.",
            missing.join(" and ")
        );
        findings.add(Rule::TextTokenizer, place, message);
    }
}

/// Reads the tokens; none if the file is not a tokenizer.
fn vocabulary(root: &Root, tokenizer: &ManifestFile) -> BTreeSet<String> {
    let mut text = Vec::new();
    let read = root
        .open_file(&tokenizer.stored)
        .ok()
        .and_then(|open| open.file.take(MAX_BYTES).read_to_end(&mut text).ok());
    let document: Value = read
        .and_then(|_| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut tokens = BTreeSet::new();
    match document.pointer("/model/vocab") {
        Some(Value::Object(vocabulary)) => tokens.extend(vocabulary.keys().cloned()),
        Some(Value::Array(pairs)) => {
            tokens.extend(pairs.iter().filter_map(|pair| text_of(pair.get(0))))
        }
        _ => {}
    }
    if let Some(Value::Array(added)) = document.get("added_tokens") {
        tokens.extend(
            added
                .iter()
                .filter_map(|token| text_of(token.get("content"))),
        );
    }
    tokens
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}
