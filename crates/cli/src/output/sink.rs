//! A stream whose reader may go away.

use std::io::{self, BufWriter, ErrorKind, Write};

/// A buffered stream that swallows everything once its reader has closed the pipe.
///
/// `println!` would panic there. Any other error is kept and told at the next [`Sink::flush`], so that the places
/// that write need not think about it.
pub(crate) struct Sink {
    stream: BufWriter<Box<dyn Write + Send>>,
    state: State,
}

enum State {
    Open,
    Closed,
    Failed(io::Error),
}

impl Sink {
    pub(crate) fn new(stream: Box<dyn Write + Send>) -> Self {
        Self {
            stream: BufWriter::new(stream),
            state: State::Open,
        }
    }

    /// Writes bytes, or does nothing if the stream is gone.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Open) {
            let written = self.stream.write_all(bytes);
            self.note(written);
        }
    }

    /// Hands everything on. A closed pipe is no error; any other error is told once.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.hand_on();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open => {
                self.state = State::Open;
                Ok(())
            }
            State::Closed => Ok(()),
            State::Failed(error) => Err(error),
        }
    }

    /// Hands on what there is. What stands against it is told by the next [`Sink::flush`].
    pub(crate) fn hand_on(&mut self) {
        if matches!(self.state, State::Open) {
            let flushed = self.stream.flush();
            self.note(flushed);
        }
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.state = State::Closed,
            Err(error) => self.state = State::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let mut sink = Sink::new(Box::new(Refusing(ErrorKind::BrokenPipe)));
        sink.write(b"lost");
        assert!(sink.flush().is_ok());
        sink.write(b"lost as well");
        assert!(sink.flush().is_ok());
    }

    #[test]
    fn a_full_disk_is_told_once() {
        let mut sink = Sink::new(Box::new(Refusing(ErrorKind::StorageFull)));
        sink.write(b"lost");
        assert_eq!(sink.flush().unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(sink.flush().is_ok());
    }
}
