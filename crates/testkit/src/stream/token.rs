//! The `.snap` file that points at a snapshot, and the token inside it.

use super::protobuf::{bytes, integer};

/// The membership that a `.snap` file and a log snapshot record carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfState {
    /// Node ids of the voters.
    pub voters: Vec<u64>,
    /// Node ids of the learners.
    pub learners: Vec<u64>,
}

impl ConfState {
    /// Gives the protobuf message.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for &voter in &self.voters {
            integer(1, voter, &mut out);
        }
        for &learner in &self.learners {
            integer(2, learner, &mut out);
        }
        out
    }
}

/// Gives the 17 bytes that name a snapshot by index and checksum.
pub fn token(index: u64, crc32c: u32) -> Vec<u8> {
    [
        b"EKVT\x01".as_slice(),
        &index.to_be_bytes(),
        &crc32c.to_be_bytes(),
    ]
    .concat()
}

/// Gives a `.snap` file with a token.
pub fn snap_file(term: u64, index: u64, crc32c: u32, members: &ConfState) -> Vec<u8> {
    snap_file_with(term, index, &token(index, crc32c), members)
}

/// Gives a `.snap` file with any data: a token, a legacy payload, or nonsense.
pub fn snap_file_with(term: u64, index: u64, data: &[u8], members: &ConfState) -> Vec<u8> {
    let mut metadata = Vec::new();
    bytes(1, &members.build(), &mut metadata);
    integer(2, index, &mut metadata);
    integer(3, term, &mut metadata);

    let mut inner = Vec::new();
    bytes(1, data, &mut inner);
    bytes(2, &metadata, &mut inner);

    let mut outer = Vec::new();
    integer(1, u64::from(crc32c::crc32c(&inner)), &mut outer);
    bytes(2, &inner, &mut outer);
    outer
}
