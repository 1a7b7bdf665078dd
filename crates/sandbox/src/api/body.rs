//! Bodies of answers: whole, or a stream that the connection pulls from.

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use crate::hook::CutAfter;

/// Body of an answer. An error in it ends the connection without a proper end of the body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Makes a body of bytes that are all there.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Makes a body of chunks that are still to come, sent chunked.
pub fn stream(chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Body {
    use futures_util::StreamExt as _;
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

/// Ends a body with an error in its middle, which ends the connection.
#[must_use]
pub fn cut(body: Body, after: CutAfter) -> Body {
    use futures_util::StreamExt as _;
    let frames = futures_util::stream::unfold((body, after), |(mut body, mut after)| async move {
        if after.bytes == 0 {
            // An error drops what still waits to be written; while the body waits, hyper writes it.
            tokio::task::yield_now().await;
            after.struck.count();
            let gone = std::io::ErrorKind::ConnectionAborted.into();
            return Some((Err(gone), (body, after)));
        }
        let mut data = match body.frame().await? {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Some((Err(error), (body, after))),
        };
        let kept = usize::try_from(after.bytes)
            .unwrap_or(usize::MAX)
            .min(data.len());
        data.truncate(kept);
        after.bytes -= kept as u64;
        Some((Ok(data), (body, after)))
    });
    stream(frames.boxed())
}
