//! The proxies page, and proxies picked by hand.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    BytesPerSecond, Carrier, CarrierEnd, CarrierEnded, DatastoreId, Destination, DiskKey,
    ErrorKind, ModeLimit, ProxyChoice, ProxyId, ProxySettings, ProxyState, Reach, ReplicaId,
    SiteId, TransportMode,
    view::{NewProxyInput, ProxyAction, ProxyPickView, ProxyView, WizardStep},
};

use super::fixture::{Fixture, NOW, actor};
use crate::{LiveProxies, LiveProxy, LiveTask};

fn settings(id: &str, site: &str) -> ProxySettings {
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
        slots: 2,
        state: ProxyState::Enabled,
        cut_off: false,
    }
}

/// Two proxies at each site.
async fn with_proxies() -> Fixture {
    let fixture = Fixture::new().await;
    for (id, site) in [
        ("d1", "dr"),
        ("d2", "dr"),
        ("p1", "production"),
        ("p2", "production"),
    ] {
        fixture
            .store
            .proxy_insert(&settings(id, site))
            .await
            .unwrap();
    }
    fixture
}

fn listed(ids: &[&str]) -> BTreeSet<ProxyId> {
    ids.iter().map(|id| ProxyId::new(*id)).collect()
}

async fn proxy(fixture: &Fixture, id: &str) -> ProxyView {
    let view = fixture.service.proxies_view().await.unwrap();
    let mut all = view.proxies.into_iter();
    all.find(|it| it.id.as_str() == id).unwrap()
}

fn carries(fixture: &Fixture, proxy: &str, session: &model::SessionId) {
    let task = LiveTask {
        session: session.clone(),
        disk: DiskKey::new("system"),
        reads: Some(TransportMode::DirectStorage),
        writes: None,
        rate: BytesPerSecond(5 << 20),
    };
    let work = LiveProxy {
        tasks: vec![task],
        rate: Some(BytesPerSecond(7 << 20)),
    };
    *fixture.live.proxies.lock().unwrap() = LiveProxies {
        proxies: BTreeMap::from([(ProxyId::new(proxy), work)]),
        waiting: vec![(session.clone(), DiskKey::new("x"), "Nobody can.".to_owned())],
    };
}

#[tokio::test]
async fn the_page_says_what_each_proxy_does_and_who_waits() {
    let fixture = with_proxies().await;
    let session = fixture.session().await;
    carries(&fixture, "d1", &session);
    let view = fixture.service.proxies_view().await.unwrap();
    assert_eq!(
        view.headline,
        "4 of 4 proxies at work; 1 disk is carried, 1 disk waits."
    );
    assert_eq!(view.waiting[0].why, "Nobody can.");
    let sites: Vec<_> = view.proxies.iter().map(|it| it.site.as_str()).collect();
    assert_eq!(sites, ["Hamburg", "Hamburg", "Munich", "Munich"]);
    let busy = proxy(&fixture, "d1").await;
    assert_eq!(busy.tasks[0].what, "web-01, disk system");
    assert_eq!(busy.tasks[0].role, "reads by direct storage");
    assert_eq!(busy.rate_now, BytesPerSecond(5 << 20));
    assert_eq!(busy.rate, Some(BytesPerSecond(7 << 20)));
}

#[tokio::test]
async fn an_action_says_what_it_will_do_to_the_disks_that_are_carried() {
    let fixture = with_proxies().await;
    let session = fixture.session().await;
    carries(&fixture, "d1", &session);
    let said = |view: &ProxyView, action| {
        let mut actions = view.actions.iter();
        actions.find(|(it, _)| *it == action).unwrap().1.clone()
    };
    let busy = proxy(&fixture, "d1").await;
    let drain = said(&busy, ProxyAction::Drain);
    assert!(drain.contains("ends the 1 disk that it carries"), "{drain}");
    let disable = said(&busy, ProxyAction::Disable);
    assert!(
        disable.contains("last acknowledged range through Proxy d2"),
        "{disable}"
    );
    let other = ProxyId::new("d2");
    let service = &fixture.service;
    service
        .proxy_act(&actor(), &other, ProxyAction::Drain)
        .await
        .unwrap();
    let disable = said(&proxy(&fixture, "d1").await, ProxyAction::Disable);
    assert!(
        disable.contains("and wait: no other proxy of its site"),
        "{disable}"
    );
}

#[tokio::test]
async fn an_action_changes_the_state_wakes_the_engine_and_is_in_the_audit_log() {
    let fixture = with_proxies().await;
    let (service, id) = (&fixture.service, ProxyId::new("d1"));
    let wakes = fixture.wakes();
    service
        .proxy_act(&actor(), &id, ProxyAction::Disable)
        .await
        .unwrap();
    assert_eq!(fixture.wakes(), wakes + 1);
    let view = proxy(&fixture, "d1").await;
    assert_eq!(view.state, ProxyState::Disabled);
    let offered: Vec<_> = view.actions.iter().map(|(it, _)| *it).collect();
    assert_eq!(offered, [ProxyAction::Enable, ProxyAction::CutOff]);
    assert_eq!(fixture.audit().await[0], "Disabled proxy Proxy d1.");

    let twice = service.proxy_act(&actor(), &id, ProxyAction::Disable).await;
    assert_eq!(twice.unwrap_err().kind, ErrorKind::Conflict);
    let gone = ProxyId::new("x");
    let gone = service
        .proxy_act(&actor(), &gone, ProxyAction::Disable)
        .await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_proxy_is_added_when_every_field_is_right() {
    let fixture = with_proxies().await;
    let right = || NewProxyInput {
        site: "dr".to_owned(),
        name: " Spare ".to_owned(),
        slots: "4".to_owned(),
        modes: vec![TransportMode::Network],
    };
    let wrong = [
        (
            "site",
            NewProxyInput {
                site: "moon".to_owned(),
                ..right()
            },
        ),
        (
            "name",
            NewProxyInput {
                name: " ".to_owned(),
                ..right()
            },
        ),
        (
            "name",
            NewProxyInput {
                name: "proxy D1".to_owned(),
                ..right()
            },
        ),
        (
            "slots",
            NewProxyInput {
                slots: "0".to_owned(),
                ..right()
            },
        ),
        (
            "slots",
            NewProxyInput {
                slots: "many".to_owned(),
                ..right()
            },
        ),
        (
            "modes",
            NewProxyInput {
                modes: vec![],
                ..right()
            },
        ),
    ];
    for (field, input) in wrong {
        let refusal = fixture
            .service
            .proxy_add(&actor(), input)
            .await
            .unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field));
    }
    fixture.service.proxy_add(&actor(), right()).await.unwrap();
    let view = fixture.service.proxies_view().await.unwrap();
    let added = view.proxies.iter().find(|it| it.name == "Spare").unwrap();
    assert_eq!((added.slots, added.modes.as_str()), (4, "network"));
    assert_eq!(view.proxies.len(), 5);
}

/// A draft of web-01 whose proxies are picked by hand, and what came of it.
async fn pick(fixture: &Fixture, ids: &[&str]) -> (ProxyPickView, Option<String>) {
    let draft = fixture.complete_draft(&["r-web"]).await;
    let service = &fixture.service;
    let picked = service
        .draft_set_proxies(&actor(), &draft, true, listed(ids))
        .await;
    let refusal = picked.err().map(|refusal| {
        assert_eq!(refusal.field.as_deref(), Some("proxies"));
        refusal.message
    });
    let finished = service.finish(&actor(), &draft).await;
    assert_eq!(finished.is_err(), refusal.is_some(), "{finished:?}");
    let view = service.draft_view(&draft).await.unwrap();
    let complete = view
        .steps
        .iter()
        .find(|(step, _)| *step == WizardStep::Destination);
    assert_eq!(complete.unwrap().1, refusal.is_none());
    (view.proxies, refusal)
}

#[tokio::test]
async fn a_list_needs_a_proxy_at_each_site_and_is_kept_when_refused() {
    let fixture = with_proxies().await;
    let (view, refusal) = pick(&fixture, &["d1", "d2"]).await;
    let refusal = refusal.unwrap();
    assert!(
        refusal.starts_with("No proxy at Hamburg is picked"),
        "{refusal}"
    );
    assert_eq!(view.refused, [refusal]);
    let ticked = view
        .sites
        .iter()
        .flat_map(|site| &site.proxies)
        .filter(|it| it.picked);
    assert_eq!(ticked.count(), 2);
    assert!(view.by_hand);
}

#[tokio::test]
async fn one_at_a_site_is_a_warning_and_two_are_none() {
    let fixture = with_proxies().await;
    let (view, refusal) = pick(&fixture, &["d1", "p1", "p2"]).await;
    assert_eq!(refusal, None);
    assert_eq!(view.warnings.len(), 1);
    assert!(view.warnings[0].starts_with("Only 1 proxy at Munich is picked"));
    assert_eq!(view.words, "only Proxy d1, Proxy p1, Proxy p2");
}

#[tokio::test]
async fn two_at_each_site_leave_nothing_to_say_and_go_into_the_session() {
    let fixture = with_proxies().await;
    let (view, refusal) = pick(&fixture, &["d1", "d2", "p1", "p2"]).await;
    assert_eq!((refusal, view.warnings), (None, Vec::new()));
    let sessions = fixture.store.session_list_active().await.unwrap();
    let choice = ProxyChoice::Listed(listed(&["d1", "d2", "p1", "p2"]));
    assert_eq!(sessions[0].choices.proxies, choice);
}

#[tokio::test]
async fn what_is_picked_is_kept_while_the_choice_is_automatic() {
    let fixture = with_proxies().await;
    let draft = fixture.complete_draft(&["r-web"]).await;
    let service = &fixture.service;
    let ids = listed(&["d1", "nobody"]);
    service
        .draft_set_proxies(&actor(), &draft, false, ids)
        .await
        .unwrap();
    let view = service.draft_view(&draft).await.unwrap().proxies;
    assert_eq!((view.by_hand, view.words.as_str()), (false, "automatic"));
    assert_eq!(view.refused, [] as [String; 0]);
    assert!(view.sites[0].proxies[0].picked);
    service.finish(&actor(), &draft).await.unwrap();
    let sessions = fixture.store.session_list_active().await.unwrap();
    assert_eq!(sessions[0].choices.proxies, ProxyChoice::Automatic);
}

#[tokio::test]
async fn each_proxy_tells_its_load_and_which_of_the_chosen_vms_it_reaches() {
    let mut fixture = Fixture::new().await;
    fixture.production_vm("web-01").disks[0].datastore = Some(DatastoreId::new("fast"));
    fixture.production_vm("app-01").disks[0].datastore = Some(DatastoreId::new("bulk"));
    fixture.read_sites().await;
    let part = ProxySettings {
        datastores: Reach::Only([DatastoreId::new("fast")].into()),
        state: ProxyState::Draining,
        ..settings("p1", "production")
    };
    for proxy in [part, settings("d1", "dr")] {
        fixture.store.proxy_insert(&proxy).await.unwrap();
    }
    let replicas = ["r-web", "r-app"].map(ReplicaId::new).to_vec();
    let service = &fixture.service;
    let draft = service.draft_create(&actor(), replicas).await.unwrap();
    let original = Some(Destination::OriginalVm);
    service
        .draft_set_destination(&actor(), &draft, original)
        .await
        .unwrap();
    let view = service.draft_view(&draft).await.unwrap().proxies;
    let titles: Vec<_> = view.sites.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Munich: they read the replicas' disks",
            "Hamburg: they write the production VMs' disks",
        ]
    );
    let reader = &view.sites[0].proxies[0];
    assert_eq!(
        reader.facts,
        "direct storage; 0 of 2 slots in use; not measured yet"
    );
    assert_eq!(reader.reach.len(), 1);
    assert_eq!(reader.reach[0].vms, ["web-01-replica", "app-01-replica"]);
    let writer = &view.sites[1].proxies[0];
    assert!(
        writer
            .facts
            .starts_with("draining; direct storage; datastores fast only")
    );
    let reach: Vec<_> = writer
        .reach
        .iter()
        .map(|it| (it.reached, it.vms.clone()))
        .collect();
    assert_eq!(
        reach,
        [
            (true, vec!["web-01-replica".to_owned()]),
            (false, vec!["app-01-replica".to_owned()]),
        ]
    );
}

#[tokio::test]
async fn a_session_shows_who_carried_its_disks_and_every_hand_over() {
    let fixture = with_proxies().await;
    let id = fixture.session().await;
    let end = |name: &str| CarrierEnd {
        proxy: ProxyId::new(name),
        name: name.to_owned(),
        mode: TransportMode::DirectStorage,
    };
    let carrier = |pass, name, ended: Option<CarrierEnded>| Carrier {
        disk: DiskKey::new("system"),
        pass,
        source: end(name),
        target: end("p1"),
        reasons: vec!["It is the best.".to_owned()],
        started_at: NOW,
        ended_at: ended.as_ref().map(|_| NOW),
        ended,
        resumed: model::ByteCount::ZERO,
        sent: model::ByteCount(9),
        scanned: model::ByteCount(9),
    };
    let left = Some(CarrierEnded::HandedOver {
        why: "a was disabled.".to_owned(),
    });
    for it in [
        carrier(1, "a", left),
        carrier(1, "b", Some(CarrierEnded::Done)),
        carrier(2, "c", Some(CarrierEnded::Done)),
        // The console died.
        carrier(3, "d", None),
        carrier(3, "e", None),
    ] {
        fixture.store.carrier_add(&id, &it).await.unwrap();
    }
    let view = fixture.service.session_view(&id).await.unwrap();
    let told: Vec<_> = view
        .carriers
        .iter()
        .map(|it| {
            (
                it.disk.as_str(),
                it.carrier.source.name.as_str(),
                it.carrier.ended.clone(),
            )
        })
        .map(|(disk, name, ended)| (disk, name, ended == Some(CarrierEnded::Stopped)))
        .collect();
    let expected = [
        ("system", "a", false),
        ("system", "b", false),
        ("system", "d", true),
        ("system", "e", true),
    ];
    assert_eq!(told, expected);
}
