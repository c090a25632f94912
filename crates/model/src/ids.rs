//! Identifiers: one newtype each, so that no bare string or UUID crosses a crate.
//!
//! Landfall's own ids are `UUIDv7` as text, made on the server; the browser only carries them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text as this id.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text_id! {
    /// A place with a platform: the production site or the DR site.
    SiteId
    /// Landfall's own name for a protected VM, which jobs, replicas and sessions refer to.
    ProtectedVmId
    /// A replica at the DR site.
    ReplicaId
    /// One failback of one replica.
    SessionId
    /// One Finish of the wizard, for one or several replicas.
    BatchId
    /// A wizard's draft.
    DraftId
    /// What keeps replicas up to date.
    JobId
    /// A data mover.
    ProxyId
    /// The stable key of a disk, recorded at replication and equal on both of a pair's sides.
    DiskKey
    /// The name of a restore point or protective snapshot on a replica.
    PointName
    /// A host of a site.
    HostId
    /// A cluster of hosts.
    ClusterId
    /// A resource pool or vApp.
    PoolId
    /// A datastore.
    DatastoreId
    /// A VM folder.
    FolderId
    /// A network of a site.
    NetworkId
    /// A storage policy.
    PolicyId
    /// Who asked for something; "local operator" until sign-in exists.
    Actor
}

/// A VM as its platform knows it. Platform ids are unique in their site only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VmRef {
    /// The site that runs the VM.
    pub site: SiteId,
    /// The id that the site's platform gave it.
    pub platform_id: String,
}

impl fmt::Display for VmRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.platform_id)
    }
}

/// One span of change tracking on one VM's disks, from a freeze to the next; grows by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochId(pub u64);

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
