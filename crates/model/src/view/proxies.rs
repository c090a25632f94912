//! The proxies page, and the choice of proxies in the wizard.

use serde::{Deserialize, Serialize};

use crate::{
    BytesPerSecond, Carrier, ProxyId, ProxyState, SessionId, SiteId, Timestamp, TransportMode,
};

/// The proxies page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxiesView {
    /// When the answer was made.
    pub now: Timestamp,
    /// One line that says the state of the whole.
    pub headline: String,
    /// All proxies, by site and name.
    pub proxies: Vec<ProxyView>,
    /// Disks that wait for proxies, in the order in which they are served.
    pub waiting: Vec<WaitingView>,
    /// Where one can be added: sites by name.
    pub sites: Vec<(SiteId, String)>,
}

/// One proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyView {
    /// Its id.
    pub id: ProxyId,
    /// What operators call it.
    pub name: String,
    /// Name of its site.
    pub site: String,
    /// Whether it may work.
    pub state: ProxyState,
    /// Whether it answers.
    pub answers: bool,
    /// How it reaches disks, and what it reaches, in words.
    pub modes: String,
    /// Tasks that it may carry at a time.
    pub slots: u32,
    /// The disks that it carries.
    pub tasks: Vec<ProxyTaskView>,
    /// What all its tasks scan together now.
    pub rate_now: BytesPerSecond,
    /// What one task of it was measured to do lately; none before the first.
    pub rate: Option<BytesPerSecond>,
    /// What may be done with it, each with what it will do.
    pub actions: Vec<(ProxyAction, String)>,
}

/// A disk that a proxy carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyTaskView {
    /// Its session.
    pub session: SessionId,
    /// The VM and the disk.
    pub what: String,
    /// What the proxy does for it, and how.
    pub role: String,
    /// Scanning rate of the recent past.
    pub rate: BytesPerSecond,
}

/// A disk that waits for proxies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// Its session.
    pub session: SessionId,
    /// The VM and the disk.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What may be done with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyAction {
    /// It gets tasks.
    Enable,
    /// It ends those that it has and gets no others.
    Drain,
    /// Those that it has go on elsewhere.
    Disable,
    /// In the lab: its link fails.
    CutOff,
    /// In the lab: its link is mended.
    Reconnect,
}

impl ProxyAction {
    /// Every action.
    pub const ALL: [Self; 5] = [
        Self::Enable,
        Self::Drain,
        Self::Disable,
        Self::CutOff,
        Self::Reconnect,
    ];

    /// The action in the address and in forms.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Drain => "drain",
            Self::Disable => "disable",
            Self::CutOff => "cut_off",
            Self::Reconnect => "reconnect",
        }
    }

    /// The action of an address.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.slug() == slug)
    }

    /// The button.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Enable => "Enable",
            Self::Drain => "Drain",
            Self::Disable => "Disable",
            Self::CutOff => "Cut its link",
            Self::Reconnect => "Mend its link",
        }
    }
}

/// A proxy to be added, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProxyInput {
    /// Where it stands.
    pub site: String,
    /// What operators will call it.
    pub name: String,
    /// Tasks at a time, as typed.
    pub slots: String,
    /// How it may reach disks.
    pub modes: Vec<TransportMode>,
}

/// The choice of proxies on the Destination step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyPickView {
    /// Only the picked ones may be taken.
    pub by_hand: bool,
    /// The sites that the chosen VMs' disks are read and written at; only for Destination.
    pub sites: Vec<PickSite>,
    /// Why a failback with these picked ones is refused, each with the next step.
    pub refused: Vec<String>,
    /// What to know of them.
    pub warnings: Vec<String>,
    /// The choice in words.
    pub words: String,
}

/// One site's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickSite {
    /// The site.
    pub site: SiteId,
    /// Its name, and what its proxies do: "Munich: reads the replicas' disks".
    pub title: String,
    /// Its proxies.
    pub proxies: Vec<PickProxy>,
}

/// A proxy that can be picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickProxy {
    /// Its id.
    pub id: ProxyId,
    /// What operators call it.
    pub name: String,
    /// It is picked.
    pub picked: bool,
    /// Its state where that keeps it from work, its modes and its load, in words.
    pub facts: String,
    /// Which of the chosen VMs it reaches, and how.
    pub reach: Vec<PickReach>,
}

/// Chosen VMs that a proxy reaches in the same way, or for the same reason not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickReach {
    /// All their disks can be reached.
    pub reached: bool,
    /// How, or why not.
    pub how: String,
    /// The VMs' names; of many the first.
    pub vms: Vec<String>,
    /// How many more.
    pub more: usize,
}

/// The proxies that carried a disk, for the session page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierView {
    /// Name of the disk.
    pub disk: String,
    /// Who, when, and what they did.
    pub carrier: Carrier,
}
