//! Proxies, and what carried each disk.

use std::collections::BTreeSet;

use model::{
    ByteCount, Carrier, CarrierEnd, CarrierEnded, DatastoreId, DiskKey, ModeLimit, ProxyId,
    ProxySettings, ProxyState, Reach, SessionId, SiteId, Timestamp, TransportMode,
};

use super::{Database, builders::session};
use crate::ProxyChange;

fn proxy(id: &str, site: &str) -> ProxySettings {
    ProxySettings {
        id: ProxyId::new(id),
        name: format!("Proxy {id}"),
        site: SiteId::new(site),
        modes: vec![ModeLimit {
            mode: TransportMode::Network,
            most: Some(3),
        }],
        falls_back: true,
        hosts: Reach::All,
        datastores: Reach::Only(BTreeSet::from([DatastoreId::new("fast")])),
        slots: 4,
        state: ProxyState::Enabled,
        cut_off: false,
    }
}

pub(super) async fn first_proxies_are_given_once(db: &impl Database) {
    let (store, dr) = (db.open().await, SiteId::new("dr"));
    let first = [proxy("a", "dr"), proxy("b", "dr")];
    store.proxy_put_first(&dr, &first).await.unwrap();
    store
        .proxy_put_first(&dr, &[proxy("c", "dr")])
        .await
        .unwrap();
    assert_eq!(db.open().await.proxy_list().await.unwrap(), first);
}

pub(super) async fn a_proxy_is_added_once_and_its_state_changes(db: &impl Database) {
    let store = db.open().await;
    assert!(store.proxy_insert(&proxy("a", "dr")).await.unwrap());
    assert!(!store.proxy_insert(&proxy("a", "other")).await.unwrap());
    let id = ProxyId::new("a");
    for change in [
        ProxyChange::State(ProxyState::Draining),
        ProxyChange::CutOff(true),
    ] {
        assert!(store.proxy_set_state(&id, change).await.unwrap());
    }
    let gone = ProxyId::new("z");
    let change = ProxyChange::CutOff(true);
    assert!(!store.proxy_set_state(&gone, change).await.unwrap());
    let expected = ProxySettings {
        state: ProxyState::Draining,
        cut_off: true,
        ..proxy("a", "dr")
    };
    assert_eq!(store.proxy_list().await.unwrap(), [expected]);
}

fn carrier(disk: &str, pass: u32, proxy: &str) -> Carrier {
    let end = || CarrierEnd {
        proxy: ProxyId::new(proxy),
        name: proxy.to_owned(),
        mode: TransportMode::DirectStorage,
    };
    Carrier {
        disk: DiskKey::new(disk),
        pass,
        source: end(),
        target: end(),
        reasons: vec!["It is the only one.".to_owned()],
        started_at: Timestamp(5),
        ended_at: None,
        ended: None,
        resumed: ByteCount::ZERO,
        sent: ByteCount::ZERO,
        scanned: ByteCount::ZERO,
    }
}

pub(super) async fn what_carried_a_disk_comes_back_in_order(db: &impl Database) {
    let store = db.open().await;
    store.session_insert(&session("s1", "r1", 1)).await.unwrap();
    let id = SessionId::new("s1");
    let first = carrier("data", 1, "a");
    let key = store.carrier_add(&id, &first).await.unwrap();
    let ended = Carrier {
        ended_at: Some(Timestamp(9)),
        ended: Some(CarrierEnded::HandedOver {
            why: "a was disabled.".to_owned(),
        }),
        sent: ByteCount(7),
        ..first
    };
    store.carrier_put(&id, key, &ended).await.unwrap();
    let others = [
        carrier("data", 1, "b"),
        carrier("system", 1, "c"),
        carrier("data", 2, "d"),
    ];
    for other in &others {
        store.carrier_add(&id, other).await.unwrap();
    }
    let [second, system, next] = others;
    let expected = [ended, second, system, next];
    assert_eq!(store.carrier_list(&id).await.unwrap(), expected);
    assert_eq!(store.carrier_list(&SessionId::new("s2")).await.unwrap(), []);
}
