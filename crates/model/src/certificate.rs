//! The certificate of a failback as it is written, stored and shown. Made and checked by `proof`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{ByteCount, Destination, DiskKey, EpochId, PointName, SessionId, Timestamp, VmRef};

/// What a certificate's `format` is.
pub const CERTIFICATE_FORMAT: &str = "landfall certificate 1";

/// What a certificate's `instant` is: what was so when it was made.
pub const CERTIFIED_INSTANT: &str = "verified, production still off";

/// Bytes written as lower-case hexadecimal digits: a digest, a key, a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// The root of a disk's digest tree, or a node of it.
pub type DigestHex = Hex<32>;

/// A text that is not as many hexadecimal digits as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHex {
    /// Digits that were expected.
    pub digits: usize,
}

/// That the disks of a production VM held, at one instant, what the replica's disks held at a
/// frozen point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`CERTIFICATE_FORMAT`].
    pub format: String,
    /// What made it, with its version.
    pub software: String,
    /// The session.
    pub session: SessionId,
    /// Its pass: each names its own frozen point.
    pub pass: u32,
    /// Where the replica returned to.
    pub destination: Destination,
    /// Name of the replica VM.
    pub replica: String,
    /// The replica VM.
    pub replica_vm: VmRef,
    /// The point of the replica that production equals: taken after its guest had shut down.
    pub point: PointName,
    /// The epoch that this point opened.
    pub epoch: EpochId,
    /// Everything written before this epoch had been proved by earlier passes; none when the last
    /// pass looked at the whole disks.
    pub carried_since: Option<EpochId>,
    /// Name of the production VM.
    pub production: String,
    /// The production VM.
    pub production_vm: VmRef,
    /// When the session began; microseconds since 1970, UTC.
    pub started_at: Timestamp,
    /// The instant for which all this holds; microseconds since 1970, UTC.
    pub verified_at: Timestamp,
    /// [`CERTIFIED_INSTANT`].
    pub instant: String,
    /// Bytes of a block, which is a leaf of the digest trees.
    pub block_size: ByteCount,
    /// Each pair of disks.
    pub disks: Vec<CertifiedDisk>,
}

/// A pair of disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedDisk {
    /// Its name.
    pub name: String,
    /// Its key at the replica.
    pub replica_key: DiskKey,
    /// Its key at production.
    pub production_key: DiskKey,
    /// Virtual size of both.
    pub size: ByteCount,
    /// The root over the replica's disk.
    pub replica_root: DigestHex,
    /// The root over production's disk.
    pub production_root: DigestHex,
    /// Production's nodes just below the top of the tree, which tell where another disk differs.
    pub regions: Vec<DigestHex>,
    /// Blocks.
    pub leaves: u64,
    /// Of those, proved before the last pass and not written since: carried over by epoch.
    pub carried: u64,
    /// Of those, proved by the last pass, while nothing ran.
    pub proved_last: u64,
}

/// A certificate with its signature, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCertificate {
    /// What is signed: this object as canonical JSON.
    pub certificate: Certificate,
    /// Who signed it.
    pub signer: Signer,
    /// The Ed25519 signature.
    pub signature: Hex<64>,
}

/// Who signed a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// `Ed25519`.
    pub algorithm: String,
    /// SHA-256 of the public key.
    pub fingerprint: DigestHex,
    /// The public key.
    pub public_key: DigestHex,
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({self})")
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let wrong = NotHex { digits: 2 * N };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != N || !rest.is_empty() {
            return Err(wrong);
        }
        let mut bytes = [0; N];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).ok_or(wrong)? << 4 | digit(*low).ok_or(wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// Only one spelling is read, so that what is read is written as it was.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for NotHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {} lower-case hexadecimal digits", self.digits)
    }
}

impl std::error::Error for NotHex {}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_one_spelling_only() {
        let bytes: Hex<2> = "0aff".parse().unwrap();
        assert_eq!(bytes, Hex([0x0a, 0xff]));
        assert_eq!(bytes.to_string(), "0aff");
        for wrong in ["", "0af", "0afF", "0aff0", "0aff00", "0agg", " 0af"] {
            assert_eq!(wrong.parse::<Hex<2>>(), Err(NotHex { digits: 4 }));
        }
    }
}
