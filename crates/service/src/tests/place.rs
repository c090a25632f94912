//! A specified location through the use cases: apply to many, refusals at their fields, Next,
//! and what Finish records.

use model::{
    ApiError, Compute, Destination, DiskType, DraftId, ErrorKind, HostId, NewVm, ReplicaId,
    view::{DatastoreInput, DraftView, HostInput, PlacedVm, RowsInput, WizardStep},
};

use super::fixture::{Fixture, actor, resources};
use crate::{Service, placement::STEPS};

async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.production.resources = resources();
    fixture.read_sites().await;
    fixture
}

async fn draft(fixture: &Fixture, replicas: &[&str]) -> DraftId {
    let id = fixture.complete_draft(replicas).await;
    let specified = Some(Destination::SpecifiedLocation);
    fixture
        .service
        .draft_set_destination(&actor(), &id, specified)
        .await
        .unwrap();
    id
}

fn ticked(rows: &[&str]) -> RowsInput {
    RowsInput {
        all: false,
        ticked: rows.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn all() -> RowsInput {
    RowsInput {
        all: true,
        ticked: Vec::new(),
    }
}

fn on(rows: RowsInput, compute: &str) -> HostInput {
    HostInput {
        rows,
        compute: compute.to_owned(),
        names: Vec::new(),
    }
}

fn named(replica: &str, name: &str) -> HostInput {
    HostInput {
        names: vec![(ReplicaId::new(replica), name.to_owned())],
        ..HostInput::default()
    }
}

async fn view(fixture: &Fixture, id: &DraftId) -> DraftView {
    fixture.service.draft_view(id).await.unwrap()
}

async fn vms(fixture: &Fixture, id: &DraftId) -> Vec<PlacedVm> {
    view(fixture, id).await.placement.unwrap().vms
}

async fn accept_all(fixture: &Fixture, id: &DraftId) {
    for step in STEPS {
        fixture
            .service
            .draft_accept_place(&actor(), id, step)
            .await
            .unwrap();
    }
}

/// A draft of one replica whose place is confirmed.
pub(super) async fn confirmed(replica: &str) -> (Fixture, DraftId) {
    let fixture = fixture().await;
    let id = draft(&fixture, &[replica]).await;
    accept_all(&fixture, &id).await;
    (fixture, id)
}

#[tokio::test]
async fn without_a_site_that_makes_vms_the_destination_cannot_be_chosen() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let specified = Some(Destination::SpecifiedLocation);
    let error = fixture
        .service
        .draft_set_destination(&actor(), &id, specified)
        .await
        .unwrap_err();
    assert_eq!(error.field.as_deref(), Some("destination"));
    let options = view(&fixture, &id).await.destinations;
    assert!(options[2].why_not.is_some());
}

fn files(datastore: &str, disk_type: &str, seed: &str) -> DatastoreInput {
    DatastoreInput {
        datastore: datastore.to_owned(),
        disk_type: disk_type.to_owned(),
        seed: seed.to_owned(),
    }
}

/// Something else for other rows at each step.
async fn change_some_rows(service: &Service, id: &DraftId) {
    service
        .draft_set_host(&actor(), id, on(all(), "production/host/h1"))
        .await
        .unwrap();
    let two = || ticked(&["r-web", "r-app"]);
    service
        .draft_set_host(&actor(), id, on(two(), "production/cluster/c"))
        .await
        .unwrap();
    service
        .draft_set_pool(&actor(), id, two(), "production/shop".to_owned())
        .await
        .unwrap();
    service
        .draft_set_folder(
            &actor(),
            id,
            two(),
            "production/Web".to_owned(),
            "no".to_owned(),
        )
        .await
        .unwrap();
    service
        .draft_set_datastore(
            &actor(),
            id,
            ticked(&["r-app/data2", "r-db"]),
            files("production/fast", "thick_eager_zeroed", ""),
        )
        .await
        .unwrap();
    service
        .draft_set_network(
            &actor(),
            id,
            ticked(&["r-db"]),
            "none".to_owned(),
            "renew".to_owned(),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_value_goes_to_the_rows_that_are_ticked_and_to_no_others() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web", "r-db", "r-app"]).await;
    change_some_rows(&fixture.service, &id).await;
    let vms = vms(&fixture, &id).await;
    let rows: Vec<_> = vms
        .iter()
        .map(|vm| {
            let files: Vec<_> = vm
                .files
                .iter()
                .map(|file| {
                    (
                        file.datastore.chosen,
                        file.disk_type.as_ref().is_some_and(|it| it.chosen),
                    )
                })
                .collect();
            (
                vm.host.words.as_str(),
                vm.pool.words.as_str(),
                vm.folder.words.as_str(),
                vm.restore_tags.words.as_str(),
                files,
                vm.adapters[0].network.words.as_str(),
                vm.adapters[0].address.words.as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                "Cluster",
                "shop",
                "Web",
                "Not restored",
                vec![(false, false); 2],
                "dr network",
                "Kept"
            ),
            (
                "h1.example",
                "None",
                "None",
                "tier-1, restored",
                vec![(true, false), (true, true)],
                "Disconnected",
                "Renewed"
            ),
            (
                "Cluster",
                "shop",
                "Web",
                "Not restored",
                vec![(false, false), (false, false), (true, true)],
                "dr network",
                "Kept",
            ),
        ]
    );
}

/// web-01 on the standalone host, db-01 on a host of the cluster.
async fn on_two_hosts(fixture: &Fixture) -> DraftId {
    let id = draft(fixture, &["r-web", "r-db"]).await;
    for (row, host) in [("r-web", "edge"), ("r-db", "h2")] {
        let input = on(ticked(&[row]), &format!("production/host/{host}"));
        fixture
            .service
            .draft_set_host(&actor(), &id, input)
            .await
            .unwrap();
    }
    id
}

fn is_refused(what: &str, result: Result<(), ApiError>, field: &str, says: &str) {
    let error = result.expect_err(what);
    assert_eq!(error.field.as_deref(), Some(field), "{what}: {error:?}");
    assert!(error.message.contains(says), "{what}: {}", error.message);
    assert!(!error.hint.is_empty(), "{what}");
    assert!(
        matches!(
            error.kind,
            ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::NotFound
        ),
        "{what}"
    );
}

#[tokio::test]
async fn hosts_and_names_that_cannot_be_are_refused_and_change_nothing() {
    let fixture = fixture().await;
    let id = on_two_hosts(&fixture).await;
    let before = view(&fixture, &id).await.placement;
    let h1 = "production/host/h1";
    for (what, input, field, says) in [
        ("no rows", on(ticked(&[]), h1), "rows", "No row is ticked"),
        (
            "a stranger",
            on(ticked(&["r-mail"]), h1),
            "rows",
            "no longer there",
        ),
        (
            "no such host",
            on(all(), "production/host/h9"),
            "compute",
            "any more",
        ),
        (
            "no such cluster",
            on(all(), "production/cluster/c9"),
            "compute",
            "any more",
        ),
        ("nonsense", on(all(), "h1"), "compute", "any more"),
        (
            "another site",
            on(all(), "dr/host/h1"),
            "compute",
            "any more",
        ),
        (
            "a taken name",
            named("r-web", "MAIL-01"),
            "name-r-web",
            "has a VM named",
        ),
        (
            "an empty name",
            named("r-web", " "),
            "name-r-web",
            "missing",
        ),
        ("a slash", named("r-web", "a/b"), "name-r-web", "character"),
    ] {
        let result = fixture.service.draft_set_host(&actor(), &id, input).await;
        is_refused(what, result, field, says);
    }
    assert_eq!(view(&fixture, &id).await.placement, before);
}

#[tokio::test]
async fn what_a_row_s_host_does_not_offer_is_refused_and_changes_nothing() {
    let fixture = fixture().await;
    let id = on_two_hosts(&fixture).await;
    let before = view(&fixture, &id).await.placement;
    let service = &fixture.service;
    let actor = actor();
    let text = str::to_owned;
    for (value, says) in [
        ("production/gold", "divides Cluster"),
        ("production/p9", "any more"),
        ("dr/gold", "is at dr"),
    ] {
        let result = service
            .draft_set_pool(&actor, &id, all(), text(value))
            .await;
        is_refused(value, result, "pool", says);
    }
    for (value, kind, seed, field, says) in [
        ("production/fast", "", "", "datastore", "not reached"),
        ("production/d9", "", "", "datastore", "any more"),
        ("", "thickest", "", "disk_type", "any more"),
        ("", "", "everything", "seed", "any more"),
        ("", "thin", "original", "seed", "no disk"),
    ] {
        let result = service
            .draft_set_datastore(&actor, &id, all(), files(value, kind, seed))
            .await;
        is_refused(value, result, field, says);
    }
    for (value, tags, field, says) in [
        ("production/Web", "", "folder", "standalone"),
        ("production/f9", "", "folder", "any more"),
        ("", "perhaps", "tags", "any more"),
    ] {
        let result = service
            .draft_set_folder(&actor, &id, all(), text(value), text(tags))
            .await;
        is_refused(value, result, field, says);
    }
    for (value, mac, field, says) in [
        ("production/lan", "", "network", "not reached"),
        ("production/n9", "", "network", "any more"),
        ("", "another", "mac", "any more"),
    ] {
        let result = service
            .draft_set_network(&actor, &id, all(), text(value), text(mac))
            .await;
        is_refused(value, result, field, says);
    }
    assert_eq!(view(&fixture, &id).await.placement, before);
}

#[tokio::test]
async fn old_hardware_refuses_disk_types() {
    let mut fixture = fixture().await;
    fixture
        .replica_vm("web-01-replica")
        .placement
        .hardware_version = Some(6);
    fixture.read_sites().await;
    let id = draft(&fixture, &["r-web"]).await;
    let error = fixture
        .service
        .draft_set_datastore(&actor(), &id, all(), files("", "thin", ""))
        .await
        .unwrap_err();
    assert_eq!(error.field.as_deref(), Some("disk_type"));
    assert!(
        error.message.contains("virtual hardware 6"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn next_takes_what_is_shown_and_stops_at_what_stands_against_it() {
    let mut fixture = fixture().await;
    let id = draft(&fixture, &["r-web", "r-db"]).await;
    let steps = view(&fixture, &id).await.steps;
    assert!(steps.contains(&(WizardStep::Host, false)));
    accept_all(&fixture, &id).await;
    let complete = view(&fixture, &id).await.steps;
    assert!(
        complete.iter().all(|(_, complete)| *complete),
        "{complete:?}"
    );
    // A choice that went stale meanwhile stops its step, and Finish.
    fixture.production.resources.hosts.truncate(1);
    fixture.production.resources.datastores[1].free = model::ByteCount(1);
    fixture.read_sites().await;
    let error = fixture
        .service
        .draft_accept_place(&actor(), &id, WizardStep::Host)
        .await
        .unwrap_err();
    assert!(
        error.message.contains("is no longer there"),
        "{}",
        error.message
    );
    assert!(error.field.unwrap().starts_with("place-r-"));
    let error = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert!(
        error.message.contains("cannot be failed back"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn choices_outlive_another_destination() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web"]).await;
    let service = &fixture.service;
    service
        .draft_set_host(&actor(), &id, named("r-web", "returned"))
        .await
        .unwrap();
    for destination in [Destination::OriginalVm, Destination::SpecifiedLocation] {
        service
            .draft_set_destination(&actor(), &id, Some(destination))
            .await
            .unwrap();
    }
    assert_eq!(vms(&fixture, &id).await[0].new_name.words, "returned");
}

#[tokio::test]
async fn finish_records_a_vm_to_be_made_per_session() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web", "r-db"]).await;
    let service = &fixture.service;
    service
        .draft_set_host(&actor(), &id, on(all(), "production/host/h1"))
        .await
        .unwrap();
    let thick = "thick_lazy_zeroed".to_owned();
    service
        .draft_set_datastore(&actor(), &id, ticked(&["r-db/data"]), files("", &thick, ""))
        .await
        .unwrap();
    let error = service.finish(&actor(), &id).await.unwrap_err();
    assert!(
        error.message.contains("were not confirmed"),
        "{}",
        error.message
    );
    accept_all(&fixture, &id).await;
    let summary = view(&fixture, &id).await.summary;
    assert!(
        summary[0]
            .placement
            .contains(&("Host".to_owned(), "h1.example".to_owned()))
    );
    let reply = service.finish(&actor(), &id).await.unwrap();
    let mut names = Vec::new();
    for session in &reply.sessions {
        let row = fixture.store.session_fetch(session).await.unwrap().unwrap();
        let spec = row.choices.new_vm.unwrap();
        assert_eq!(row.destination, Destination::SpecifiedLocation);
        assert_eq!(row.production_vm, spec.vm);
        assert_eq!(spec.vm, NewVm::made_by(session, spec.vm.site.clone()));
        assert_eq!(spec.compute, Compute::Host(HostId::new("h1")));
        let keys: Vec<_> = spec.disks.iter().map(|disk| &disk.key).collect();
        let pairs: Vec<_> = row.layout.iter().map(|pair| &pair.target).collect();
        assert_eq!(keys, pairs);
        names.push((spec.name, spec.disks[0].disk_type));
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        names,
        [
            ("db-01-failback".to_owned(), DiskType::ThickLazyZeroed),
            ("web-01-failback".to_owned(), DiskType::AsSource),
        ]
    );
    // Their names are taken until the VMs are there.
    let other = draft(&fixture, &["r-app"]).await;
    let error = service
        .draft_set_host(&actor(), &other, named("r-app", "Web-01-failback"))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("A failback at work makes"),
        "{}",
        error.message
    );
}
