//! The words of Landfall as types: ids, units, states, views and the one error the browser may see.
//!
//! Everything here ships to the browser, so it depends on serde alone and holds no secrets, no
//! clock and no randomness. Stored and wire forms are these types; the pure crates keep their own.

#![forbid(unsafe_code)]

mod certificate;
mod error;
mod estate;
mod gate;
mod ids;
mod map;
mod placement;
mod progress;
mod proxy;
mod session;
mod units;
pub mod view;

pub use certificate::{
    CERTIFICATE_FORMAT, CERTIFIED_INSTANT, Certificate, CertifiedDisk, DigestHex, Hex, NotHex,
    SignedCertificate, Signer,
};
pub use error::{ApiError, ErrorKind, with_causes};
pub use estate::{
    Adapter, CommonPoint, DiskFormat, DiskInfo, Drift, Firmware, Job, LayoutFinding, LayoutKind,
    NewPair, NewSite, PowerState, ReplicaState, RestorePoint, SiteRole, SiteSettings,
    TransportMode, Trouble, VmInfo, WrittenSince,
};
pub use gate::{GateAnswer, HealthGate};
pub use ids::{
    Actor, BatchId, ClusterId, DatastoreId, DiskKey, DraftId, EpochId, FolderId, HostId, JobId,
    NetworkId, PointName, PolicyId, PoolId, ProtectedVmId, ProxyId, ReplicaId, SessionId, SiteId,
    VmRef,
};
pub use map::{MapShare, MapState};
pub use placement::{
    Cluster, Compute, DISK_TYPE_SINCE_HARDWARE, Datastore, DiskPair, DiskType, Folder, Host,
    MacChoice, Network, NewAdapter, NewDisk, NewVm, Placement, Policy, PolicyChoice, Pool,
    PoolKind, SeedDisk, SessionChoices, SiteResources, Slot,
};
pub use progress::{DiskCounters, DiskPhase, Limiter};
pub use proxy::{
    Carrier, CarrierEnd, CarrierEnded, ModeLimit, ProxyChoice, ProxySettings, ProxyState, Reach,
};
pub use session::{
    Allowed, Attention, CancelKind, CatchUp, CommitTimer, Destination, FailbackMode, LogLevel,
    Operation, Outcome, SessionRecord, SessionStateRecord, Stand, StepName, VisibleState,
};
pub use units::{BlockIndex, ByteCount, ByteRange, BytesPerSecond, Seconds, Timestamp};
