//! Buffers that begin on a page: the kernel copies into them several times faster than into any
//! other address, and direct I/O asks for it.

use std::ops::{Deref, DerefMut};

const PAGE: usize = 4096;

/// Bytes that begin on a page. Grows as asked and never shrinks its memory.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    from: usize,
    len: usize,
}

impl Buffer {
    /// Makes it `len` bytes long; what they hold is whatever they held.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.memory.len() < len + PAGE {
            self.memory = vec![0; len + PAGE];
            self.from = self.memory.as_ptr().align_offset(PAGE).min(PAGE);
        }
        self.len = len;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.from..self.from + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.from..self.from + self.len]
    }
}
