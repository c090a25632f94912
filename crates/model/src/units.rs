//! Units: bytes, block numbers, ranges, rates and instants.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or the greatest count there is.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, never below nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for ByteCount {
    /// Saturates.
    fn add_assign(&mut self, other: Self) {
        *self = self.saturating_add(other);
    }
}

impl std::iter::Sum for ByteCount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::saturating_add)
    }
}

/// Shown in binary units with at most three significant digits: `1.5 GiB`, `64 KiB`, `0 B`.
impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // Hundredths of a unit as an integer: exact, and equal on every machine.
        let mut unit = 0;
        let mut scale: u128 = 1;
        while u128::from(self.0) / scale >= 1024 && unit + 1 < UNITS.len() {
            scale *= 1024;
            unit += 1;
        }
        let hundredths = (u128::from(self.0) * 100 + scale / 2) / scale;
        if hundredths >= 102_400 && unit + 1 < UNITS.len() {
            return write!(f, "1 {}", UNITS[unit + 1]);
        }
        let (decimals, value) = match hundredths {
            0..1_000 => (2, hundredths),
            1_000..10_000 => (1, (hundredths + 5) / 10),
            _ => (0, (hundredths + 50) / 100),
        };
        let power = 10_u128.pow(decimals);
        let (whole, part) = (value / power, value % power);
        if part == 0 {
            write!(f, "{whole} {}", UNITS[unit])
        } else {
            let width = decimals as usize;
            let digits = format!("{part:0width$}");
            write!(
                f,
                "{whole}.{} {}",
                digits.trim_end_matches('0'),
                UNITS[unit]
            )
        }
    }
}

/// A rate in bytes per second.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BytesPerSecond(pub u64);

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteCount(self.0))
    }
}

/// A length of time in whole seconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seconds(pub u64);

/// Shown in at most two units: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let seconds = self.0;
        let (big, unit, small, small_unit) = if seconds < MINUTE {
            return write!(f, "{seconds} s");
        } else if seconds < HOUR {
            (seconds / MINUTE, "min", seconds % MINUTE, "s")
        } else if seconds < DAY {
            (seconds / HOUR, "h", seconds % HOUR / MINUTE, "min")
        } else {
            (seconds / DAY, "d", seconds % DAY / HOUR, "h")
        };
        write!(f, "{big} {unit}")?;
        if small > 0 {
            write!(f, " {small} {small_unit}")?;
        }
        Ok(())
    }
}

/// The number of a block on a disk, counted from 0 in units of the block size in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockIndex(pub u64);

/// A range of bytes on a disk: `start..start + len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub len: u64,
}

impl ByteRange {
    /// A range from its first byte and its length.
    #[must_use]
    pub const fn new(start: u64, len: u64) -> Self {
        Self { start, len }
    }

    /// One past the last byte.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {}", self.start, self.end())
    }
}

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved by whole seconds (negative: earlier).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to this instant, never negative.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> u64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros <= 0 {
            0
        } else {
            micros.unsigned_abs() / 1_000_000
        }
    }

    /// The instant as `2026-11-23 04:05:06 UTC`, the same on every machine and in every browser.
    #[must_use]
    pub fn utc_text(self) -> String {
        let seconds = self.0.div_euclid(1_000_000);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// Days since 1970-01-01 to a date of the proleptic Gregorian calendar, after Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms" (`civil_from_days`).
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_read_in_binary_units_with_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (65_536, "64 KiB"),
            (1_536 * 1024, "1.5 MiB"),
            (2_147_483_648, "2 GiB"),
            (1_340_000_000, "1.25 GiB"),
            (1_048_575, "1 MiB"),
            (123_456_789, "118 MiB"),
        ] {
            assert_eq!(ByteCount(bytes).to_string(), text);
        }
    }

    #[test]
    fn instants_read_as_utc() {
        assert_eq!(Timestamp(0).utc_text(), "1970-01-01 00:00:00 UTC");
        assert_eq!(
            Timestamp(951_782_400_000_000).utc_text(),
            "2000-02-29 00:00:00 UTC"
        );
        assert_eq!(Timestamp(-1).utc_text(), "1969-12-31 23:59:59 UTC");
    }
}
