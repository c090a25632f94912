//! What the engine needs to run.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use hypervisor::{Platform, lab::Lab, libvirt::Libvirt};
use model::{SiteId, StepName};
use proof::KeyStore;
use store::Store;

/// Between two tries of a session's health gates, unless a test wants it otherwise.
pub const GATE_EVERY: Duration = Duration::from_secs(5);

/// A moment around an effect, at which tests end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Logged as begun, not performed.
    Begun,
    /// Performed, its result not logged.
    Performed,
}

/// Called at each moment of each effect.
pub type Hook = Arc<dyn Fn(Moment, StepName) + Send + Sync>;

/// What the server hands to the engine.
#[derive(Clone)]
pub struct Config {
    /// Where journals lie.
    pub data_dir: PathBuf,
    /// The store.
    pub store: Store,
    /// The platforms; each knows its sites.
    pub platforms: Vec<Arc<dyn Platform>>,
    /// The lab, where there is one: it can be reset and failed over again.
    pub lab: Option<Lab>,
    /// The platform of sites that people connect; one of `platforms`.
    pub libvirt: Option<Libvirt>,
    /// Task slots of each proxy that a site has at first.
    pub slots: u32,
    /// Between two tries of a session's health gates.
    pub gate_every: Duration,
    /// The keys that sign certificates.
    pub keys: KeyStore,
    /// Called around effects; tests end the process there.
    pub hook: Option<Hook>,
}

impl Config {
    /// The platform that has a site.
    pub(crate) fn platform(&self, site: &SiteId) -> Option<Arc<dyn Platform>> {
        self.platforms
            .iter()
            .find(|platform| platform.sites().contains(site))
            .cloned()
    }

    pub(crate) fn at(&self, moment: Moment, step: StepName) {
        if let Some(hook) = &self.hook {
            hook(moment, step);
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}
