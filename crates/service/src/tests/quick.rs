//! Quick rollback in the wizard: where it can work, and the reason where it cannot.

use model::{
    ByteCount, CommonPoint, Destination, DraftId, EpochId, PointName, RestorePoint, Trouble,
    WrittenSince,
};

use super::fixture::{Fixture, NOW, actor};

pub(super) const WRITTEN: WrittenSince = WrittenSince::Known {
    replica: ByteCount(3 << 20),
    production: ByteCount(1 << 20),
    either: ByteCount(4 << 20),
};

/// A fixture whose replica of web-01 has a common point.
pub(super) async fn with_common_point() -> Fixture {
    let mut fixture = Fixture::new().await;
    let replica = fixture.replica("r-web");
    replica.restore_point = Some(RestorePoint {
        name: PointName::new("nightly"),
        taken_at: NOW.plus_seconds(-7_200),
        replica_epoch: Some(EpochId(4)),
        production_epoch: Some(EpochId(6)),
    });
    replica.written_since = Some(WRITTEN);
    fixture
}

async fn asked(fixture: &Fixture, trouble: Trouble) -> DraftId {
    fixture.read_sites().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let service = &fixture.service;
    let operator = actor();
    let set = service.draft_set_quick(&operator, &id, true, trouble);
    set.await.unwrap();
    id
}

async fn why_not(fixture: &Fixture, trouble: Trouble) -> Option<String> {
    let id = asked(fixture, trouble).await;
    let view = fixture.service.draft_view(&id).await.unwrap();
    let [vm] = <[_; 1]>::try_from(view.quick.vms).unwrap();
    // What the step says is what Summary says and what Finish does.
    let summary = &view.summary[0];
    let warned = summary
        .warnings()
        .any(|it| it.starts_with("Quick rollback is not possible."));
    assert_eq!(
        (summary.quick, warned),
        (vm.why_not.is_none(), vm.why_not.is_some())
    );
    vm.why_not
}

#[tokio::test]
async fn it_looks_only_at_what_either_side_wrote() {
    let fixture = with_common_point().await;
    let id = asked(&fixture, Trouble::Guest).await;
    let view = fixture.service.draft_view(&id).await.unwrap();
    assert_eq!(view.quick.vms[0].to_look_at, Some(ByteCount(4 << 20)));
    assert_eq!(view.summary[0].to_read, ByteCount(8 << 20));
    fixture.service.finish(&actor(), &id).await.unwrap();
    let rows = fixture.store.session_list_active().await.unwrap();
    let common = CommonPoint {
        replica: EpochId(4),
        production: EpochId(6),
    };
    assert_eq!(rows[0].machine.quick, Some(common));
}

#[tokio::test]
async fn every_disqualifier_is_a_reason_and_none_begins_a_quick_session() {
    let broken = |fixture: &mut Fixture| {
        let why = "the change record of disk system for epoch 6 is missing".to_owned();
        fixture.replica("r-web").written_since = Some(WrittenSince::Broken(why));
    };
    let no_point = |fixture: &mut Fixture| {
        let point = fixture.replica("r-web").restore_point.as_mut().unwrap();
        point.production_epoch = None;
    };
    let off = |fixture: &mut Fixture| {
        fixture.production_vm("web-01").change_tracking = false;
    };
    let policy = |fixture: &mut Fixture| {
        let why = "Its platform cannot say what was written.".to_owned();
        fixture.production.no_quick_rollback = Some(why);
    };
    let nothing = |_: &mut Fixture| {};
    type Change<'a> = &'a dyn Fn(&mut Fixture);
    let cases: [(Trouble, Change<'_>, &str); 6] = [
        (Trouble::PowerLoss, &nothing, "After a power loss"),
        (
            Trouble::HardwareOrStorage,
            &nothing,
            "After a fault of hardware or storage",
        ),
        (Trouble::Guest, &broken, "epoch 6 is missing"),
        (Trouble::Guest, &no_point, "No common point"),
        (
            Trouble::Guest,
            &off,
            "Change tracking is off for web-01 at Hamburg",
        ),
        (Trouble::Guest, &policy, "Hamburg: Its platform cannot say"),
    ];
    for (trouble, change, words) in cases {
        let mut fixture = with_common_point().await;
        change(&mut fixture);
        let why = why_not(&fixture, trouble).await;
        assert!(
            why.as_ref().is_some_and(|why| why.contains(words)),
            "{why:?}, not {words}"
        );
    }
    assert_eq!(
        why_not(&with_common_point().await, Trouble::Guest).await,
        None
    );
}

#[tokio::test]
async fn it_counts_for_the_original_vm_only() {
    let fixture = with_common_point().await;
    let id = asked(&fixture, Trouble::Guest).await;
    let service = &fixture.service;
    let recovered = Some(Destination::RecoveredVm);
    service
        .draft_set_destination(&actor(), &id, recovered)
        .await
        .unwrap();
    let view = service.draft_view(&id).await.unwrap();
    assert!(view.quick.asked && !view.summary[0].quick);
}
