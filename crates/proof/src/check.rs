//! Checking a certificate, offline: its spelling, its signer, its signature, and that what it says
//! agrees with itself.

use blockmap::{BlockSize, Node, TreeShape};
use model::{
    CERTIFICATE_FORMAT, CERTIFIED_INSTANT, Certificate, CertifiedDisk, DigestHex, Hex,
    SignedCertificate,
};
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{Fingerprint, PublicKey, Trusted, canonical, measure::Blake3, sign::ALGORITHM};

/// A certificate that is what a trusted key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it says.
    pub certificate: Certificate,
    /// Whose key.
    pub signer: Fingerprint,
    /// Its unit of comparison.
    pub block: BlockSize,
}

/// Why a certificate proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not JSON, or not a certificate's.
    #[error("the file is not a certificate that this version knows")]
    Parse(#[source] serde_json::Error),
    /// Spelled otherwise than it was written.
    #[error("the file was changed: it is not spelled as certificates are")]
    Spelling,
    /// Another format.
    #[error("the certificate is of the format {found:?}, which this version does not know")]
    Format {
        /// What it says.
        found: String,
    },
    /// Another algorithm.
    #[error("the certificate is signed with {found:?}, which this version does not know")]
    Algorithm {
        /// What it says.
        found: String,
    },
    /// The fingerprint is not that of the key beside it.
    #[error("the file was changed: its fingerprint is not that of its public key")]
    Fingerprint,
    /// Nobody trusts the key.
    #[error("signer unknown: {signer} is none of the keys given")]
    SignerUnknown {
        /// Whose key it is.
        signer: Fingerprint,
    },
    /// The signature is not that of the content.
    #[error("the content is not what {signer} signed: the file was changed")]
    Signature {
        /// Whose key it is.
        signer: Fingerprint,
    },
    /// The two sides were not equal, or the figures contradict each other.
    #[error("{signer} signed a certificate that contradicts itself: {what}")]
    Contradiction {
        /// Whose key it is.
        signer: Fingerprint,
        /// What does not agree.
        what: Contradiction,
    },
}

/// What does not agree within a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// It speaks of no disk.
    #[error("it names no disk")]
    NoDisks,
    /// Another instant than the one that is certified.
    #[error("it does not speak of the moment before production could start")]
    Instant,
    /// Not a block size.
    #[error("its block size is not possible")]
    BlockSize,
    /// The roots differ.
    #[error("disk {disk}: the replica's root and production's differ")]
    Roots {
        /// The disk.
        disk: String,
    },
    /// The regions do not come to the root.
    #[error("disk {disk}: its regions do not come to its root")]
    Regions {
        /// The disk.
        disk: String,
    },
    /// The blocks do not come to the disk's size, or the proved ones not to all.
    #[error("disk {disk}: its counts of blocks do not add up")]
    Counts {
        /// The disk.
        disk: String,
    },
}

/// Checks the bytes of a certificate's file against keys that are trusted beforehand.
///
/// # Errors
/// [`Refusal`], also when any byte was changed.
pub fn check(file: &[u8], trusted: &[Trusted]) -> Result<Checked, Refusal> {
    let signed: SignedCertificate = serde_json::from_slice(file).map_err(Refusal::Parse)?;
    let spelled = canonical(&signed).map_err(Refusal::Parse)? + "\n";
    if spelled.as_bytes() != file {
        return Err(Refusal::Spelling);
    }
    let SignedCertificate {
        certificate,
        signer,
        signature,
    } = signed;
    if certificate.format != CERTIFICATE_FORMAT {
        let found = certificate.format;
        return Err(Refusal::Format { found });
    }
    if signer.algorithm != ALGORITHM {
        let found = signer.algorithm;
        return Err(Refusal::Algorithm { found });
    }
    let key = PublicKey(signer.public_key);
    let signer = Fingerprint(signer.fingerprint);
    if key.fingerprint() != signer {
        return Err(Refusal::Fingerprint);
    }
    if !trusted.iter().any(|one| one.accepts(&key)) {
        return Err(Refusal::SignerUnknown { signer });
    }
    let content = canonical(&certificate).map_err(Refusal::Parse)?;
    UnparsedPublicKey::new(&ED25519, key.0.0)
        .verify(content.as_bytes(), &signature.0)
        .map_err(|_| Refusal::Signature { signer })?;
    let block = agree(&certificate).map_err(|what| Refusal::Contradiction { signer, what })?;
    Ok(Checked {
        certificate,
        signer,
        block,
    })
}

/// Whether what a certificate says agrees with itself; its block size.
///
/// # Errors
/// [`Contradiction`].
pub fn agree(certificate: &Certificate) -> Result<BlockSize, Contradiction> {
    if certificate.instant != CERTIFIED_INSTANT {
        return Err(Contradiction::Instant);
    }
    let bytes = u32::try_from(certificate.block_size.0).ok();
    let block = bytes.and_then(BlockSize::new);
    let block = block.ok_or(Contradiction::BlockSize)?;
    if certificate.disks.is_empty() {
        return Err(Contradiction::NoDisks);
    }
    for disk in &certificate.disks {
        disk_agrees(disk, block)?;
    }
    Ok(block)
}

fn disk_agrees(disk: &CertifiedDisk, block: BlockSize) -> Result<(), Contradiction> {
    let shape = TreeShape {
        size: disk.size,
        block,
    };
    let name = || disk.name.clone();
    if disk.replica_root != disk.production_root {
        return Err(Contradiction::Roots { disk: name() });
    }
    let wanted = shape.row_nodes(shape.regions());
    if disk.regions.len() != wanted || root_of(shape, &disk.regions) != disk.production_root {
        return Err(Contradiction::Regions { disk: name() });
    }
    let proved = disk.carried.checked_add(disk.proved_last);
    if disk.leaves != shape.count(0) || proved != Some(disk.leaves) {
        return Err(Contradiction::Counts { disk: name() });
    }
    Ok(())
}

fn root_of(shape: TreeShape, regions: &[DigestHex]) -> DigestHex {
    let nodes: Vec<Node> = regions.iter().map(|node| Node(node.0)).collect();
    Hex(shape.root_of_regions::<Blake3>(&nodes).0)
}
