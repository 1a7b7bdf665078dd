//! What is said about documents that are wrong, and about texts that are none.

use dataset::ingest::{NotADocument, Place, validate};

const CASES: &str = include_str!("ingest_cases/violations.txt");

#[test]
fn every_case_says_what_it_should() {
    let cases = CASES.split("\n=== ").skip(1);
    let mut failed = Vec::new();
    for case in cases {
        let (name, rest) = case.split_once('\n').expect("a name and a document");
        let (document, expected) = rest.split_once("---\n").expect("a document and lines");
        let violations = validate(expand(document).as_bytes())
            .expect("a document")
            .violations;
        let found: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let expected: Vec<_> = expected.lines().filter(|line| !line.is_empty()).collect();
        if found != expected {
            failed.push(format!("{name}:\n{}\n", found.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Replaces `+ task` by the lines that every document needs.
fn expand(document: &str) -> String {
    match document
        .strip_prefix("+ ")
        .and_then(|rest| rest.split_once('\n'))
    {
        None => document.to_owned(),
        Some((task, rest)) => format!(
            "apiVersion: tracebloc.io/v1\nkind: IngestConfig\ncategory: {task}\ntable: t\nintent: train\n{rest}"
        ),
    }
}

#[track_caller]
fn refused(text: &[u8]) -> NotADocument {
    validate(text).expect_err("no document")
}

#[test]
fn what_is_no_document_says_why() {
    let at = |line, column| Place { line, column };
    assert_eq!(refused(b""), NotADocument::Empty);
    assert_eq!(refused(b" \n\t\n"), NotADocument::Empty);
    assert_eq!(refused(b"a: \xff"), NotADocument::NotUtf8 { offset: 3 });
    assert_eq!(
        refused(b"# only a comment"),
        NotADocument::NotAMapping {
            place: at(1, 1),
            found: "null"
        }
    );
    assert_eq!(
        refused(b"- a"),
        NotADocument::NotAMapping {
            place: at(1, 1),
            found: "array"
        }
    );
    assert_eq!(
        refused(b"text"),
        NotADocument::NotAMapping {
            place: at(1, 1),
            found: "string"
        }
    );
    assert_eq!(
        refused(b"a: 1\n5: b"),
        NotADocument::KeyNotText {
            place: at(2, 1),
            key: "5".to_owned(),
            found: "number"
        }
    );
    assert_eq!(
        refused(b"a: 1\nb: 2\na: 3"),
        NotADocument::DuplicateKey {
            place: at(3, 1),
            key: "a".to_owned(),
            first: at(1, 1)
        }
    );
    assert!(
        matches!(refused(b"a: 1\n---\nb: 2"), NotADocument::SeveralDocuments { place } if place.line == 2)
    );
    assert!(matches!(refused(b"a: [1\n"), NotADocument::Syntax { .. }));
    assert!(matches!(
        refused(b"a: &a [*a]"),
        NotADocument::Syntax { .. }
    ));
    assert!(matches!(
        refused(b"a: !python/object x"),
        NotADocument::UnknownTag { .. }
    ));
    assert!(matches!(
        refused(&vec![b'a'; 5 << 20]),
        NotADocument::TooLarge { .. }
    ));
}

#[test]
fn bombs_are_refused() {
    let mut doubled = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        doubled.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    assert!(matches!(
        refused(doubled.as_bytes()),
        NotADocument::TooComplex { .. }
    ));
    let deep = format!("a: {}", "[".repeat(10_000));
    assert!(matches!(
        refused(deep.as_bytes()),
        NotADocument::TooComplex { .. } | NotADocument::Syntax { .. }
    ));
}

#[test]
fn no_cut_of_a_document_makes_the_reader_panic() {
    let document = expand(
        "+ seq2seq\ncsv: &a \"x\\u00e9\"\ntexts: *a\nspec: {file_options: {x: [1, {y: 2024-01-01}]}}\n",
    );
    for end in 0..document.len() {
        let _verdict = validate(&document.as_bytes()[..end]).is_ok();
        let _verdict = validate(&document.as_bytes()[end..]).is_ok();
    }
}
