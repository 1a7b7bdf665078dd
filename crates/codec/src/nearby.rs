//! Reading small bodies that lie close behind each other, several with one call to the system.

use super::error::Error;
use super::row::{Seen, ValueRef};
use super::sources::Sources;

/// Larger bodies are read on their own.
const SMALL_BYTES: usize = 8 << 10;

/// Read at once where bodies follow each other. Threads take turns, so that more would often be read for another one.
const WINDOW_BYTES: usize = 32 << 10;

/// A body that begins so close behind the one before it is taken for the next of many.
const STEP_BYTES: u64 = 16 << 10;

/// A stretch of an input, for one thread.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    source: u32,
    start: u64,
    bytes: Vec<u8>,
}

impl Nearby {
    /// Gives a body, if it is small and the survey has read all of it. Its checksum is that of the survey.
    ///
    /// # Errors
    ///
    /// A failed read, or bytes that differ from what was read before.
    pub(crate) fn body(
        &mut self,
        sources: &Sources<'_>,
        value: &ValueRef,
    ) -> Result<Option<&[u8]>, Error> {
        let (Ok(length), Seen::Whole(seen)) = (usize::try_from(value.length), value.seen) else {
            return Ok(None);
        };
        if length > SMALL_BYTES {
            return Ok(None);
        }
        if self.find(value, length).is_none() {
            self.read(sources, value, length)?;
        }
        match self.find(value, length) {
            Some(body) if crc32c::crc32c(body) == seen => Ok(Some(body)),
            _ => Err(sources.changed(value.source)),
        }
    }

    fn find(&self, value: &ValueRef, length: usize) -> Option<&[u8]> {
        let skip = usize::try_from(value.offset.checked_sub(self.start)?).ok()?;
        let is_here = self.source == value.source;
        let body = self.bytes.get(skip..skip.checked_add(length)?)?;
        is_here.then_some(body)
    }

    /// Reads a window where bodies follow each other, and otherwise no more than is needed.
    fn read(
        &mut self,
        sources: &Sources<'_>,
        value: &ValueRef,
        length: usize,
    ) -> Result<(), Error> {
        let end = self.start + self.bytes.len() as u64;
        let follows = self.source == value.source
            && value.offset >= self.start
            && value.offset < end.saturating_add(STEP_BYTES);
        let wanted = match follows {
            true => WINDOW_BYTES,
            false => length,
        };
        self.source = value.source;
        self.start = value.offset;
        self.bytes.resize(wanted, 0);
        let read = sources.read_up_to(value.source, value.offset, &mut self.bytes)?;
        self.bytes.truncate(read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use snapshot::{Layers, Store};

    const LAYERS: Layers = Layers {
        fsm: None,
        store: Store::Native,
        last_commit_ts: 0,
        entries_offset: 0,
    };

    fn value(offset: u64, content: &[u8]) -> ValueRef {
        ValueRef {
            source: 0,
            offset,
            length: content.len() as u64,
            seen: Seen::Whole(crc32c::crc32c(content)),
        }
    }

    #[test]
    fn bodies_are_those_of_the_input_in_whatever_order_they_are_asked_for() {
        let data: Vec<u8> = (0..200_000u32).map(|n| (n * 7 % 251) as u8).collect();
        let input = Input::memory("input", data.clone());
        let sources = Sources::new(vec![(&input, LAYERS)]);
        let mut nearby = Nearby::default();
        let places = [
            (0, 10),
            (10, 1000),
            (1500, 8 << 10),
            (33_000, 20),
            (32_000, 900),
            (199_990, 10),
            (199_000, 1000),
            (5, 0),
            (200_000, 0),
        ];
        for (offset, length) in places {
            let content = &data[offset..offset + length];
            let body = nearby
                .body(&sources, &value(offset as u64, content))
                .unwrap();
            assert_eq!(body, Some(content), "{offset} {length}");
        }
    }

    #[test]
    fn what_the_survey_saw_otherwise_is_refused() {
        let input = Input::memory("input", vec![1; 100]);
        let sources = Sources::new(vec![(&input, LAYERS)]);
        let mut nearby = Nearby::default();
        let other = value(0, &[2; 50]);
        assert!(matches!(
            nearby.body(&sources, &other),
            Err(Error::Changed { .. })
        ));
        let beyond = value(90, &[1; 20]);
        assert!(matches!(
            nearby.body(&sources, &beyond),
            Err(Error::Changed { .. })
        ));
    }

    #[test]
    fn large_bodies_and_those_read_in_part_are_left_to_others() {
        let input = Input::memory("input", vec![1; 100_000]);
        let sources = Sources::new(vec![(&input, LAYERS)]);
        let large = value(0, &[1; SMALL_BYTES + 1]);
        let part = ValueRef {
            seen: Seen::Head(1),
            ..value(0, &[1; 10])
        };
        for value in [large, part] {
            assert_eq!(Nearby::default().body(&sources, &value).unwrap(), None);
        }
    }
}
