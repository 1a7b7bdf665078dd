//! What the system allows a process is not used up by large snapshots.

mod common;

use std::process::Command;

use common::{Place, Run};
use testkit::rows::Node;

/// More than the handles on folders that all threads together keep, and more than the descriptors that are allowed here.
const BUCKETS: usize = 900;

/// Runs `decode` with few file descriptors: enough for its own needs, too few for one a bucket.
fn with_few_descriptors(place: &Place, arguments: &[&str]) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 600 && exec \"$@\"", "sh"]);
    command.arg(place.program());
    command.args([
        "snapshot",
        "decode",
        "node.fsm",
        "-o",
        "out",
        "--format=json",
    ]);
    command.args(arguments);
    place.prepare(&mut command);
    place.complete(&mut command)
}

fn buckets(object: impl Fn(&mut Node, &str)) -> Place {
    let mut node = Node::new(1);
    for number in 0..BUCKETS {
        let bucket = format!("bucket-{number}");
        node.create_bucket(&bucket);
        object(&mut node, &bucket);
    }
    let place = Place::new();
    place.write("node.fsm", node.runtime_file());
    place
}

/// S3 review requirement R16: what is opened for a bucket is closed with it.
#[test]
fn descriptors_are_given_back_with_each_bucket() {
    let place = buckets(|node, bucket| {
        node.put(bucket, b"a", b"1", Default::default());
        node.put(bucket, b"a/b", b"2", Default::default());
        node.open_upload(bucket, b"open", &[(1, b"part")]);
    });
    let flags = ["--include-orphans", "--include-incomplete-uploads"];
    let result = with_few_descriptors(&place, &flags).exits(0).result();
    assert_eq!(result["s3"]["objects"], 2 * BUCKETS);
    place.run(["snapshot", "verify", "out"]).exits(0);
}

/// The same where every bucket has an object that cannot be written.
#[test]
fn descriptors_are_given_back_after_errors() {
    let place = buckets(|node, bucket| {
        node.put(bucket, b"good", b"1", Default::default());
        node.put(bucket, b"bad.elastickv-meta.json", b"2", Default::default());
    });
    let flags = ["--strict-keys", "--partial"];
    let result = with_few_descriptors(&place, &flags).exits(14).result();
    assert_eq!(result["s3"]["objects"], BUCKETS);
}
