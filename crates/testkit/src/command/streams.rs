//! Streams as a shell would not usually make them: terminals, pipes that nobody reads, pipes that are full.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Write};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};

/// A program that inherited the controlling end would keep its own terminal open.
#[cfg(target_os = "linux")]
const FLAGS: OpenptFlags = OpenptFlags::RDWR
    .union(OpenptFlags::NOCTTY)
    .union(OpenptFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FLAGS: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY);

/// Gives both ends of a new terminal; the second is what a program takes for one.
///
/// # Panics
/// When the system has no terminals to give.
pub fn terminal() -> (File, File) {
    let controller = openpt(FLAGS).expect("a terminal can be made");
    unlockpt(&controller).expect("a new terminal can be unlocked");
    let name = ptsname(&controller, Vec::new()).expect("a terminal has a name");
    let name = name.into_string().expect("the name is text");
    let user = File::options().read(true).write(true).open(name);
    (
        File::from(controller),
        user.expect("a new terminal can be opened"),
    )
}

/// Gives a pipe whose reader has gone away.
///
/// # Panics
/// When the system gives no pipe.
pub fn closed_pipe() -> PipeWriter {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer
}

/// Gives a pipe that takes nothing more: whoever writes to it waits until the reader is read or dropped.
///
/// # Panics
/// When the system gives no pipe.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("a pipe has flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("a pipe need not block");
    // Single bytes at the end, because a pipe refuses a write of a page that would not fit as a whole.
    for piece in [4096, 1] {
        while write(&mut writer, &vec![b'x'; piece]) {}
    }
    // The flag belongs to the pipe, not to the handle; the program is to find an ordinary one.
    fcntl_setfl(&writer, flags).expect("a pipe can block");
    (reader, writer)
}

fn write(writer: &mut PipeWriter, piece: &[u8]) -> bool {
    match writer.write(piece) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("the pipe does not fill: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::IsTerminal;

    use super::*;

    #[test]
    fn a_terminal_is_one() {
        let (_controller, user) = terminal();
        assert!(user.is_terminal());
    }

    #[test]
    fn a_full_pipe_blocks_until_its_reader_goes() {
        let (reader, mut writer) = full_pipe();
        let blocked = std::thread::spawn(move || writer.write_all(b"more"));
        assert!(!blocked.is_finished());
        drop(reader);
        let error = blocked.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
