//! What is in use, counted from the running tasks.

use std::collections::BTreeMap;

use model::{ProxyId, TransportMode};

use crate::{Held, Running};

/// Tasks of each proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tasks: BTreeMap<ProxyId, u32>,
    by_mode: BTreeMap<(ProxyId, TransportMode), u32>,
}

impl Usage {
    /// Counts running tasks.
    #[must_use]
    pub fn of(running: &[Running]) -> Self {
        let mut usage = Self::default();
        for task in running {
            usage.add(&task.source, &task.target);
        }
        usage
    }

    /// Tasks that a proxy carries, each once also where the proxy serves both its ends.
    #[must_use]
    pub fn tasks(&self, proxy: &ProxyId) -> u32 {
        self.tasks.get(proxy).copied().unwrap_or(0)
    }

    /// Tasks that a proxy carries by a mode, each once.
    #[must_use]
    pub fn by_mode(&self, proxy: &ProxyId, mode: TransportMode) -> u32 {
        let key = (proxy.clone(), mode);
        self.by_mode.get(&key).copied().unwrap_or(0)
    }

    /// Counts one more task.
    pub(crate) fn add(&mut self, source: &Held, target: &Held) {
        self.count(&source.proxy);
        self.count_mode(source);
        if target.proxy != source.proxy {
            self.count(&target.proxy);
        }
        if target != source {
            self.count_mode(target);
        }
    }

    fn count(&mut self, proxy: &ProxyId) {
        *self.tasks.entry(proxy.clone()).or_default() += 1;
    }

    fn count_mode(&mut self, held: &Held) {
        let key = (held.proxy.clone(), held.mode);
        *self.by_mode.entry(key).or_default() += 1;
    }
}
