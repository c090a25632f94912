//! Some hundred replicas: lists a page at a time, choices that span pages.

use model::{
    Destination, DraftId, ErrorKind, PowerState, ProtectedVmId, ReplicaId, SessionStateRecord,
    VisibleState, VmRef,
    view::{
        AfterInput, DraftView, ListQuery, OwnInput, SeveralInput, Sort, StartQuery, SummaryVm,
        TargetInput, WizardStep,
    },
};

use super::fixture::{Fixture, NOW, actor, manual, resources};
use crate::{Also, Ticks};

const MORE: usize = 246;

/// The fixture's four replicas and more like the first, each with an original of its own.
async fn many() -> Fixture {
    let mut fixture = Fixture::new().await;
    let replica = fixture.replica("r-web").clone();
    let kept = fixture.replica_vm("web-01-replica").clone();
    let original = fixture.production_vm("web-01").clone();
    for number in 0..MORE {
        let name = format!("many-{number:03}");
        let vm = |of: &VmRef, id: String| VmRef {
            site: of.site.clone(),
            platform_id: id,
        };
        let production = vm(&original.vm, name.clone());
        let there = vm(&kept.vm, format!("{name}-replica"));
        let mut info = original.clone();
        (info.vm, info.name, info.identity) = (production.clone(), name.clone(), None);
        fixture.production.vms.push(info);
        let mut info = kept.clone();
        (info.vm, info.name) = (there.clone(), format!("{name}-replica"));
        fixture.dr.vms.push(info);
        let mut row = replica.clone();
        row.id = ReplicaId::new(format!("r-{name}"));
        row.protected = ProtectedVmId::new(format!("p-{name}"));
        (row.vm, row.original) = (there, production);
        fixture.dr.replicas.push(row);
    }
    fixture.read_sites().await;
    fixture
}

fn page(page: usize) -> ListQuery {
    ListQuery {
        page,
        ..ListQuery::default()
    }
}

fn sorted(filter: &str, sort: &str) -> ListQuery {
    ListQuery {
        filter: filter.to_owned(),
        sort: Sort::parse(sort),
        page: 1,
    }
}

fn ids(names: &[&str]) -> Vec<ReplicaId> {
    names.iter().map(|name| ReplicaId::new(*name)).collect()
}

async fn step(fixture: &Fixture, id: &DraftId, step: WizardStep, query: ListQuery) -> DraftView {
    let draft = fixture.service.draft_step(id, step, query).await;
    draft.unwrap()
}

#[tokio::test]
async fn the_start_page_has_a_page_of_each_list_and_counts_all() {
    let fixture = many().await;
    fixture.session().await;
    let start = async |replicas: ListQuery| {
        let query = StartQuery {
            replicas,
            ..StartQuery::default()
        };
        fixture.service.start(&query).await.unwrap()
    };
    let all = MORE + 4;
    let view = start(page(3)).await;
    assert_eq!(
        (view.replicas.len(), view.replica_page.total),
        (all - 200, all)
    );
    assert_eq!((view.replica_page.page, view.replica_page.pages), (3, 3));
    assert_eq!(view.running.len(), 1);
    assert_eq!(view.headline, "248 replicas in Failover, 1 session at work");

    let view = start(sorted("MANY-00", "-name")).await;
    let names: Vec<_> = view
        .replicas
        .iter()
        .map(|it| &*it.production_name)
        .collect();
    assert_eq!(
        (names.len(), names[0], names[9]),
        (10, "many-009", "many-000")
    );
    assert_eq!((view.replica_page.total, view.replica_page.all), (10, all));
    assert_eq!(view.headline, "248 replicas in Failover, 1 session at work");

    // Whoever looks for a state finds it, that of a session too.
    let view = start(sorted("synchronizing", "")).await;
    assert_eq!(view.replicas.len(), 1);
    assert_eq!(view.replicas[0].state, VisibleState::Synchronizing);
    assert_eq!(start(sorted("nobody", "size")).await.replica_page.total, 0);
}

#[tokio::test]
async fn past_sessions_are_paged_by_the_store() {
    let fixture = many().await;
    let id = fixture.session().await;
    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::Ended {
                outcome: model::Outcome::Undone,
                at: NOW,
            };
        })
        .await;
    let past = async |past: ListQuery| {
        let query = StartQuery {
            past,
            ..StartQuery::default()
        };
        let view = fixture.service.start(&query).await.unwrap();
        assert!(view.running.is_empty());
        (view.past.len(), view.past_page.page, view.past_page.total)
    };
    assert_eq!(past(ListQuery::default()).await, (1, 1, 1));
    // A page past the end is the last.
    assert_eq!(past(page(9)).await, (1, 1, 1));
    assert_eq!(past(sorted("web", "-since")).await, (1, 1, 1));
    assert_eq!(past(sorted("db-01", "name")).await, (0, 1, 0));
}

#[tokio::test]
async fn ticks_stay_across_pages_and_all_is_what_the_filter_lets_through() {
    let fixture = many().await;
    let service = &fixture.service;
    let id = service.draft_create(&actor(), Vec::new()).await.unwrap();
    let tick = async |shown: &[&str], ticked: &[&str], also| {
        let ticks = Ticks {
            shown: ids(shown),
            ticked: ids(ticked),
            also,
        };
        service.draft_tick_replicas(&actor(), &id, &ticks).await
    };
    let chosen = async || {
        let view = service.draft_view(&id).await.unwrap();
        let names: Vec<_> = view.chosen.iter().map(ToString::to_string).collect();
        assert_eq!(view.chosen_count, names.len());
        names
    };
    tick(
        &["r-many-001", "r-many-002"],
        &["r-many-002"],
        Also::Nothing,
    )
    .await
    .unwrap();
    tick(
        &["r-many-101", "r-many-102"],
        &["r-many-101"],
        Also::Nothing,
    )
    .await
    .unwrap();
    assert_eq!(chosen().await, ["r-many-002", "r-many-101"]);
    // The first page again, now without its tick.
    tick(&["r-many-001", "r-many-002"], &[], Also::Nothing)
        .await
        .unwrap();
    assert_eq!(chosen().await, ["r-many-101"]);

    tick(&[], &[], Also::AllOf("many-00".to_owned()))
        .await
        .unwrap();
    assert_eq!(chosen().await.len(), 11);
    tick(
        &["r-many-003"],
        &["r-many-003"],
        Also::NoneOf("many-00".to_owned()),
    )
    .await
    .unwrap();
    assert_eq!(chosen().await, ["r-many-101"]);
    // The one in Ready is not among all.
    tick(&[], &[], Also::AllOf(String::new())).await.unwrap();
    assert_eq!(chosen().await.len(), MORE + 3);

    let refused = tick(&["r-mail"], &["r-mail"], Also::Nothing)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.field.as_deref()),
        (ErrorKind::Conflict, Some("replicas"))
    );
    assert_eq!(chosen().await.len(), MORE + 3);
    let none = tick(&[], &[], Also::NoneOf(String::new()))
        .await
        .unwrap_err();
    assert_eq!(none.field.as_deref(), Some("replicas"));
    assert_eq!(chosen().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_step_has_a_page_of_its_own_list_and_counts_of_all() {
    let fixture = many().await;
    let service = &fixture.service;
    let id = service.draft_create(&actor(), Vec::new()).await.unwrap();
    let all = Ticks {
        also: Also::AllOf("many".to_owned()),
        ..Ticks::default()
    };
    service
        .draft_tick_replicas(&actor(), &id, &all)
        .await
        .unwrap();
    let original = Some(Destination::OriginalVm);
    service
        .draft_set_destination(&actor(), &id, original)
        .await
        .unwrap();

    let replica = step(&fixture, &id, WizardStep::Replica, page(2)).await;
    assert_eq!((replica.replicas.len(), replica.page.page), (100, 2));
    assert_eq!((replica.chosen_count, replica.selectable), (MORE, MORE + 3));
    // Of the chosen ones those on the page, and no list of another step.
    assert_eq!(replica.chosen.len(), 100);
    assert!(replica.summary.is_empty() && replica.policies.is_empty());
    let first = &step(&fixture, &id, WizardStep::Replica, page(1))
        .await
        .replicas;
    assert!(first.iter().all(|it| it.id.as_str() != "r-mail"));

    let mode = step(&fixture, &id, WizardStep::FailbackMode, page(3)).await;
    assert_eq!(mode.several.unwrap().rows.len(), MORE - 200);
    assert!(mode.replicas.is_empty() && mode.chosen_names.len() < 10);
    let summary = step(&fixture, &id, WizardStep::Summary, page(1)).await;
    // What is shown of each is long there.
    assert_eq!((summary.summary.len(), summary.page.total), (50, MORE));
    let told = |vm: &SummaryVm| vm.estimate.is_some();
    assert!(summary.summary.iter().all(told));
    let whole = service.draft_view(&id).await.unwrap();
    let to_read = whole.summary.iter().map(|vm| vm.to_read).sum();
    assert_eq!((whole.summary.len(), summary.to_read), (MORE, to_read));
    assert_eq!(summary.steps, whole.steps);
}

/// Found in review: such a replica was counted, and the last page was empty.
#[tokio::test]
async fn a_replica_that_is_gone_has_no_row_among_the_vms_to_be_made() {
    let mut fixture = many().await;
    fixture.production.resources = resources();
    fixture.read_sites().await;
    let chosen: Vec<String> = (0..101).map(|it| format!("r-many-{it:03}")).collect();
    let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let id = fixture.complete_draft(&chosen).await;
    let specified = Some(Destination::SpecifiedLocation);
    let service = &fixture.service;
    service
        .draft_set_destination(&actor(), &id, specified)
        .await
        .unwrap();
    let rows = |view: DraftView| (view.placement.unwrap().vms.len(), view.page);
    let (shown, of) = rows(step(&fixture, &id, WizardStep::Host, page(2)).await);
    assert_eq!((shown, of.page, of.total), (1, 2, 101));
    fixture.dr.vms.retain(|vm| vm.name != "many-050-replica");
    fixture.read_sites().await;
    let (shown, of) = rows(step(&fixture, &id, WizardStep::Host, page(2)).await);
    assert_eq!((shown, of.page, of.total), (100, 1, 100));
}

#[tokio::test]
async fn what_a_page_says_nothing_of_stays() {
    let fixture = many().await;
    let service = &fixture.service;
    let id = fixture
        .complete_draft(&["r-many-000", "r-many-001", "r-many-002"])
        .await;
    let own = |replica: &str, place: &str, mode: &str| OwnInput {
        replica: replica.to_owned(),
        place: place.to_owned(),
        mode: mode.to_owned(),
        at: String::new(),
    };
    let set = async |rows: Vec<OwnInput>| {
        let several = SeveralInput {
            rows,
            ..SeveralInput::default()
        };
        let who = actor();
        let set = service.draft_set_mode(&who, &id, manual(), AfterInput::default(), several);
        set.await.unwrap();
        let rows = service.draft_view(&id).await.unwrap().several.unwrap().rows;
        let rows = rows.into_iter();
        rows.map(|row| format!("{} {}", row.replica, row.mode))
            .collect::<Vec<_>>()
    };
    set(vec![own("r-many-001", "1", "auto")]).await;
    let rows = set(vec![own("r-many-002", "2", "")]).await;
    assert_eq!(rows, ["r-many-001 auto", "r-many-002 ", "r-many-000 "]);

    let tick = async |seen: &[&str], shown: &[&str]| {
        let seen = seen.iter().map(|it| (*it).to_owned()).collect();
        let (who, shown) = (actor(), ids(shown));
        let set = service.draft_set_summary(&who, &id, true, String::new(), seen, &shown);
        set.await.unwrap();
        service.draft_view(&id).await.unwrap().drift_seen
    };
    tick(&["r-many-000/memory"], &["r-many-000"]).await;
    let both = tick(&["r-many-001/memory"], &["r-many-001"]).await;
    assert_eq!(both, ["r-many-000/memory", "r-many-001/memory"]);
    assert_eq!(tick(&[], &["r-many-000"]).await, ["r-many-001/memory"]);
}

#[tokio::test]
async fn two_pages_cannot_return_to_one_vm() {
    let mut fixture = many().await;
    let mut restored = fixture.production_vm("many-000").clone();
    restored.name = "many-000-restored".to_owned();
    restored.vm.platform_id.clone_from(&restored.name);
    restored.power = PowerState::Off;
    let target = restored.vm.to_string();
    fixture.production.vms.push(restored);
    fixture.read_sites().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-many-000", "r-many-001"]).await;
    let recovered = Some(Destination::RecoveredVm);
    service
        .draft_set_destination(&actor(), &id, recovered)
        .await
        .unwrap();
    let shown = step(&fixture, &id, WizardStep::TargetVm, page(1)).await;
    assert_eq!(
        shown.targets[0].suggested.as_ref().map(ToString::to_string),
        Some(target.clone())
    );
    let set = async |replica: &str| {
        let input = TargetInput {
            replica: ReplicaId::new(replica),
            target: target.clone(),
            other: String::new(),
        };
        service
            .draft_set_targets(&actor(), &id, vec![input])
            .await
            .unwrap_err()
    };
    // The other one has none yet.
    assert!(set("r-many-000").await.message.contains("No VM is chosen"));
    assert!(set("r-many-001").await.message.contains("would return to"));
    let view = service.draft_view(&id).await.unwrap();
    assert_eq!(view.targets_chosen, 1);
}
