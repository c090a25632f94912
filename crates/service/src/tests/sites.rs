//! The sites page: what is connected, which VMs may be replicas, and asking for changes of both.

use model::{
    DiskKey, DiskPair, ErrorKind, NewPair, PowerState, SiteId, SiteRole, SiteSettings, VmRef,
    view::{NewSiteInput, PairInput, PairQuery, PairView},
};
use store::{EstateAsk, IntentId, IntentKind, NewIntent};

use super::fixture::{Fixture, NOW, actor, disk, vm};

/// Both sites connected by their addresses; the replicas are registered pairs.
async fn connected() -> Fixture {
    let mut fixture = Fixture::before_the_first_reading().await;
    for site in [&mut fixture.production, &mut fixture.dr] {
        site.platform = "libvirt".to_owned();
        let settings = SiteSettings {
            id: site.site.clone(),
            name: site.name.clone(),
            role: site.role,
            uri: format!("qemu+ssh://root@{}/system", site.site),
        };
        fixture.store.site_put(&settings).await.unwrap();
    }
    fixture.read_sites().await;
    fixture
}

/// The same with VMs that nobody registered.
async fn unregistered() -> Fixture {
    let mut fixture = connected().await;
    fixture.dr.replicas.clear();
    fixture.read_sites().await;
    fixture
}

/// The newest thing that was asked of the estate.
async fn asked(fixture: &Fixture) -> EstateAsk {
    let newest = fixture.store.intent_list_estate(1).await.unwrap();
    let IntentKind::Estate(ask) = &newest[0].kind else {
        panic!("{newest:?}");
    };
    ask.clone()
}

/// A request that the engine has not answered yet.
async fn open_request(fixture: &Fixture) {
    let site = SiteId::new("dr");
    let intent = NewIntent {
        id: IntentId::fresh(),
        session: None,
        kind: IntentKind::Estate(EstateAsk::RemoveSite { site }),
        actor: actor(),
        created_at: NOW,
    };
    fixture.store.intent_insert(&intent).await.unwrap();
}

fn lyon() -> NewSiteInput {
    NewSiteInput {
        name: " Lyon ".to_owned(),
        role: "disaster_recovery".to_owned(),
        uri: " qemu+ssh://root@lyon/system\n".to_owned(),
    }
}

fn at(site: &str, id: &str) -> VmRef {
    VmRef {
        site: SiteId::new(site),
        platform_id: id.to_owned(),
    }
}

fn input(vm: &str, original: &str, disks: &[&str]) -> PairInput {
    PairInput {
        vm: vm.to_owned(),
        original: original.to_owned(),
        disks: disks.iter().map(|it| (*it).to_owned()).collect(),
    }
}

async fn form(fixture: &Fixture, vm: &str, original: &str) -> PairView {
    let query = PairQuery {
        vm: vm.to_owned(),
        original: original.to_owned(),
    };
    fixture.service.pair_view(&query).await.unwrap()
}

/// Each disk with the one that is proposed for it.
fn proposed(view: &PairView) -> Vec<(&str, Option<&str>)> {
    let disks = view.disks.iter();
    disks
        .map(|disk| (disk.key.as_str(), disk.chosen.as_ref().map(DiskKey::as_str)))
        .collect()
}

#[tokio::test]
async fn a_site_is_connected_as_it_was_typed_without_the_space_around_it() {
    let fixture = Fixture::new().await;
    fixture.answer_next(Ok("Lyon is connected."));
    fixture
        .service
        .site_connect(&actor(), &lyon())
        .await
        .unwrap();
    let EstateAsk::PutSite { site } = asked(&fixture).await else {
        panic!("another request");
    };
    assert_eq!(site.name, "Lyon");
    assert_eq!(site.role, SiteRole::DisasterRecovery);
    assert_eq!(site.uri, "qemu+ssh://root@lyon/system");
    assert_eq!(
        fixture.audit().await[0],
        "Asked to connect site Lyon at qemu+ssh://root@lyon/system."
    );
    let view = fixture.service.sites_view().await.unwrap();
    assert!(!view.at_work);
    assert_eq!(view.last_result, Some(Ok("Lyon is connected.".to_owned())));
}

#[tokio::test]
async fn why_a_connection_failed_reaches_the_person_and_the_page() {
    let fixture = Fixture::new().await;
    fixture.answer_next(Err("The host cannot be reached."));
    let refused = fixture.service.site_connect(&actor(), &lyon()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert_eq!(refused.message, "The host cannot be reached.");
    let view = fixture.service.sites_view().await.unwrap();
    let said = Some(Err("The host cannot be reached.".to_owned()));
    assert_eq!(view.last_result, said);
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let fixture = Fixture::new().await;
    let named = |name: &str| NewSiteInput {
        name: name.to_owned(),
        ..lyon()
    };
    let role = |role: &str| NewSiteInput {
        role: role.to_owned(),
        ..lyon()
    };
    let uri = |uri: &str| NewSiteInput {
        uri: uri.to_owned(),
        ..lyon()
    };
    for (field, input) in [
        ("name", named(" ")),
        ("name", named(&"x".repeat(81))),
        ("name", named("hamburg")),
        ("role", role("")),
        ("role", role("both")),
        ("uri", uri(" ")),
        ("uri", uri(&"x".repeat(501))),
    ] {
        let refused = fixture.service.site_connect(&actor(), &input).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{input:?}");
    }
    let open = fixture.store.intent_list_estate(9).await.unwrap();
    assert_eq!(open, [], "nothing was asked for");
}

#[tokio::test]
async fn one_request_at_a_time() {
    let fixture = unregistered().await;
    open_request(&fixture).await;
    assert!(fixture.service.sites_view().await.unwrap().at_work);
    let service = &fixture.service;
    let pair = input("dr/d1", "production/p1", &["system=system"]);
    let refusals = [
        service.site_connect(&actor(), &lyon()).await,
        service
            .site_forget(&actor(), &SiteId::new("production"))
            .await,
        service.pair_register(&actor(), &pair).await,
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(refused.message.contains("is at work"), "{refused:?}");
    }
}

#[tokio::test]
async fn the_page_tells_the_labs_sites_from_the_connected_ones() {
    let mut fixture = Fixture::before_the_first_reading().await;
    let lyon = SiteSettings {
        id: SiteId::new("lyon"),
        name: "Lyon".to_owned(),
        role: SiteRole::DisasterRecovery,
        uri: "qemu:///system".to_owned(),
    };
    fixture.store.site_put(&lyon).await.unwrap();
    fixture.production.vms.truncate(3);
    fixture.read_sites().await;
    let view = fixture.service.sites_view().await.unwrap();
    let told: Vec<_> = view
        .sites
        .iter()
        .map(|site| (site.name.as_str(), site.uri.as_deref(), site.vms))
        .collect();
    let expected = [
        ("Hamburg", None, Some(3)),
        ("Lyon", Some("qemu:///system"), None),
        ("Munich", None, Some(4)),
    ];
    assert_eq!(told, expected);
    let reads: Vec<_> = view.sites.iter().map(|site| site.read_at).collect();
    assert_eq!(reads, [Some(NOW), None, Some(NOW)]);
    // The lab makes its own replicas.
    assert_eq!((view.pairs, view.proposals), (Vec::new(), Vec::new()));
    let lab = SiteId::new("dr");
    let refused = fixture.service.site_forget(&actor(), &lab).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_vm_is_proposed_with_the_best_original_and_what_speaks_for_it() {
    let mut fixture = unregistered().await;
    let odd = vm("dr", "d9", "odd", PowerState::Off, vec![disk("x", 7)]);
    fixture.dr.vms.push(odd);
    // The identity outweighs the name.
    let identity = Some("4c4c4544-0001".to_owned());
    fixture
        .replica_vm("db-01-replica")
        .identity
        .clone_from(&identity);
    fixture.production_vm("mail-01").identity = identity;
    fixture.read_sites().await;
    let view = fixture.service.sites_view().await.unwrap();
    let mut told: Vec<_> = view
        .proposals
        .iter()
        .map(|it| (it.replica.as_str(), it.original.as_deref()))
        .collect();
    told.sort_unstable();
    let expected = [
        (
            "app-01-replica at Munich",
            Some("app-01 at Hamburg (same name)"),
        ),
        (
            "db-01-replica at Munich",
            Some("mail-01 at Hamburg (same identity, disks of the same sizes)"),
        ),
        (
            "mail-01-replica at Munich",
            Some("mail-01 at Hamburg (same name, disks of the same sizes)"),
        ),
        ("odd at Munich", None),
        (
            "web-01-replica at Munich",
            Some("web-01 at Hamburg (same name, disks of the same sizes)"),
        ),
    ];
    assert_eq!(told, expected);
    assert_eq!(view.more, 0);
    // A registered one is proposed no longer.
    let fixture = connected().await;
    let view = fixture.service.sites_view().await.unwrap();
    assert_eq!((view.proposals.len(), view.pairs.len()), (0, 4));
    let pair = view.pairs.iter().find(|it| it.vm == at("dr", "d1"));
    assert_eq!(pair.unwrap().original, "web-01 at Hamburg");
}

#[tokio::test]
async fn the_form_proposes_disks_by_key_then_by_size() {
    let mut fixture = unregistered().await;
    fixture.replica_vm("web-01-replica").disks = vec![disk("vda", 2)];
    fixture.replica_vm("app-01-replica").disks =
        vec![disk("a", 2), disk("system", 2), disk("data", 40)];
    fixture.production_vm("app-01").disks = vec![disk("system", 2), disk("b", 2), disk("c", 1)];
    fixture.read_sites().await;

    let view = form(&fixture, "dr/d1", "").await;
    assert_eq!(view.original.as_deref(), Some("production/p1"));
    assert_eq!(proposed(&view), [("vda", Some("system"))]);
    assert_eq!(view.disks[0].words, "vda, 2 GiB");

    let view = form(&fixture, "dr/d3", "").await;
    let expected = [("a", Some("b")), ("system", Some("system")), ("data", None)];
    assert_eq!(proposed(&view), expected);
    assert_eq!(view.left_over, ["c, 1 GiB"]);

    // Another original is looked at, and the best one stays first in the list.
    let view = form(&fixture, "dr/d1", "production/p2").await;
    assert_eq!(view.original.as_deref(), Some("production/p2"));
    assert_eq!(proposed(&view), [("vda", None)]);
    assert_eq!(view.left_over, ["data, 1 GiB"]);
    assert_eq!(view.originals[0].0, "production/p1");
}

#[tokio::test]
async fn there_is_no_form_for_a_vm_that_cannot_be_a_replica() {
    let fixture = connected().await;
    for vm in ["dr/d1", "production/p1", "dr/none", "nonsense", ""] {
        let query = PairQuery {
            vm: vm.to_owned(),
            original: String::new(),
        };
        let refused = fixture.service.pair_view(&query).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound, "{vm}");
    }
}

#[tokio::test]
async fn a_pair_is_asked_for_with_its_disks() {
    let fixture = unregistered().await;
    fixture.answer_next(Ok("The pair is registered."));
    let pair = input("dr/d3", "production/p3", &["system=system", "data2="]);
    fixture
        .service
        .pair_register(&actor(), &pair)
        .await
        .unwrap();
    let pair = NewPair {
        replica: at("dr", "d3"),
        original: at("production", "p3"),
        disk_pairs: vec![DiskPair {
            replica: DiskKey::new("system"),
            production: DiskKey::new("system"),
        }],
    };
    assert_eq!(asked(&fixture).await, EstateAsk::RegisterPair { pair });
    assert_eq!(
        fixture.audit().await[0],
        "Asked to register app-01-replica at Munich as the replica of app-01 at Hamburg."
    );
}

#[tokio::test]
async fn disks_that_cannot_be_copies_are_refused() {
    let mut fixture = unregistered().await;
    fixture
        .replica_vm("app-01-replica")
        .disks
        .push(disk("copy", 2));
    fixture.read_sites().await;
    let of = |disks: &[&str]| input("dr/d3", "production/p3", disks);
    for (field, pair, says) in [
        ("original", input("dr/d3", "", &[]), "No original"),
        ("original", input("dr/d3", "dr/d1", &[]), "No original"),
        ("disks", of(&[]), "No disk has a pair."),
        ("disks", of(&["system=", "data2="]), "No disk has a pair."),
        ("disks", of(&["data2=scratch"]), "differ in size"),
        ("disks", of(&["none=system"]), "no pair none=system"),
        ("disks", of(&["nonsense"]), "no pair nonsense"),
        (
            "disks",
            of(&["system=system", "copy=system"]),
            "system of the original is chosen twice",
        ),
    ] {
        let refused = fixture.service.pair_register(&actor(), &pair).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{pair:?}");
        assert!(refused.message.contains(says), "{refused:?}");
    }
}

#[tokio::test]
async fn a_site_in_use_is_kept() {
    let fixture = connected().await;
    let (dr, none) = (SiteId::new("dr"), SiteId::new("none"));
    let refused = fixture.service.site_forget(&actor(), &none).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);

    let refused = fixture.service.site_forget(&actor(), &dr).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("registered as a pair"));
    let view = fixture.service.sites_view().await.unwrap();
    assert!(view.sites.iter().all(|site| site.keep_why.is_some()));

    fixture.session().await;
    let refused = fixture.service.site_forget(&actor(), &dr).await;
    assert!(
        refused
            .unwrap_err()
            .message
            .contains("A session is at work")
    );
    let view = fixture.service.sites_view().await.unwrap();
    let kept = |id: &str| {
        let pair = view.pairs.iter().find(|it| it.vm == at("dr", id));
        pair.unwrap().keep_why.is_some()
    };
    assert!(kept("d1") && !kept("d2"));

    let fixture = unregistered().await;
    fixture.answer_next(Ok("The site is forgotten."));
    fixture.service.site_forget(&actor(), &dr).await.unwrap();
    assert_eq!(asked(&fixture).await, EstateAsk::RemoveSite { site: dr });
    assert_eq!(fixture.audit().await[0], "Asked to forget site Munich.");
}

#[tokio::test]
async fn a_pair_is_forgotten_unless_a_session_is_at_work_on_it() {
    let fixture = connected().await;
    fixture.session().await;
    let service = &fixture.service;
    for (vm, kind) in [
        ("dr/d1", ErrorKind::Conflict),
        ("dr/none", ErrorKind::NotFound),
        ("production/p1", ErrorKind::NotFound),
        ("nonsense", ErrorKind::NotFound),
    ] {
        let refused = service.pair_forget(&actor(), vm).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{vm}");
    }
    fixture.answer_next(Ok("The pair is forgotten."));
    service.pair_forget(&actor(), "dr/d2").await.unwrap();
    let vm = at("dr", "d2");
    assert_eq!(asked(&fixture).await, EstateAsk::ForgetPair { vm });

    // The lab's replicas are its own.
    let lab = Fixture::new().await;
    let refused = lab.service.pair_forget(&actor(), "dr/d2").await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
}
