//! The commands that the far side is started with.

use std::time::Duration;

use super::Setup;

/// Name of the environment variable of the stage pod that holds [`STAGE_SCRIPT`](super::STAGE_SCRIPT).
pub const SCRIPT_VARIABLE: &str = "LONGSHORE_STAGE";

/// How often process 1 looks after the lock.
const SUPERVISE_BEAT: Duration = Duration::from_secs(5);

/// Silence of the client after which process 1 ends everything.
const SUPERVISE_SILENCE: Duration = Duration::from_secs(40);

/// Time until the client must be heard of for the first time.
const SUPERVISE_FIRST: Duration = Duration::from_secs(120);

/// Returns the command of the stage pod's container. It ends by itself when the client is not heard of any more.
pub fn supervise(setup: &Setup) -> Vec<String> {
    supervise_for(setup, SUPERVISE_BEAT, SUPERVISE_SILENCE, SUPERVISE_FIRST)
}

/// Returns the command of process 1 with other times, in whole seconds.
pub fn supervise_for(
    setup: &Setup,
    beat: Duration,
    silence: Duration,
    first: Duration,
) -> Vec<String> {
    verb(
        setup,
        "supervise",
        [seconds(beat), seconds(silence), seconds(first)],
    )
}

/// Takes the lock, tells what is there and takes frames.
pub fn receive(setup: &Setup) -> Vec<String> {
    verb(setup, "receive", lock(setup))
}

/// Makes what was received visible, if it is what this digest of its manifest says.
pub fn publish(setup: &Setup, manifest_sha256: &str) -> Vec<String> {
    verb(setup, "publish", [manifest_sha256.to_owned()])
}

/// Removes the staged copy with this manifest, under the lock.
pub fn reclaim(setup: &Setup, manifest_sha256: &str) -> Vec<String> {
    let digest = manifest_sha256.to_owned();
    verb(setup, "reclaim", std::iter::once(digest).chain(lock(setup)))
}

/// The same, if the record beside it is still this one.
pub fn reclaim_of(setup: &Setup, manifest_sha256: &str, record: &str) -> Vec<String> {
    let mut words = reclaim(setup, manifest_sha256);
    words.push(record.to_owned());
    words
}

/// Removes what runs of every table left more than `age` ago.
pub fn clean(setup: &Setup, age: Duration) -> Vec<String> {
    verb(
        setup,
        "clean",
        std::iter::once(seconds(age)).chain(lock(setup)),
    )
}

/// Looks at programs, space, destination, lock and leftovers; leaves nothing.
pub fn probe(setup: &Setup) -> Vec<String> {
    verb(setup, "probe", [])
}

/// Keeps `text` beside the data, or removes what was kept if it is empty. The lock must be held.
pub fn record(setup: &Setup, text: &str) -> Vec<String> {
    verb(setup, "record", [text.to_owned()])
}

/// Gives the lock back.
pub fn release(setup: &Setup) -> Vec<String> {
    verb(setup, "release", [])
}

/// Does nothing but hear the client, so that process 1 keeps the lock.
pub fn hold(setup: &Setup) -> Vec<String> {
    verb(setup, "hold", [])
}

/// Takes `blocks` times 64 KiB, answers `digest HEX BYTES`, and sends them back.
pub fn mirror(setup: &Setup, blocks: u32) -> Vec<String> {
    verb(setup, "mirror", [(u64::from(blocks) << 16).to_string()])
}

fn lock(setup: &Setup) -> [String; 3] {
    [
        seconds(setup.lock_watch),
        seconds(setup.lock_look),
        setup.holder.clone(),
    ]
}

/// Every path is a whole argument: where containers have no mounts of their own, only those are translated.
fn verb(setup: &Setup, verb: &str, arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let script = format!("eval \"${SCRIPT_VARIABLE}\"");
    let words = [
        "/bin/sh",
        "-c",
        &script,
        "longshore",
        verb,
        &setup.shared,
        &setup.scratch,
        setup.table.as_str(),
        &setup.run,
        &setup.pod,
    ];
    words
        .into_iter()
        .map(str::to_owned)
        .chain(arguments)
        .collect()
}

fn seconds(duration: Duration) -> String {
    duration.as_secs().max(1).to_string()
}

#[cfg(test)]
mod tests {
    use dataset::names::TableName;

    use super::*;

    #[test]
    fn paths_are_whole_words() {
        let setup = Setup::new(TableName::fixed("cats"), "r1", "p1");
        let words = reclaim(&setup, "abc");
        let expected = [
            "/bin/sh",
            "-c",
            "eval \"$LONGSHORE_STAGE\"",
            "longshore",
            "reclaim",
            "/data/shared",
            "/tmp",
            "cats",
            "r1",
            "p1",
            "abc",
            "60",
            "2",
            "r1",
        ];
        assert_eq!(words, expected);
    }
}
