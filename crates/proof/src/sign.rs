//! Signing.

use std::fmt;

use model::{Certificate, Hex, SignedCertificate, Signer};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use zeroize::Zeroizing;

use crate::{PublicKey, canonical};

/// What the signer calls its algorithm.
pub(crate) const ALGORITHM: &str = "Ed25519";

/// A key that can sign. Its secret is never shown.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
}

/// A certificate or a key that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The system gave no random bytes.
    #[error("get random bytes from the system")]
    Random,
    /// The secret is no key.
    #[error("take the secret as an Ed25519 key")]
    Seed,
    /// The certificate cannot be spelled.
    #[error("spell the certificate")]
    Spell(#[from] serde_json::Error),
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SignError::Random`].
    pub fn generate() -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed)?;
        Self::from_seed(seed)
    }

    /// The key of a secret.
    ///
    /// # Errors
    /// [`SignError::Seed`].
    pub(crate) fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed);
        let pair = pair.map_err(|_| SignError::Seed)?;
        Ok(Self { pair, seed })
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(Hex(bytes))
    }
}

/// Signs a certificate; the text of its file.
///
/// # Errors
/// [`SignError::Spell`].
pub fn sign(certificate: Certificate, key: &SigningKey) -> Result<String, SignError> {
    let signed = canonical(&certificate)?;
    let mut signature = [0; 64];
    signature.copy_from_slice(key.pair.sign(signed.as_bytes()).as_ref());
    let public = key.public();
    let whole = SignedCertificate {
        certificate,
        signer: Signer {
            algorithm: ALGORITHM.to_owned(),
            fingerprint: public.fingerprint().0,
            public_key: public.0,
        },
        signature: Hex(signature),
    };
    Ok(canonical(&whole)? + "\n")
}

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), SignError> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| SignError::Random)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}
