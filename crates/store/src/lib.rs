//! What must last: the only crate with SQL.
//!
//! Owns the tables, their row types and the rules that hold between rows: one session at work per
//! replica, one effect at work per session, one batch per draft, versions that nobody overwrites
//! unseen. It decides nothing else, keeps no clock, and never speaks to a platform.
//!
//! Everything that is written is on the disk when the call returns. Callers name the instant.

#![forbid(unsafe_code)]

mod audit;
mod batch;
mod carrier;
mod certificate;
mod connect;
mod convert;
mod draft;
mod dry_run;
mod effect;
mod error;
mod intent;
mod inventory;
mod log;
mod pass;
mod planned;
mod protected_vm;
mod proxy;
mod revision;
mod session;
mod setting;
mod site;

pub use audit::AuditRow;
pub use batch::{BatchRow, NewBatch};
pub use carrier::CarrierKey;
pub use certificate::{CertificateRow, Certified};
pub use connect::Store;
pub use convert::fresh_id;
pub use draft::{
    DiskChoice, DraftBody, DraftRow, FolderChoice, NetworkChoice, OwnMode, PlacementChoice,
    PoolChoice, ProxyPick, SeedChoice, SeveralChoice,
};
pub use effect::{EffectFinish, EffectRow, EffectStart};
pub use error::{Retry, StoreError};
pub use intent::{ActionKind, EstateAsk, IntentId, IntentKind, IntentRow, NewIntent};
pub use inventory::{InventoryRow, KnownInventories, ReplicaRow, SiteInventory, UnreadSite};
pub use log::NewLogLine;
pub use pass::DiskPassRow;
pub use planned::{PlannedVm, PlannedWork};
pub use protected_vm::{KnownProtectedVms, ProtectedVmRow};
pub use proxy::ProxyChange;
pub use session::{ActiveSessions, NewSession, PastOrder, PastQuery, SessionDisk, SessionRow};

#[cfg(test)]
mod conformance;
