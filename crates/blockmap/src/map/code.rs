//! A map as bytes. Whoever keeps them adds a check of their own: here is only refused what makes no
//! map.

use model::{ByteCount, MapState};

use super::{DiskMap, Mix, RUNS, Run, Runs};

const FORMAT: u8 = 1;
/// In place of a state: bytes in several states follow.
const SEVERAL: u8 = 0x80;

impl DiskMap {
    /// The map as bytes: some two per run.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put(&mut bytes, self.size);
        put(&mut bytes, self.grain);
        let mut ends = self.runs.keys().skip(1).chain([&self.size]);
        for (start, run) in &self.runs {
            put(&mut bytes, ends.next().unwrap_or(&self.size) - start);
            match run {
                Run::One(state) => bytes.push(code(*state)),
                Run::Several(mix) => {
                    bytes.push(SEVERAL);
                    for state in MapState::ALL {
                        put(&mut bytes, mix.of(state).0);
                    }
                }
            }
        }
        bytes
    }

    /// The map that [`DiskMap::to_bytes`] made these of; none if it made none of them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (format, mut rest) = bytes.split_first()?;
        let (size, grain) = (take(&mut rest)?, take(&mut rest)?);
        if *format != FORMAT || !grain.is_power_of_two() {
            return None;
        }
        let mut map = Self {
            totals: Mix::default(),
            grain,
            ..Self::new(ByteCount(size))
        };
        let mut runs = Runs::default();
        let mut at = 0_u64;
        while !rest.is_empty() {
            let len = take(&mut rest)?;
            let end = at.checked_add(len).filter(|end| *end <= size)?;
            let whole = end == size || end.is_multiple_of(grain);
            if len == 0 || !whole || runs.0.len() >= RUNS {
                return None;
            }
            let (first, more) = rest.split_first()?;
            rest = more;
            if *first == SEVERAL {
                let mix = mix(&mut rest)?;
                if len > grain || mix.only().is_some() || mix.total().0 != len {
                    return None;
                }
                map.totals.add_all(mix);
                runs.push(at, Run::of(mix));
            } else {
                let state = MapState::ALL.into_iter().find(|it| code(*it) == *first)?;
                map.totals.add(state, len);
                runs.push(at, Run::One(state));
            }
            at = end;
        }
        map.runs = runs.0.into_iter().collect();
        (at == size).then_some(map)
    }
}

fn mix(rest: &mut &[u8]) -> Option<Mix> {
    let (mut mix, mut total) = (Mix::default(), 0_u64);
    for state in MapState::ALL {
        let bytes = take(rest)?;
        total = total.checked_add(bytes)?;
        mix.add(state, bytes);
    }
    Some(mix)
}

/// States keep their codes, whatever their order becomes.
const fn code(state: MapState) -> u8 {
    match state {
        MapState::Unread => 0,
        MapState::Outside => 1,
        MapState::Hole => 2,
        MapState::Equal => 3,
        MapState::Different => 4,
        MapState::Sent => 5,
        MapState::Verified => 6,
        MapState::Unreadable => 7,
    }
}

/// A number in as few bytes as it takes: seven bits in each, the highest bit where more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, more) = rest.split_first()?;
        *rest = more;
        let low = u64::from(byte & 0x7f);
        if low << shift >> shift != low {
            return None;
        }
        number |= low << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
