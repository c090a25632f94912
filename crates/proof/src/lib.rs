//! Certificates of failbacks: made, signed, and checked offline.
//!
//! The core is pure: a [`Certificate`](model::Certificate) is signed over its one canonical
//! spelling ([`canonical`]) and checked against keys that the checker already trusts. Around it
//! lies [`KeyStore`], which keeps the signing key of a data directory: made once, sealed by the
//! master key, rotated without forgetting the public keys of before. [`Measure`] is how whoever
//! reads a disk again gets its root.
//!
//! Nothing here reads a disk, a clock or a platform.

#![forbid(unsafe_code)]

mod canonical;
mod check;
mod key;
mod keystore;
mod master;
mod measure;
mod sign;

#[cfg(test)]
mod tests;

pub use canonical::canonical;
pub use check::{Checked, Contradiction, Refusal, agree, check};
pub use key::{Fingerprint, NotAKey, PublicKey, Trusted};
pub use keystore::{KeyFileError, KeyStore, KnownKey};
pub use master::{MasterKey, MasterKeyError};
pub use measure::{Compared, Measure, Measured, Unlike};
pub use sign::{SignError, SigningKey, sign};
