//! Disks that wait, begin, and must leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use model::{
    ByteCount, BytesPerSecond, DiskKey, ModeLimit, ProxyChoice, ProxyId, ProxySettings, ProxyState,
    Reach, SessionId, SiteId, TransportMode,
};
use sched::{DiskEnd, Request};
use tokio::task::JoinHandle;

use super::{Berth, Proxies};

fn proxy(id: &str, site: &str, slots: u32) -> ProxySettings {
    ProxySettings {
        id: ProxyId::new(id),
        name: format!("Proxy {id}"),
        site: SiteId::new(site),
        modes: vec![ModeLimit {
            mode: TransportMode::DirectStorage,
            most: None,
        }],
        falls_back: true,
        hosts: Reach::All,
        datastores: Reach::All,
        slots,
        state: ProxyState::Enabled,
        cut_off: false,
    }
}

fn request(disk: &str) -> Request {
    let end = |site: &str| DiskEnd {
        site: SiteId::new(site),
        host: None,
        datastore: None,
        modes: vec![TransportMode::DirectStorage],
    };
    Request {
        session: SessionId::new("s"),
        disk: DiskKey::new(disk),
        source: end("dr"),
        target: end("prod"),
        choice: ProxyChoice::Automatic,
    }
}

fn with(proxies: &[ProxySettings]) -> Proxies {
    let all = Proxies::default();
    all.update(proxies.to_vec(), names());
    all
}

fn names() -> BTreeMap<SiteId, String> {
    BTreeMap::from([(SiteId::new("dr"), "the DR site".to_owned())])
}

/// A disk in the queue, and what it was told last.
struct Disk {
    berth: JoinHandle<Berth>,
    told: Arc<Mutex<Option<String>>>,
}

fn queue(proxies: &Proxies, disk: &str) -> Disk {
    let told = Arc::new(Mutex::new(None));
    let (proxies, request, hears) = (proxies.clone(), request(disk), Arc::clone(&told));
    let berth = tokio::spawn(async move {
        let say = |why: Option<&str>| *hears.lock().unwrap() = why.map(str::to_owned);
        proxies.acquire(request, say).await
    });
    Disk { berth, told }
}

impl Disk {
    async fn begins(self) -> Berth {
        let berth = tokio::time::timeout(Duration::from_secs(10), self.berth).await;
        berth.expect("it begins").unwrap()
    }

    async fn hears(&self, words: &str) {
        for _ in 0..1_000 {
            if self
                .told
                .lock()
                .unwrap()
                .as_ref()
                .is_some_and(|it| it.contains(words))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("was told {:?}, not {words}", self.told.lock().unwrap());
    }
}

#[tokio::test]
async fn a_disk_waits_with_the_reason_until_a_slot_is_free() {
    let proxies = with(&[proxy("d", "dr", 1), proxy("p", "prod", 9)]);
    let first = queue(&proxies, "1").begins().await;
    let second = queue(&proxies, "2");
    second
        .hears("No proxy at the DR site can read the source disk now. Proxy d: it has no free slot, with 1 of 1")
        .await;
    assert_eq!(proxies.waiting().len(), 1);
    drop(first);
    let second = second.begins().await;
    assert_eq!(second.source.name, "Proxy d");
    assert_eq!(proxies.waiting(), []);
}

#[tokio::test]
async fn a_disk_that_nobody_waits_for_any_more_takes_no_slot() {
    let proxies = with(&[proxy("d", "dr", 1), proxy("p", "prod", 9)]);
    let first = queue(&proxies, "1").begins().await;
    let gone = queue(&proxies, "2");
    gone.hears("no free slot").await;
    gone.berth.abort();
    drop(gone.berth.await);
    drop(first);
    let third = queue(&proxies, "3").begins().await;
    let work = &proxies.work()[&third.source.proxy];
    assert_eq!(work.tasks.len(), 1);
    assert_eq!(work.tasks[0].disk, DiskKey::new("3"));
}

#[tokio::test]
async fn of_a_disabled_or_cut_off_proxy_the_task_must_leave_and_of_a_draining_one_not() {
    let changes = [
        (ProxyState::Disabled, false, "Proxy d was disabled."),
        (
            ProxyState::Enabled,
            true,
            "Proxy d does not answer any more.",
        ),
    ];
    for (state, cut_off, why) in changes {
        let mut all = [proxy("d", "dr", 1), proxy("p", "prod", 9)];
        let proxies = with(&all);
        let berth = queue(&proxies, "1").begins().await;
        all[0].state = ProxyState::Draining;
        proxies.update(all.to_vec(), names());
        assert_eq!(berth.left(), None);
        (all[0].state, all[0].cut_off) = (state, cut_off);
        proxies.update(all.to_vec(), names());
        berth.must_leave().await;
        assert_eq!(berth.left().as_deref(), Some(why));
    }
}

#[tokio::test]
async fn after_a_replacement_is_enabled_a_disk_that_waited_begins() {
    let mut all = [proxy("d", "dr", 1), proxy("p", "prod", 9)];
    all[1].state = ProxyState::Draining;
    let proxies = with(&all);
    let disk = queue(&proxies, "1");
    disk.hears("it is draining").await;
    all[1].state = ProxyState::Enabled;
    proxies.update(all.to_vec(), names());
    disk.begins().await;
}

#[tokio::test]
async fn what_a_task_did_counts_for_its_proxies() {
    let proxies = with(&[proxy("d", "dr", 1), proxy("p", "prod", 1)]);
    for (mib, expected) in [(100, 100_u64), (20, 80)] {
        let berth = queue(&proxies, "1").begins().await;
        berth.measured(ByteCount(mib << 20), Duration::from_secs(1));
        berth.measured(ByteCount(mib << 40), Duration::from_millis(1));
        let rates: BTreeSet<_> = proxies.work().into_values().map(|it| it.rate).collect();
        let rate = Some(BytesPerSecond(expected << 20));
        assert_eq!(rates, BTreeSet::from([rate]));
    }
}
