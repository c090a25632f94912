//! The far end's way to the near end, which several threads of it use.

use std::{
    io::{self, BufWriter, Write},
    sync::{Mutex, PoisonError},
};

use super::frame::Frame;

/// The way to the near end; none once it failed.
pub(super) struct Output<W: Write>(Mutex<Option<BufWriter<W>>>);

impl<W: Write> Output<W> {
    pub(super) fn new(output: W) -> Self {
        Self(Mutex::new(Some(BufWriter::with_capacity(1 << 16, output))))
    }

    /// Sends a frame. When that fails the stream is closed, so that the near end does not wait for
    /// what cannot come, and ends our input in turn.
    pub(super) fn send(&self, frame: &Frame) -> io::Result<()> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = output.as_mut() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let sent = frame.write(writer).and_then(|_| writer.flush());
        if sent.is_err() {
            // Not flushed again on the way out: what is in it is no whole frame any more.
            drop(output.take().map(BufWriter::into_parts));
        }
        sent
    }
}
