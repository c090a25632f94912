//! The checks on Summary.

use model::{
    ByteCount, LayoutKind, ReplicaId, SiteId,
    view::{CheckSubject, SummaryVm},
};

use super::fixture::{Fixture, GIB, NOW, disk};

async fn summary(fixture: &Fixture, replicas: &[&str]) -> Vec<SummaryVm> {
    fixture.read_sites().await;
    let id = fixture.complete_draft(replicas).await;
    fixture.service.draft_view(&id).await.unwrap().summary
}

/// Why Finish is not possible, all of it.
fn blocked(vm: &SummaryVm) -> String {
    vm.blocked().collect::<Vec<_>>().join(" ")
}

fn warned(vm: &SummaryVm) -> String {
    vm.warnings().collect::<Vec<_>>().join(" ")
}

fn items(vm: &SummaryVm) -> Vec<&str> {
    vm.drift.iter().map(|it| it.item.as_str()).collect()
}

#[tokio::test]
async fn a_vm_that_fits_has_figures_and_nothing_blocks() {
    let vm = &summary(&Fixture::new().await, &["r-web"]).await[0];
    assert_eq!(
        (vm.name.as_str(), vm.route.as_str()),
        ("web-01-replica", "Munich to Hamburg")
    );
    assert_eq!(
        (vm.to_read, vm.undo_space),
        (ByteCount(GIB), ByteCount(GIB))
    );
    assert_eq!(vm.free_space, ByteCount(100 * GIB));
    assert_eq!((blocked(vm), warned(vm)), (String::new(), String::new()));
    assert!(vm.drift.is_empty());
    assert_eq!(
        (vm.layout[0].disk.as_str(), vm.layout[0].kind),
        ("system", LayoutKind::Fits)
    );
}

#[tokio::test]
async fn a_disk_of_another_size_blocks_and_names_both() {
    let vm = &summary(&Fixture::new().await, &["r-db"]).await[0];
    assert_eq!(vm.layout[0].kind, LayoutKind::Blocks);
    let what = blocked(vm);
    assert!(
        what.contains("data: 2 GiB on the replica and 1 GiB on production"),
        "{what}"
    );
    assert!(what.contains("Make both the same size"));
    // Nothing pairs, so nothing is known of the space that undo takes.
    let mut checks = vm.checks.iter();
    assert!(checks.all(|check| check.subject != CheckSubject::Space));
}

#[tokio::test]
async fn sizes_that_read_alike_are_named_in_bytes() {
    let mut fixture = Fixture::new().await;
    fixture.production_vm("web-01").disks[0].size.0 += 512;
    let vm = &summary(&fixture, &["r-web"]).await[0];
    assert!(blocked(vm).contains("2147483648 bytes"), "{:?}", vm.checks);
}

#[tokio::test]
async fn another_sector_size_blocks() {
    let mut fixture = Fixture::new().await;
    fixture.production_vm("web-01").disks[0].sector = 4096;
    let vm = &summary(&fixture, &["r-web"]).await[0];
    assert!(blocked(vm).contains("512") && blocked(vm).contains("4096"));
}

#[tokio::test]
async fn a_disk_on_one_side_only_is_said_and_does_not_block() {
    let vm = &summary(&Fixture::new().await, &["r-app"]).await[0];
    assert_eq!(blocked(vm), "");
    let data2 = vm.drift.iter().find(|it| it.item == "data2").unwrap();
    assert_eq!(data2.what, "40 GiB, is not sent.");
    let scratch = vm.layout.iter().find(|it| it.disk == "scratch").unwrap();
    assert!(scratch.kind == LayoutKind::Unpaired && scratch.what.contains("stays untouched"));
    // Only what pairs is read.
    assert_eq!(vm.to_read, ByteCount(GIB));
}

#[tokio::test]
async fn everything_configured_differently_is_listed_by_name() {
    let mut fixture = Fixture::new().await;
    let vm = fixture.replica_vm("web-01-replica");
    vm.cpus = 4;
    vm.memory = ByteCount(GIB);
    vm.firmware = model::Firmware::Bios;
    vm.adapters[0].address = Some("10.0.0.5".to_owned());
    vm.adapters.push(vm.adapters[0].clone());
    vm.tags.push("dr".to_owned());
    vm.storage_policy = Some("gold".to_owned());
    vm.beside_disks.push("TPM state".to_owned());
    let vm = &summary(&fixture, &["r-web"]).await[0];
    let expected = [
        "CPU",
        "memory",
        "firmware",
        "adapter 1",
        "adapter 2",
        "tags",
        "storage policy",
        "TPM state",
    ];
    assert_eq!(items(vm), expected);
    assert!(
        vm.drift[0]
            .what
            .contains("4 on the replica, 2 on production")
    );
}

#[tokio::test]
async fn a_production_vm_that_runs_is_warned_about() {
    let vm = &summary(&Fixture::new().await, &["r-app"]).await[0];
    assert!(warned(vm).contains("app-01 is powered on. It will be powered off"));
}

#[tokio::test]
async fn space_for_undo_is_counted_over_all_chosen_vms() {
    let mut fixture = Fixture::new().await;
    fixture.production.free = ByteCount(GIB * 3 / 2);
    let alone = summary(&fixture, &["r-web"]).await;
    assert_eq!(blocked(&alone[0]), "");
    let both = summary(&fixture, &["r-web", "r-app"]).await;
    for vm in &both {
        assert!(
            blocked(vm).contains("2 GiB at Hamburg, all chosen VMs together"),
            "{:?}",
            vm.checks
        );
    }
    fixture.production.free = ByteCount(1);
    let alone = summary(&fixture, &["r-web"]).await;
    assert!(
        blocked(&alone[0]).contains("1 GiB at Hamburg"),
        "{:?}",
        alone[0].checks
    );
}

#[tokio::test]
async fn what_is_gone_or_held_blocks_with_its_name() {
    let mut fixture = Fixture::new().await;
    fixture.production_vm("web-01").held_by = Some("backup".to_owned());
    let vm = &summary(&fixture, &["r-web"]).await[0];
    assert!(blocked(vm).contains("web-01 is held by backup"));

    let id = fixture.complete_draft(&["r-web"]).await;
    fixture.production.vms.clear();
    fixture.read_sites().await;
    let view = fixture.service.draft_view(&id).await.unwrap();
    assert!(blocked(&view.summary[0]).contains("cannot be found at Hamburg"));

    fixture.dr.replicas.clear();
    fixture.read_sites().await;
    let view = fixture.service.draft_view(&id).await.unwrap();
    assert_eq!(view.summary[0].replica, ReplicaId::new("r-web"));
    assert!(blocked(&view.summary[0]).contains("no longer there"));
}

#[tokio::test]
async fn no_pair_at_all_blocks() {
    let mut fixture = Fixture::new().await;
    fixture.replica_vm("web-01-replica").disks = vec![disk("other", 2)];
    let vm = &summary(&fixture, &["r-web"]).await[0];
    assert!(blocked(vm).contains("No disk of web-01-replica has a counterpart"));
}

#[tokio::test]
async fn two_replicas_of_one_vm_cannot_return_together() {
    let mut fixture = Fixture::new().await;
    fixture.dr.replicas[2].original = fixture.dr.replicas[0].original.clone();
    let vms = summary(&fixture, &["r-web", "r-app"]).await;
    assert!(vms.iter().all(|vm| blocked(vm).contains("More than one")));
}

#[tokio::test]
async fn checks_over_an_old_inventory_say_so() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let site = SiteId::new("production");
    fixture
        .store
        .inventory_failed(&site, "no route", NOW)
        .await
        .unwrap();
    let view = fixture.service.draft_view(&id).await.unwrap();
    assert!(warned(&view.summary[0]).contains("cannot be read now: no route"));
}

#[tokio::test]
async fn what_sessions_at_work_may_still_take_is_warned_about() {
    let mut fixture = Fixture::new().await;
    fixture.production.free = ByteCount(GIB * 3 / 2);
    fixture.read_sites().await;
    let web = fixture.complete_draft(&["r-web"]).await;
    let actor = super::fixture::actor();
    fixture.service.finish(&actor, &web).await.unwrap();
    let id = fixture.complete_draft(&["r-app"]).await;
    let summary = fixture.service.draft_view(&id).await.unwrap().summary;
    assert_eq!(blocked(&summary[0]), "");
    assert!(
        warned(&summary[0]).contains("Sessions at work there may take up to 1 GiB of it."),
        "{:?}",
        summary[0].checks
    );
}
