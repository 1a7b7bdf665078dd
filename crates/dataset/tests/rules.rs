//! Keeps `docs/dataset-check.md` equal to the rule table.

#[test]
fn the_reference_page_is_that_of_the_table() {
    let path = testkit::shared::workspace_dir().join("docs/dataset-check.md");
    let expected = dataset::rule::reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/dataset-check.md is out of date; run with BLESS=1"
    );
}
