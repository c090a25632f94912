//! Reproducible content: numbers from a seed, and files made of them.

/// Sebastiano Vigna's splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator that starts at `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `low..high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % high.saturating_sub(low).max(1)
    }

    /// `len` bytes that do not compress.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        for chunk in data.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        data
    }
}

/// `len` bytes of log lines.
pub(crate) fn text_like(random: &mut Random, len: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = [
        "order",
        "accepted",
        "customer",
        "queue",
        "retry",
        "committed",
        "session",
        "cache",
    ];
    let mut data = Vec::with_capacity(len + 128);
    while data.len() < len {
        let number = random.next();
        let word = |shift: u32| WORDS[usize::try_from(number >> shift & 7).unwrap_or_default()];
        let (one, two, three) = (word(0), word(3), word(6));
        data.extend_from_slice(format!("{number:016x} {one} {two} {three} ").as_bytes());
        data.extend_from_slice(&[b'.'; 16]);
        data.push(b'\n');
    }
    data.truncate(len);
    data
}
