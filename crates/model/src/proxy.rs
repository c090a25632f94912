//! Proxies: what an operator set for each, and what a disk's task was carried by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{ByteCount, DatastoreId, DiskKey, HostId, ProxyId, SiteId, Timestamp, TransportMode};

/// Whether an operator lets a proxy work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyState {
    /// It gets tasks.
    #[default]
    Enabled,
    /// It ends the tasks that it has and gets no others.
    Draining,
    /// It has no tasks: those that it had go on elsewhere.
    Disabled,
}

impl ProxyState {
    /// The state in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Draining => "Draining",
            Self::Disabled => "Disabled",
        }
    }
}

impl TransportMode {
    /// Every mode, best first.
    pub const ALL: [Self; 3] = [Self::DirectStorage, Self::VirtualAppliance, Self::Network];

    /// The mode in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DirectStorage => "direct storage",
            Self::VirtualAppliance => "virtual appliance",
            Self::Network => "network",
        }
    }
}

/// What of a kind a proxy reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach<T: Ord> {
    /// All that its site has, also what nobody knows yet.
    #[default]
    All,
    /// These only.
    Only(BTreeSet<T>),
}

/// A transport mode that a proxy may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeLimit {
    /// The mode.
    pub mode: TransportMode,
    /// Tasks that may use it at a time; none leaves that to the proxy's slots.
    pub most: Option<u32>,
}

/// A proxy as an operator set it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySettings {
    /// Which one.
    pub id: ProxyId,
    /// What operators call it.
    pub name: String,
    /// Where it stands.
    pub site: SiteId,
    /// How it may reach disks.
    pub modes: Vec<ModeLimit>,
    /// Whether it goes on to its next mode where a better one does not reach a disk or is at its
    /// limit. Otherwise it uses its best mode or none.
    pub falls_back: bool,
    /// The hosts that it reaches.
    pub hosts: Reach<HostId>,
    /// The datastores that it reaches.
    pub datastores: Reach<DatastoreId>,
    /// Tasks that it carries at a time.
    pub slots: u32,
    /// Whether it may work.
    pub state: ProxyState,
    /// Its link is cut: it does not answer. In the lab this is how a proxy fails.
    pub cut_off: bool,
}

/// Which proxies a session may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyChoice {
    /// Any.
    #[default]
    Automatic,
    /// These only; where each stands tells for which end it is.
    Listed(BTreeSet<ProxyId>),
}

/// Which proxy serves one end of a disk's task, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierEnd {
    /// The proxy.
    pub proxy: ProxyId,
    /// What operators called it then.
    pub name: String,
    /// How it reaches the disk.
    pub mode: TransportMode,
}

/// Why a disk's task ended with the proxies that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum CarrierEnded {
    /// All of the pass is proved.
    Done,
    /// It was stopped, or failed.
    Stopped,
    /// Others were to go on.
    HandedOver {
        /// Why, as a sentence.
        why: String,
    },
}

/// The proxies that carried a disk in one pass, from when to when, and what they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// The disk.
    pub disk: DiskKey,
    /// The pass.
    pub pass: u32,
    /// The source's end.
    pub source: CarrierEnd,
    /// The target's end; the same proxy where one serves both.
    pub target: CarrierEnd,
    /// Why these and not others, as sentences.
    pub reasons: Vec<String>,
    /// When they took the disk.
    pub started_at: Timestamp,
    /// When they ended.
    pub ended_at: Option<Timestamp>,
    /// Why they ended; none while they are at work, and where the console died meanwhile.
    pub ended: Option<CarrierEnded>,
    /// Acknowledged by those before, and neither read nor sent again.
    pub resumed: ByteCount,
    /// Payload that they sent themselves.
    pub sent: ByteCount,
    /// Scanned when they ended, all before included.
    pub scanned: ByteCount,
}
