use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, escaped};
use crate::event::{Event, Observer};
use crate::options::OnBad;

/// How many things of an adapter were left out, and where the report lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOutCount {
    /// Keys and objects, by adapter.
    pub by_adapter: BTreeMap<&'static str, u64>,
}

/// Collects what a partial run leaves out: an event each, and a line in the report.
///
/// Lines are sorted, so that the report does not depend on the order of threads.
pub(crate) struct LeftOut {
    on_bad: OnBad,
    inner: Mutex<Inner>,
}

struct Inner {
    count: LeftOutCount,
    lines: spill::Sorter,
}

impl LeftOut {
    pub(crate) fn new(on_bad: OnBad, lines: spill::Sorter) -> Self {
        LeftOut {
            on_bad,
            inner: Mutex::new(Inner {
                count: LeftOutCount::default(),
                lines,
            }),
        }
    }

    /// Leaves one key or object out because of `error`, or hands the error back if the run is not a partial one.
    ///
    /// Only errors of the input can be left out; a full disk or an interruption always ends the run.
    pub(crate) fn add(
        &self,
        observer: &dyn Observer,
        adapter: &'static str,
        container: &[u8],
        key: &[u8],
        error: Error,
    ) -> Result<(), Error> {
        let Some(id) = error
            .left_out_id()
            .filter(|_| self.on_bad == OnBad::LeaveOut)
        else {
            return Err(error);
        };
        let reason = error.to_string();
        let mut line = Vec::new();
        write_line(&mut line, adapter, container, key, id, &reason);
        let sort_key = [adapter.as_bytes(), b"\0", container, b"\0", key].concat();
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            *inner.count.by_adapter.entry(adapter).or_default() += 1;
            inner.lines.push(&sort_key, &line)?;
        }
        observer.event(Event::LeftOut {
            adapter,
            container: escaped(container),
            key: escaped(key),
            id,
            reason,
        });
        Ok(())
    }

    /// Returns the counts and the report's lines in order.
    pub(crate) fn finish(self) -> Result<(LeftOutCount, spill::Sorted), Error> {
        let inner = self
            .inner
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok((inner.count, inner.lines.finish()?))
    }
}

fn write_line(
    out: &mut Vec<u8>,
    adapter: &str,
    container: &[u8],
    key: &[u8],
    id: &str,
    reason: &str,
) {
    let base64 = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let mut object = serde_json::Map::new();
    object.insert("adapter".into(), adapter.into());
    object.insert(
        "container".into(),
        String::from_utf8_lossy(container).into(),
    );
    object.insert("key".into(), String::from_utf8_lossy(key).into());
    object.insert("key_b64".into(), base64(key).into());
    object.insert("id".into(), id.into());
    object.insert("reason".into(), reason.into());
    out.extend_from_slice(serde_json::Value::from(object).to_string().as_bytes());
    out.push(b'\n');
}
