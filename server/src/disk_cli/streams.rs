//! A child's pipes that a wait can be ended on: whoever waits for the child to speak or to listen
//! is woken when the operator cancels, whatever the child and its own children do.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{ChildStdin, ChildStdout},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    pipe::pipe,
};

/// Wakes every stream that was made with it.
#[derive(Debug)]
pub(super) struct Bell {
    /// Closed by nobody: while it is open, nothing is to be read at the other end.
    rope: OwnedFd,
    heard: Arc<OwnedFd>,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let (heard, rope) = pipe()?;
        let heard = Arc::new(heard);
        Ok(Self { rope, heard })
    }

    /// Ends the waits of every stream, and all to come.
    pub(super) fn ring(&self) {
        // It is never read, so it stays rung; there is room for one byte.
        let _rung_before = rustix::io::write(&self.rope, &[0]);
    }

    /// A pipe that does not keep anybody waiting once the bell rings.
    pub(super) fn wrap<T: AsFd>(&self, pipe: T) -> io::Result<Woken<T>> {
        // The other end is a description of its own, and is not changed.
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Woken {
            pipe,
            heard: Arc::clone(&self.heard),
        })
    }
}

/// One of the pipes.
#[derive(Debug)]
pub(super) struct Woken<T> {
    pipe: T,
    heard: Arc<OwnedFd>,
}

impl<T: AsFd> Woken<T> {
    /// Does what would block as soon as it does not.
    fn when_ready<R>(
        &mut self,
        wanted: PollFlags,
        mut act: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match act(&mut self.pipe) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            let mut both = [
                PollFd::new(&self.pipe, wanted),
                PollFd::new(&self.heard, PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Err(rustix::io::Errno::INTR) => continue,
                done => done?,
            };
            if !both[1].revents().is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "cancelled",
                ));
            }
        }
    }
}

impl Read for Woken<ChildStdout> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::IN, |pipe| pipe.read(buffer))
    }
}

impl Write for Woken<ChildStdin> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::OUT, |pipe| pipe.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
