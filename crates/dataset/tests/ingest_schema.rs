//! The published schema is the embedded one.

use dataset::ingest;

#[test]
fn the_published_schema_is_the_embedded_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ingest.schema.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, ingest::schema()).expect("docs/ingest.schema.json can be written");
    }
    let published = std::fs::read_to_string(path).expect("docs/ingest.schema.json is there");
    assert_eq!(
        published,
        ingest::schema(),
        "BLESS=1 renews docs/ingest.schema.json"
    );
}
