//! Which running tasks must leave a proxy, so that others go on with their disks.

use model::{ProxyId, ProxyState};

use crate::{End, Proxy, Running, TaskId};

/// A task that must leave a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// The task.
    pub task: TaskId,
    /// The end that the proxy serves.
    pub end: End,
    /// The proxy.
    pub proxy: ProxyId,
    /// Why.
    pub why: LeaveWhy,
}

/// Why a task must leave a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveWhy {
    /// The operator disabled it.
    Disabled,
    /// It does not answer.
    Silent,
    /// It was removed.
    Gone,
}

/// The tasks that must leave, each once: for its source's proxy where both must be left.
///
/// A proxy that drains keeps the tasks that it has.
#[must_use]
pub fn leaving(proxies: &[Proxy], running: &[Running]) -> Vec<Leaving> {
    let leaves = running.iter().filter_map(|task| {
        [End::Source, End::Target].into_iter().find_map(|end| {
            let id = &task.held(end).proxy;
            let why = must_leave(proxies.iter().find(|proxy| proxy.id() == id))?;
            Some(Leaving {
                task: task.task,
                end,
                proxy: id.clone(),
                why,
            })
        })
    });
    leaves.collect()
}

fn must_leave(proxy: Option<&Proxy>) -> Option<LeaveWhy> {
    let Some(proxy) = proxy else {
        return Some(LeaveWhy::Gone);
    };
    match proxy.settings.state {
        ProxyState::Disabled => Some(LeaveWhy::Disabled),
        ProxyState::Enabled | ProxyState::Draining => (!proxy.answers).then_some(LeaveWhy::Silent),
    }
}
