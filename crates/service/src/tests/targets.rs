//! Step Target VM: which existing VM each replica returns to.

use model::{
    Destination, DiskKey, DraftId, ErrorKind, LayoutKind, PowerState, ReplicaId, SiteId, VmInfo,
    VmRef,
    view::{DraftView, TargetInput, WizardStep},
};

use super::fixture::{Fixture, GIB, actor, disk, vm};

/// The sites with VMs restored from web-01 and app-01 beside the originals.
async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    let restored = |id: &str, name: &str, disks| vm("production", id, name, PowerState::Off, disks);
    let mut web = restored("p5", "web-01-restored", vec![disk("web-new", 2)]);
    web.identity = Some("web's uuid".to_owned());
    fixture.replica_vm("web-01-replica").identity = web.identity.clone();
    fixture.production_vm("web-01").identity = web.identity.clone();
    let mut drill = restored("p6", "web-01 drill", vec![disk("drill", 2)]);
    drill.power = PowerState::On;
    let other = restored("p7", "elsewhere", vec![disk("other", 2)]);
    let app = restored(
        "p8",
        "app-01-restored",
        vec![disk("app-new", 1), disk("more", 40)],
    );
    fixture.production.vms.extend([web, drill, other, app]);
    fixture.read_sites().await;
    fixture
}

async fn draft(fixture: &Fixture, replicas: &[&str]) -> DraftId {
    let id = fixture.complete_draft(replicas).await;
    let recovered = Some(Destination::RecoveredVm);
    fixture
        .service
        .draft_set_destination(&actor(), &id, recovered)
        .await
        .unwrap();
    id
}

fn pick(replica: &str, target: &str) -> TargetInput {
    TargetInput {
        replica: ReplicaId::new(replica),
        target: target.to_owned(),
        other: String::new(),
    }
}

fn by_name(replica: &str, other: &str) -> TargetInput {
    TargetInput {
        other: other.to_owned(),
        ..pick(replica, "")
    }
}

fn at_production(id: &str) -> VmRef {
    VmRef {
        site: SiteId::new("production"),
        platform_id: id.to_owned(),
    }
}

async fn view(fixture: &Fixture, id: &DraftId) -> DraftView {
    fixture.service.draft_view(id).await.unwrap()
}

async fn save(
    fixture: &Fixture,
    id: &DraftId,
    inputs: Vec<TargetInput>,
) -> Result<(), model::ApiError> {
    fixture
        .service
        .draft_set_targets(&actor(), id, inputs)
        .await
}

#[tokio::test]
async fn the_vm_that_matches_best_is_proposed_and_says_what_matched() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web"]).await;
    let view = view(&fixture, &id).await;
    let row = &view.targets[0];
    assert_eq!(
        (&row.chosen, &row.suggested),
        (&None, &Some(at_production("p5")))
    );
    let listed: Vec<_> = row
        .candidates
        .iter()
        .map(|it| {
            (
                it.vm.platform_id.as_str(),
                it.matched.as_str(),
                it.why_not.is_some(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("p1", "identity, name and disk layout", true),
            ("p5", "identity, name and disk layout", false),
            ("p6", "name and disk layout", true),
            ("p4", "disk layout", true),
            ("p7", "disk layout", false),
        ]
    );
    assert!(
        row.candidates
            .iter()
            .all(|it| it.vm.site.as_str() == "production")
    );
    let steps: Vec<_> = view.steps.iter().map(|it| it.0).collect();
    assert_eq!(steps, WizardStep::of(Some(Destination::RecoveredVm)));
    assert!(view.steps.contains(&(WizardStep::TargetVm, false)));
}

#[tokio::test]
async fn what_cannot_be_returned_to_is_refused_and_changes_nothing() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web", "r-app"]).await;
    save(&fixture, &id, vec![pick("r-web", "production/p5")])
        .await
        .expect_err("r-app has none yet");
    let before = view(&fixture, &id).await.targets;
    assert_eq!(before[0].chosen, Some(at_production("p5")));
    for (what, inputs, says, kind) in [
        (
            "two replicas to one VM",
            vec![
                pick("r-web", "production/p7"),
                by_name("r-app", "elsewhere"),
            ],
            "Both web-01-replica and app-01-replica would return to elsewhere",
            ErrorKind::Conflict,
        ),
        (
            "a replica",
            vec![pick("r-web", "dr/d2")],
            "db-01-replica is itself a replica",
            ErrorKind::Conflict,
        ),
        (
            "a running VM",
            vec![by_name("r-web", "WEB-01 drill")],
            "web-01 drill runs",
            ErrorKind::Conflict,
        ),
        (
            "its original",
            vec![pick("r-web", "production/p1")],
            "web-01 is the original VM",
            ErrorKind::Conflict,
        ),
        (
            "the original of another",
            vec![pick("r-web", "production/p2")],
            "db-01 is the production VM of db-01-replica",
            ErrorKind::Conflict,
        ),
        (
            "no VM",
            vec![by_name("r-web", "nobody")],
            "There is no VM named \"nobody\"",
            ErrorKind::Invalid,
        ),
        (
            "a VM that went",
            vec![pick("r-web", "production/gone")],
            "There is no VM production/gone",
            ErrorKind::NotFound,
        ),
        (
            "a replica that was not chosen",
            vec![pick("r-db", "production/p7")],
            "r-db is not among the chosen replicas",
            ErrorKind::NotFound,
        ),
    ] {
        let refused = save(&fixture, &id, inputs).await.expect_err(what);
        assert!(
            refused.message.contains(says),
            "{what}: {}",
            refused.message
        );
        assert_eq!(refused.kind, kind, "{what}");
        assert_eq!(view(&fixture, &id).await.targets, before, "{what}");
    }
}

#[tokio::test]
async fn a_layout_that_does_not_fit_is_shown_disk_by_disk_and_stops_the_step() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-app"]).await;
    let refused = save(&fixture, &id, vec![by_name("r-app", "app-01-restored")])
        .await
        .expect_err("the system disk is smaller");
    assert_eq!(refused.field.as_deref(), Some("target-r-app"));
    assert!(
        refused
            .message
            .contains("2 GiB on the replica and 1 GiB on production"),
        "{refused}"
    );
    let view = view(&fixture, &id).await;
    let row = &view.targets[0];
    assert_eq!(row.chosen, Some(at_production("p8")));
    let mut listed = row.candidates.iter();
    let picked = listed.find(|it| it.vm == at_production("p8"));
    let layout = &picked.expect("the chosen one is listed").layout;
    let found: Vec<_> = layout
        .iter()
        .map(|it| (it.disk.as_str(), it.kind))
        .collect();
    assert_eq!(
        found,
        [("system", LayoutKind::Blocks), ("data2", LayoutKind::Fits)]
    );
    assert!(view.steps.contains(&(WizardStep::TargetVm, false)));
    assert!(view.summary[0].blocked().next().is_some());
    assert!(fixture.service.finish(&actor(), &id).await.is_err());
}

#[tokio::test]
async fn finish_pairs_disks_of_other_keys_and_remembers_what_was_production() {
    let fixture = fixture().await;
    let original = at_production("p1");
    let protected = model::ProtectedVmId::new("protected-r-web");
    fixture
        .store
        .protected_vm_put_if_absent(&protected, "web-01", &original)
        .await
        .unwrap();
    let id = draft(&fixture, &["r-web"]).await;
    save(&fixture, &id, vec![pick("r-web", "production/p5")])
        .await
        .unwrap();
    let before = view(&fixture, &id).await;
    assert!(before.steps.iter().all(|it| it.1), "{:?}", before.steps);
    let reply = fixture.service.finish(&actor(), &id).await.unwrap();
    let row = fixture
        .store
        .session_fetch(&reply.sessions[0])
        .await
        .unwrap();
    let row = row.unwrap();
    assert_eq!(row.destination, Destination::RecoveredVm);
    assert_eq!(row.machine.destination, Destination::RecoveredVm);
    assert_eq!(row.production_vm, at_production("p5"));
    assert_eq!(row.previous_production, Some(original));
    assert_eq!(
        (
            &row.layout[0].key,
            &row.layout[0].target,
            row.layout[0].size.0
        ),
        (&DiskKey::new("system"), &DiskKey::new("web-new"), 2 * GIB)
    );
    // Another draft cannot take a VM that a session writes to.
    let other = draft(&fixture, &["r-app"]).await;
    let refused = save(&fixture, &other, vec![pick("r-app", "production/p5")]).await;
    let refused = refused.expect_err("busy");
    assert!(refused.message.contains("at work already"), "{refused}");
}

#[tokio::test]
async fn choices_that_no_longer_apply_come_back_with_their_destination() {
    let fixture = fixture().await;
    let id = draft(&fixture, &["r-web"]).await;
    save(&fixture, &id, vec![pick("r-web", "production/p5")])
        .await
        .unwrap();
    let to = async |destination| {
        let service = &fixture.service;
        service
            .draft_set_destination(&actor(), &id, Some(destination))
            .await
            .unwrap();
        view(&fixture, &id).await
    };
    let original = to(Destination::OriginalVm).await;
    assert!(original.targets.is_empty());
    assert!(original.steps.iter().all(|it| it.0 != WizardStep::TargetVm));
    assert!(original.mode.is_some() && original.power_on);
    let back = to(Destination::RecoveredVm).await;
    assert_eq!(back.targets[0].chosen, Some(at_production("p5")));
    assert!(back.steps.iter().all(|it| it.1), "{:?}", back.steps);
}

#[tokio::test]
async fn a_choice_that_went_stale_is_marked() {
    let mut fixture = fixture().await;
    let id = draft(&fixture, &["r-web"]).await;
    save(&fixture, &id, vec![pick("r-web", "production/p5")])
        .await
        .unwrap();
    fixture.production_vm("web-01-restored").power = PowerState::On;
    fixture.read_sites().await;
    let running = view(&fixture, &id).await;
    assert!(running.targets[0].blocked[0].contains("runs"));
    assert!(running.summary[0].blocked().next().is_some());
    fixture
        .production
        .vms
        .retain(|vm: &VmInfo| vm.name != "web-01-restored");
    fixture.read_sites().await;
    let gone = view(&fixture, &id).await;
    assert!(gone.targets[0].blocked[0].contains("no longer there"));
    let refused = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert!(refused.message.contains("cannot be found"), "{refused}");
}
