//! What lies around a store stream: the state machine's header and the footer.

/// The header that a node puts before its store stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// `EKVTHLC1`.
    V1 {
        /// The clock's ceiling in Unix milliseconds.
        ceiling_ms: u64,
    },
    /// `EKVTHLC2`.
    V2 {
        /// The clock's ceiling in Unix milliseconds.
        ceiling_ms: u64,
        /// The Raft envelope cutover index.
        cutover: u64,
        /// Advisory bytes after the two known fields.
        extra: Vec<u8>,
    },
}

impl Header {
    /// Gives the bytes of the header.
    pub fn build(&self) -> Vec<u8> {
        match self {
            Header::V1 { ceiling_ms } => {
                [b"EKVTHLC1".as_slice(), &ceiling_ms.to_be_bytes()].concat()
            }
            Header::V2 {
                ceiling_ms,
                cutover,
                extra,
            } => {
                let length = u16::try_from(16 + extra.len()).expect("the length field has 16 bits");
                [
                    b"EKVTHLC2".as_slice(),
                    &length.to_be_bytes(),
                    &ceiling_ms.to_be_bytes(),
                    &cutover.to_be_bytes(),
                    extra,
                ]
                .concat()
            }
        }
    }

    /// Gives header and store stream: what is published without a footer.
    pub fn payload(&self, store: &[u8]) -> Vec<u8> {
        [self.build().as_slice(), store].concat()
    }

    /// Gives a complete runtime file: header, store stream, footer.
    pub fn runtime_file(&self, store: &[u8]) -> Vec<u8> {
        with_footer(self.payload(store))
    }
}

/// Gives the footer of a payload: its CRC-32C, big endian.
pub fn footer(payload: &[u8]) -> [u8; 4] {
    crc32c::crc32c(payload).to_be_bytes()
}

/// Appends the footer.
pub fn with_footer(mut payload: Vec<u8>) -> Vec<u8> {
    payload.extend(footer(&payload));
    payload
}

/// Gives the payload of the timestamp oracle (Raft group 0): a ceiling, and nothing else.
pub fn clock_oracle(ceiling_ms: u64) -> Vec<u8> {
    ceiling_ms.to_be_bytes().to_vec()
}
