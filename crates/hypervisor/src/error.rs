//! What can fail at a platform: one variant per operation.

use model::{ByteCount, DiskKey, PointName, ReplicaId, SiteId, VmRef};
use thiserror::Error;

/// A failed platform operation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// There is no such site.
    #[error("no site {0}")]
    NoSite(SiteId),
    /// The site's platform does not answer.
    #[error("site {site} cannot be reached: {cause}")]
    Unreachable {
        /// The site.
        site: SiteId,
        /// Why, in the words of the client.
        cause: String,
    },
    /// The platform refused what it was asked for.
    #[error("site {site}: {cause}")]
    Refused {
        /// The site.
        site: SiteId,
        /// What was asked, and the platform's words.
        cause: String,
    },
    /// There is no such replica.
    #[error("no replica {0}")]
    NoReplica(ReplicaId),
    /// There is no such VM.
    #[error("no VM {0}")]
    NoVm(VmRef),
    /// The VM has no such disk.
    #[error("VM {vm} has no disk {disk}")]
    NoDisk {
        /// The VM.
        vm: VmRef,
        /// The disk asked for.
        disk: DiskKey,
    },
    /// The VM has no such restore point.
    #[error("VM {vm} has no restore point {point}")]
    NoPoint {
        /// The VM.
        vm: VmRef,
        /// The point asked for.
        point: PointName,
    },
    /// The VM is held by somebody else.
    #[error("VM {vm} is held by {holder}")]
    Held {
        /// The VM.
        vm: VmRef,
        /// Who holds it.
        holder: String,
    },
    /// The VM's power state does not allow it.
    #[error("VM {vm} must be off for this")]
    MustBeOff {
        /// The VM.
        vm: VmRef,
    },
    /// What is there contradicts what was asked for; a person must look.
    #[error("VM {vm}: {what}")]
    Unexpected {
        /// The VM.
        vm: VmRef,
        /// What was found.
        what: String,
    },
    /// The platform cannot do this at all.
    #[error("the platform of site {site} has no support for {what}")]
    Unsupported {
        /// The site.
        site: SiteId,
        /// What it cannot do.
        what: &'static str,
    },
    /// Another VM has the name.
    #[error("site {site} has a VM named {name} already")]
    NameTaken {
        /// The site.
        site: SiteId,
        /// The name.
        name: String,
    },
    /// Something that was chosen is not there.
    #[error("site {site} has no {kind} {id}")]
    NoResource {
        /// The site.
        site: SiteId,
        /// What kind of thing: `host`, `datastore`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A datastore cannot take what is to be put there.
    #[error("datastore {datastore} has {free} free and {needed} is needed")]
    DatastoreFull {
        /// What operators call it.
        datastore: String,
        /// What is free.
        free: ByteCount,
        /// What is needed.
        needed: ByteCount,
    },
    /// The platform's own files or interface failed.
    #[error("{operation}")]
    Io {
        /// What was tried.
        operation: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The platform's description of a VM cannot be understood.
    #[error("read {what}")]
    Parse {
        /// What was read.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A disk operation failed.
    #[error("VM {vm}: disk operation")]
    Disk {
        /// The VM.
        vm: VmRef,
        /// Why.
        source: disk::DiskError,
    },
}

/// Whether an operation that failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call may succeed later.
    Temporary,
    /// A person must look first.
    NeedsPerson,
}

impl PlatformError {
    /// Whether there is no room where something was to be written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind as Kind;
        let full = |kind| matches!(kind, Kind::StorageFull | Kind::QuotaExceeded);
        matches!(self, Self::DatastoreFull { .. })
            || matches!(self, Self::Io { source, .. } if full(source.kind()))
            || matches!(self, Self::Disk { source, .. } if source.is_full())
            // In the words of a tool.
            || matches!(self, Self::Unexpected { what, .. } if what.contains("No space left on device"))
    }

    /// Whether to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        let temporary = match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                std::io::ErrorKind::Interrupted | std::io::ErrorKind::TimedOut
            ),
            Self::Disk { source, .. } => source.is_temporary(),
            Self::Unreachable { .. } => true,
            Self::NoSite(_)
            | Self::NoReplica(_)
            | Self::Refused { .. }
            | Self::NoVm(_)
            | Self::NoDisk { .. }
            | Self::NoPoint { .. }
            | Self::Held { .. }
            | Self::MustBeOff { .. }
            | Self::Unexpected { .. }
            | Self::Unsupported { .. }
            | Self::NameTaken { .. }
            | Self::NoResource { .. }
            | Self::DatastoreFull { .. }
            | Self::Parse { .. } => false,
        };
        if temporary {
            Retry::Temporary
        } else {
            Retry::NeedsPerson
        }
    }
}
