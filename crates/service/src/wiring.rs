//! What the use cases need, as the server wires it.

use std::{fmt, sync::Arc};

use model::Timestamp;
use store::Store;

use crate::{estate::Kept, live::Live};

/// What the server hands to the use cases.
#[derive(Clone)]
pub struct Wiring {
    /// The store.
    pub store: Store,
    /// Tells the engine that there is something new in the store.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// What moves right now.
    pub live: Arc<dyn Live>,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The console listens beyond loopback though nobody signs in.
    pub open_to_network: bool,
    /// Directory of the lab's files; none when there is no lab.
    pub lab_directory: Option<String>,
}

/// The use cases. Cloning it is cheap.
#[derive(Clone)]
pub struct Service {
    pub(crate) wired: Wiring,
    /// What was read of the store, by all clones.
    pub(crate) kept: Arc<Kept>,
}

impl Service {
    /// The use cases over what the server wired.
    #[must_use]
    pub fn new(wiring: Wiring) -> Self {
        Self {
            wired: wiring,
            kept: Arc::default(),
        }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.wired.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.wired.clock)()
    }

    pub(crate) fn wake(&self) {
        (self.wired.wake)();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wired.fmt(f)
    }
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring")
            .field("store", &self.store)
            .field("open_to_network", &self.open_to_network)
            .field("lab_directory", &self.lab_directory)
            .finish_non_exhaustive()
    }
}
