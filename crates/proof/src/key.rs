//! Public keys, their fingerprints, and their PEM form, which other tools read too.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::DigestHex;
use ring::digest::{SHA256, digest};

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// An Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub DigestHex);

/// SHA-256 of a public key's 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub DigestHex);

/// What a checker trusts beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// A key.
    Key(PublicKey),
    /// The key with this fingerprint.
    Fingerprint(Fingerprint),
}

/// A text that is neither a key nor a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Not the PEM form of an Ed25519 public key.
    #[error("not an Ed25519 public key in PEM form")]
    Pem,
    /// Not a fingerprint.
    #[error("not a fingerprint: 64 hexadecimal digits, with or without `SHA256:` before them")]
    Fingerprint,
}

impl PublicKey {
    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let sum = digest(&SHA256, &self.0.0);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(sum.as_ref());
        Fingerprint(model::Hex(bytes))
    }

    /// The key as a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let mut der = SPKI.to_vec();
        der.extend(self.0.0);
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der))
    }

    /// The key in a PEM file.
    ///
    /// # Errors
    /// [`NotAKey::Pem`].
    pub fn from_pem(text: &str) -> Result<Self, NotAKey> {
        let key = || {
            let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(body).ok()?;
            let key = der.strip_prefix(&SPKI)?;
            Some(Self(model::Hex(key.try_into().ok()?)))
        };
        key().ok_or(NotAKey::Pem)
    }
}

impl Trusted {
    /// Whether a key is the one that is trusted.
    #[must_use]
    pub fn accepts(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(trusted) => trusted == key,
            Self::Fingerprint(trusted) => *trusted == key.fingerprint(),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let digits = text.trim();
        let digits = digits.strip_prefix("SHA256:").unwrap_or(digits);
        // People copy from anywhere.
        let hex = digits.to_ascii_lowercase().parse();
        hex.map(Self).map_err(|_| NotAKey::Fingerprint)
    }
}
