//! Builders; literal cases; properties over random estates, judged by an oracle that tries all pairs.

use std::collections::BTreeSet;

use model::{
    BytesPerSecond, DatastoreId, DiskKey, HostId, ModeLimit, ProxyChoice, ProxyId, ProxySettings,
    ProxyState, Reach, SessionId, SiteId, TransportMode,
};

use crate::{DiskEnd, Held, Proxy, Request, Running, TaskId};

mod cases;
mod lists;
mod oracle;
mod properties;
mod sentences;

fn proxy(id: &str, site: &str, modes: &[TransportMode], slots: u32) -> Proxy {
    Proxy {
        settings: ProxySettings {
            id: ProxyId::new(id),
            name: format!("proxy {id}"),
            site: SiteId::new(site),
            modes: modes
                .iter()
                .map(|&mode| ModeLimit { mode, most: None })
                .collect(),
            falls_back: true,
            hosts: Reach::All,
            datastores: Reach::All,
            slots,
            state: ProxyState::Enabled,
            cut_off: false,
        },
        answers: true,
        rate: None,
    }
}

fn with(mut proxy: Proxy, change: impl FnOnce(&mut ProxySettings)) -> Proxy {
    change(&mut proxy.settings);
    proxy
}

fn rated(proxy: Proxy, rate: u64) -> Proxy {
    Proxy {
        rate: Some(BytesPerSecond(rate)),
        ..proxy
    }
}

fn end(site: &str) -> DiskEnd {
    DiskEnd {
        site: SiteId::new(site),
        host: Some(HostId::new("host-1")),
        datastore: Some(DatastoreId::new("store-1")),
        modes: TransportMode::ALL.to_vec(),
    }
}

fn request(source: &str, target: &str) -> Request {
    Request {
        session: SessionId::new("s"),
        disk: DiskKey::new("d"),
        source: end(source),
        target: end(target),
        choice: ProxyChoice::Automatic,
    }
}

fn listed(ids: &[&str]) -> ProxyChoice {
    ProxyChoice::Listed(ids.iter().map(|id| ProxyId::new(*id)).collect())
}

/// Running tasks of one proxy that reads and another one that writes.
fn running(tasks: &[(&str, &str, TransportMode)]) -> Vec<Running> {
    let held = |id: &str, mode| Held {
        proxy: ProxyId::new(id),
        mode,
    };
    tasks
        .iter()
        .zip(0..)
        .map(|((source, target, mode), number)| Running {
            task: TaskId(number),
            source: held(source, *mode),
            target: held(target, *mode),
        })
        .collect()
}

fn ids(ids: &[&str]) -> BTreeSet<ProxyId> {
    ids.iter().map(|id| ProxyId::new(*id)).collect()
}
