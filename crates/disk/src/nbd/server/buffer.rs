//! The memory of one request: its payload on a page, and room for a header right before it.

/// The kernel copies to a page several times faster than to any other address.
const PAGE: usize = 4096;
/// The longest header of a reply with data.
const HEAD: usize = 64;
/// A worker keeps no more than this between requests.
const KEPT: usize = 1 << 20;

/// A payload with room before it, so that a reply goes out in one piece and is copied nowhere.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    from: usize,
    len: usize,
}

impl Buffer {
    /// The payload, `len` bytes of it; what they hold is whatever they held.
    pub(super) fn payload(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() < len + 2 * PAGE {
            self.memory = vec![0; len + 2 * PAGE];
            let aligned = self.memory.as_ptr().align_offset(PAGE).min(PAGE);
            self.from = if aligned < HEAD {
                aligned + PAGE
            } else {
                aligned
            };
        }
        self.len = len;
        &mut self.memory[self.from..self.from + len]
    }

    /// The payload with a header before it.
    pub(super) fn framed(&mut self, head: &[u8]) -> &[u8] {
        let start = self.from - head.len();
        self.memory[start..self.from].copy_from_slice(head);
        &self.memory[start..self.from + self.len]
    }

    /// Gives back memory that few requests need.
    pub(super) fn shrink(&mut self) {
        if self.memory.len() > KEPT + 2 * PAGE {
            self.memory = Vec::new();
        }
    }
}
