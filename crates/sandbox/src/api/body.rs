//! Bodies of answers: whole, or a stream that the connection pulls from.

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

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

/// Ends a body with an error once `bytes` of it were sent, which ends the connection.
#[must_use]
pub fn cut(body: Body, bytes: u64) -> Body {
    use futures_util::StreamExt as _;
    let frames = futures_util::stream::unfold((body, bytes), |(mut body, left)| async move {
        if left == 0 {
            return Some((
                Err(std::io::ErrorKind::ConnectionAborted.into()),
                (body, left),
            ));
        }
        let mut data = match body.frame().await? {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Some((Err(error), (body, 0))),
        };
        let kept = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
        data.truncate(kept);
        Some((Ok(data), (body, left - kept as u64)))
    });
    stream(frames.boxed())
}
