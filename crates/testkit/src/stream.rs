//! Streams that go wrong at a byte, and streams that pass a few bytes at a time.

use std::{
    io::{self, Read, Write},
    thread,
    time::Duration,
};

use crate::Random;

/// What happens at a byte of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// A bit of it flips.
    Flip,
    /// The stream ends before it: a reader sees the end, a writer a broken pipe.
    Cut,
    /// It comes later by so much.
    Delay(Duration),
}

/// A stream of which one byte is struck: the first for which `strikes` says so, asked for each
/// byte in order.
#[derive(Debug)]
pub struct Spoiled<S, F> {
    inner: S,
    strikes: F,
    fault: StreamFault,
    struck: bool,
    cut: bool,
}

impl<S, F: FnMut(u8) -> bool> Spoiled<S, F> {
    /// Wraps either half of a stream.
    pub const fn new(inner: S, fault: StreamFault, strikes: F) -> Self {
        Self {
            inner,
            strikes,
            fault,
            struck: false,
            cut: false,
        }
    }

    /// What passes of these bytes.
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if self.cut {
                break;
            }
            if self.struck || !(self.strikes)(*byte) {
                passed.push(*byte);
                continue;
            }
            self.struck = true;
            match self.fault {
                StreamFault::Flip => passed.push(*byte ^ 0x04),
                StreamFault::Cut => self.cut = true,
                StreamFault::Delay(time) => {
                    thread::sleep(time);
                    passed.push(*byte);
                }
            }
        }
        passed
    }
}

impl<S: Read, F: FnMut(u8) -> bool> Read for Spoiled<S, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cut {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        let passed = self.pass(&buffer[..read]);
        buffer[..passed.len()].copy_from_slice(&passed);
        Ok(passed.len())
    }
}

impl<S: Write, F: FnMut(u8) -> bool> Write for Spoiled<S, F> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.cut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let passed = self.pass(data);
        self.inner.write_all(&passed)?;
        Ok(if self.cut { passed.len() } else { data.len() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A stream that passes at most seven bytes a call, and of which every third call is interrupted.
#[derive(Debug)]
pub struct Chopped<S> {
    inner: S,
    random: Random,
}

impl<S> Chopped<S> {
    /// Wraps either half of a stream.
    pub const fn new(inner: S, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { inner, random }
    }

    fn part(&mut self, len: usize) -> io::Result<usize> {
        if self.random.chance(33) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = usize::try_from(self.random.below(7)).unwrap_or(0);
        Ok(len.min(1 + most))
    }
}

impl<S: Read> Read for Chopped<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = self.part(buffer.len())?;
        self.inner.read(&mut buffer[..part])
    }
}

impl<S: Write> Write for Chopped<S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let part = self.part(data.len())?;
        self.inner.write(&data[..part])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
