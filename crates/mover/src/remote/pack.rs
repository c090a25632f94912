//! Packs blocks for the wire, as tightly as the wire is slow and the packers are fast.
//!
//! The writer tells how fast the wire takes bytes, the workers how fast each way packs and how
//! much it saves. Of plain, lz4, and zstd at levels 1 and 3, each block goes the way by which most
//! content gets across per second; half of the cores are reckoned with, for the other half scans.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use zstd::bulk::{Compressor, Decompressor};

/// A wire of unknown speed is taken for one on which the quickest way pays, and may prove to be twice
/// as fast with each window: what the buffers on the way swallow says nothing yet, and where little
/// is sent nothing ever blocks. A slow one shows as soon as it does.
const FIRST_WIRE: f64 = 500e6;
/// What the wire's rate is told from: so many bytes, or so long a time of writing.
const WINDOW: (u64, Duration) = (32 << 20, Duration::from_millis(200));
/// How much of the old figure remains when a packer's speed is measured anew.
const INERTIA: f64 = 0.9;
/// Packing has to get so much more across than going plain, and each slower way than the one
/// before.
const GAIN: [f64; 3] = [1.05, 1.01, 1.005];
/// One block in so many goes another way, so that its figures do not grow old.
const TRY: u32 = 64;
/// A sample of the block: four pieces.
const PIECE: usize = 1024;

/// How a block's content is packed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// As it is.
    Plain,
    /// An lz4 block.
    Lz4,
    /// A zstd frame.
    Zstd,
}

impl Codec {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Plain, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|codec| codec.code() == code)
    }
}

/// What a block may be packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Lz4,
    Zstd1,
    Zstd3,
}

const WAYS: [Way; 3] = [Way::Lz4, Way::Zstd1, Way::Zstd3];

/// What is known of a way.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Seconds per byte of content, on one core.
    seconds: f64,
    /// Packed bytes per byte of content.
    ratio: f64,
}

/// The speed of the wire and of the ways, shared by the threads of one end.
#[derive(Debug)]
pub(super) struct Pace {
    /// Cores that may pack.
    cores: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes per second.
    wire: f64,
    bytes: u64,
    busy: Duration,
    costs: [Cost; 3],
    blocks: u32,
}

impl Pace {
    /// Starts with what is usual of the ways on one core of 2026.
    pub(super) fn new(lanes: usize) -> Self {
        let cost = |gib_per_second: f64, ratio| Cost {
            seconds: 1.0 / (gib_per_second * f64::from(1 << 30)),
            ratio,
        };
        let cores = u32::try_from(lanes).map_or(1.0, f64::from) / 2.0;
        Self {
            cores,
            state: Mutex::new(State {
                wire: FIRST_WIRE,
                bytes: 0,
                busy: Duration::ZERO,
                costs: [cost(0.8, 0.72), cost(0.6, 0.66), cost(0.4, 0.65)],
                blocks: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wire took so many bytes in so much time of nothing but writing.
    pub(super) fn wrote(&self, bytes: u64, busy: Duration) {
        let mut state = self.lock();
        state.bytes += bytes;
        state.busy += busy;
        if state.bytes < WINDOW.0 && state.busy < WINDOW.1 {
            return;
        }
        let bytes = u32::try_from(state.bytes).map_or(f64::from(u32::MAX), f64::from);
        let rate = bytes / state.busy.as_secs_f64().max(1e-6);
        state.wire = rate.min(state.wire * 2.0);
        (state.bytes, state.busy) = (0, Duration::ZERO);
    }

    /// The way that gets most across now; none is plain.
    fn choose(&self) -> Option<Way> {
        let mut state = self.lock();
        state.blocks = state.blocks.wrapping_add(1);
        if state.blocks.is_multiple_of(TRY) && state.best(self.cores).is_some() {
            let turn = usize::try_from(state.blocks / TRY).unwrap_or_default();
            return WAYS.get(turn % WAYS.len()).copied();
        }
        state.best(self.cores)
    }

    fn measured(&self, way: Way, from: usize, to: usize, took: Duration) {
        let size = |bytes: usize| u32::try_from(bytes).map_or(f64::from(u32::MAX), f64::from);
        let mut state = self.lock();
        let cost = &mut state.costs[way as usize];
        let mix = |old: f64, new: f64| old * INERTIA + new * (1.0 - INERTIA);
        cost.seconds = mix(cost.seconds, took.as_secs_f64() / size(from).max(1.0));
        cost.ratio = mix(cost.ratio, size(to) / size(from).max(1.0));
    }
}

impl State {
    fn best(&self, cores: f64) -> Option<Way> {
        let (mut best, mut most) = (None, self.wire);
        for ((way, cost), gain) in WAYS.into_iter().zip(self.costs).zip(GAIN) {
            let across = (self.wire / cost.ratio).min(cores / cost.seconds);
            if across > most * gain {
                (best, most) = (Some(way), across);
            }
        }
        best
    }
}

/// One worker's packers.
pub(super) struct Packer<'a> {
    pace: &'a Pace,
    zstd: [Option<Compressor<'static>>; 2],
}

impl<'a> Packer<'a> {
    pub(super) fn new(pace: &'a Pace) -> Self {
        Self {
            pace,
            zstd: [None, None],
        }
    }

    /// A block's content as it is to travel.
    ///
    /// # Errors
    /// When zstd has no memory.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> io::Result<(Codec, Vec<u8>)> {
        let plain = |bytes: &[u8]| (Codec::Plain, bytes.to_vec());
        let Some(way) = self.pace.choose() else {
            return Ok(plain(bytes));
        };
        if looks_random(bytes) {
            return Ok(plain(bytes));
        }
        let begun = worked();
        let (codec, packed) = self.by(way, bytes)?;
        let took = worked().saturating_sub(begun);
        self.pace.measured(way, bytes.len(), packed.len(), took);
        if packed.len() < bytes.len() - bytes.len() / 32 {
            Ok((codec, packed))
        } else {
            Ok(plain(bytes))
        }
    }

    fn by(&mut self, way: Way, bytes: &[u8]) -> io::Result<(Codec, Vec<u8>)> {
        let (slot, level) = match way {
            Way::Lz4 => return Ok((Codec::Lz4, lz4_flex::block::compress(bytes))),
            Way::Zstd1 => (&mut self.zstd[0], 1),
            Way::Zstd3 => (&mut self.zstd[1], 3),
        };
        let zstd = match slot {
            Some(zstd) => zstd,
            None => slot.insert(Compressor::new(level)?),
        };
        Ok((Codec::Zstd, zstd.compress(bytes)?))
    }
}

/// What this thread has worked so far. On a busy machine much more time passes: threads that wait for
/// their turn do not make a way slower than the wire.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

/// Whether a sample of the content cannot be packed: four pieces of it, for a random block is
/// random all over, and one that is not may begin with something that is.
fn looks_random(bytes: &[u8]) -> bool {
    let step = bytes.len() / 4;
    if step < 2 * PIECE {
        return false;
    }
    let pieces: Vec<u8> = bytes
        .chunks_exact(step)
        .flat_map(|part| &part[..PIECE])
        .copied()
        .collect();
    lz4_flex::block::compress(&pieces).len() >= pieces.len() - pieces.len() / 64
}

/// The far end's side of it.
pub(super) struct Unpacker(Option<Decompressor<'static>>);

impl Unpacker {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// The content of a block of `len` bytes, never more; whoever asks compares its length.
    ///
    /// # Errors
    /// When it is no such content.
    pub(super) fn unpack(
        &mut self,
        codec: Codec,
        bytes: Vec<u8>,
        len: usize,
    ) -> io::Result<Vec<u8>> {
        match codec {
            Codec::Plain => Ok(bytes),
            Codec::Lz4 => lz4_flex::block::decompress(&bytes, len)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
            Codec::Zstd => {
                let zstd = match &mut self.0 {
                    Some(zstd) => zstd,
                    None => self.0.insert(Decompressor::new()?),
                };
                zstd.decompress(&bytes, len)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use testkit::Random;

    use super::*;

    /// The way that is taken once the wire was measured.
    fn way(lanes: usize, wire: f64, slower: f64) -> Option<Way> {
        let pace = Pace::new(lanes);
        for cost in &mut pace.lock().costs {
            cost.seconds *= slower;
        }
        for _ in 0..12 {
            pace.wrote(8 << 20, Duration::from_secs_f64(f64::from(8 << 20) / wire));
        }
        pace.choose()
    }

    #[test]
    fn the_way_follows_the_wire_and_the_cores() {
        for (lanes, wire, slower, wanted) in [
            // 100 Mbit/s, 1 Gbit/s, and pipes.
            (2, 12.5e6, 1.0, Some(Way::Zstd3)),
            (2, 125e6, 1.0, Some(Way::Zstd3)),
            (2, 4e9, 1.0, None),
            (8, 12e9, 1.0, None),
            // Slow or busy cores.
            (2, 125e6, 2.5, Some(Way::Zstd1)),
            (2, 125e6, 5.0, Some(Way::Lz4)),
            (2, 125e6, 20.0, None),
            // 10 Gbit/s with many cores.
            (8, 1.25e9, 1.0, Some(Way::Zstd1)),
        ] {
            let way = way(lanes, wire, slower);
            assert_eq!(way, wanted, "{lanes} lanes, {wire} B/s, {slower}");
        }
    }

    #[test]
    fn a_wire_is_slow_until_it_proves_otherwise_and_slow_again_at_once() {
        let pace = Pace::new(2);
        let fast = Duration::from_millis(1);
        pace.wrote(8 << 20, fast);
        assert!(pace.choose().is_some(), "one window proves nothing");
        for _ in 0..8 {
            pace.wrote(8 << 20, fast);
        }
        assert!(pace.choose().is_none());
        pace.wrote(1 << 20, Duration::from_millis(200));
        assert!(pace.choose().is_some());
    }

    fn content(random: u64, seed: u64, len: usize) -> Vec<u8> {
        let mut numbers = Random::new(seed);
        (0..len)
            .map(|_| {
                let number = numbers.next_u64();
                let byte = (number >> 8).to_le_bytes()[0];
                if number % 100 < random {
                    byte
                } else {
                    byte % 4
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_is_the_same_afterwards(
            random in 0..101_u64,
            seed in any::<u64>(),
            len in 1..200_000_usize,
        ) {
            let bytes = content(random, seed, len);
            let pace = Pace::new(2);
            let (mut packer, mut unpacker) = (Packer::new(&pace), Unpacker::new());
            for way in WAYS {
                let (codec, packed) = packer.by(way, &bytes).unwrap();
                prop_assert_eq!(unpacker.unpack(codec, packed.clone(), len).unwrap(), bytes.clone());
                // Nobody gets more memory than the block has.
                let short = unpacker.unpack(codec, packed, len - 1);
                prop_assert!(short.is_err());
            }
            let (codec, packed) = packer.pack(&bytes).unwrap();
            prop_assert!(packed.len() <= len);
            prop_assert_eq!(unpacker.unpack(codec, packed, len).unwrap(), bytes);
        }

        #[test]
        fn what_is_damaged_is_an_error_or_of_no_more_than_its_length(
            mut packed in proptest::collection::vec(any::<u8>(), 0..2000),
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
            len in 0..5000_usize,
        ) {
            let mut unpacker = Unpacker::new();
            for codec in [Codec::Lz4, Codec::Zstd] {
                if let Ok(bytes) = unpacker.unpack(codec, packed.clone(), len) {
                    prop_assert!(bytes.len() <= len);
                }
            }
            packed = zstd::bulk::compress(&packed, 1).unwrap();
            let at = at.index(packed.len());
            packed[at] ^= flip;
            if let Ok(bytes) = unpacker.unpack(Codec::Zstd, packed, len) {
                prop_assert!(bytes.len() <= len);
            }
        }
    }

    #[test]
    fn random_content_is_given_up_and_text_is_not() {
        assert!(looks_random(&content(100, 1, 65_536)));
        assert!(!looks_random(&content(0, 1, 65_536)));
        // Random in its first quarter only.
        let mut mixed = content(0, 2, 65_536);
        mixed[..16_384].copy_from_slice(&content(100, 3, 16_384));
        assert!(!looks_random(&mixed));
    }
}
