//! Redis strings, each with the ten rows of its `SET`.

use std::io::{self, Write};

use super::sink::Sink;
use super::{START_MS, commit_ts};
use crate::random::Random;
use crate::rows::redis::{FENCES, narrow, string_body, wide};

/// Which strings have an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    /// None.
    None,
    /// Every other one.
    Half,
}

/// A snapshot of Redis strings.
#[derive(Clone, Debug)]
pub struct Strings {
    /// How many.
    pub count: u64,
    /// The length of each value.
    pub value_bytes: usize,
    /// Which of them expire.
    pub expiring: Expiring,
    /// Where the values come from.
    pub seed: u64,
}

impl Strings {
    /// Gives the n-th key; keys are in ascending order and of one length.
    pub fn key(&self, number: u64) -> String {
        format!("session:{number:010}")
    }

    /// Gives the n-th value.
    pub fn value(&self, number: u64) -> Vec<u8> {
        Random::new(self.seed ^ number.rotate_left(32)).bytes(self.value_bytes)
    }

    /// Gives the n-th expiry in Unix milliseconds: some day of the year after the snapshot.
    pub fn expire_at_ms(&self, number: u64) -> Option<u64> {
        let expires = self.expiring == Expiring::Half && number % 2 == 1;
        let day = Random::new(number).below(365) + 1;
        expires.then_some(START_MS + day * 86_400_000 + number % 86_400_000)
    }

    pub(super) fn write(&self, sink: &mut Sink<impl Write>) -> io::Result<()> {
        self.tombstones(sink, |key| wide("!hs|meta|", key))?;
        self.tombstones(sink, |key| narrow("!lst|meta|", key))?;
        self.each(|number, key| {
            let body = string_body(&self.value(number), self.expire_at_ms(number));
            sink.live(&narrow("!redis|str|", key), commit_ts(number), &body)
        })?;
        self.each(|number, key| {
            let key = narrow("!redis|ttl|", key);
            match self.expire_at_ms(number) {
                Some(ms) => sink.live(&key, commit_ts(number), &ms.to_be_bytes()),
                None => sink.tombstone(&key, commit_ts(number)),
            }
        })?;
        for fence in FENCES {
            self.each(|number, key| sink.live(&narrow(fence, key), commit_ts(number), &[]))?;
        }
        self.tombstones(sink, |key| wide("!st|meta|", key))?;
        self.tombstones(sink, |key| wide("!zs|meta|", key))
    }

    fn tombstones(
        &self,
        sink: &mut Sink<impl Write>,
        row_key: impl Fn(&[u8]) -> Vec<u8>,
    ) -> io::Result<()> {
        self.each(|number, key| sink.tombstone(&row_key(key), commit_ts(number)))
    }

    fn each(&self, mut write: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        (0..self.count).try_for_each(|number| write(number, self.key(number).as_bytes()))
    }
}
