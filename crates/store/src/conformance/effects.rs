//! The effect log, the session's log and the counters.

use model::{
    ByteCount, DiskCounters, DiskKey, DiskPhase, LogLevel, SessionId, StepName, Timestamp,
};

use super::{
    Database,
    builders::{machine, session},
};
use crate::{DiskPassRow, EffectFinish, EffectStart, NewLogLine, Store, StoreError};

fn start(step: StepName, at: i64) -> Option<EffectStart> {
    Some(EffectStart {
        activity: "Phase 1".to_owned(),
        step,
        key: format!("s1/1/{at}"),
        at: Timestamp(at),
    })
}

fn finish(at: i64) -> Option<EffectFinish> {
    Some(EffectFinish {
        at: Timestamp(at),
        result: Some("held".to_owned()),
        failed: false,
        facts: Some("{\"epoch\":3}".to_owned()),
    })
}

fn line(text: &str) -> NewLogLine {
    NewLogLine {
        at: Timestamp(9),
        level: LogLevel::Warning,
        text: text.to_owned(),
    }
}

async fn with_session(db: &impl Database) -> (Store, SessionId) {
    let store = db.open().await;
    let new = session("s1", "r1", 1);
    store.session_insert(&new).await.unwrap();
    (store, new.id)
}

pub(super) async fn a_step_is_all_or_nothing(db: &impl Database) {
    let (store, id) = with_session(db).await;
    let begin = start(StepName::HoldProduction, 2);
    let version = store
        .session_commit_step(&id, 1, &machine(), None, begin, &[line("one"), line("two")])
        .await
        .unwrap();
    assert_eq!(version, 2);

    let stale = store
        .session_commit_step(&id, 1, &machine(), finish(3), None, &[line("lost")])
        .await;
    assert!(stale.is_err_and(|error| error.is_conflict()));
    let open = store.effect_open(&id).await.unwrap().unwrap();
    assert_eq!((open.seq, open.step), (1, StepName::HoldProduction));

    let next = start(StepName::Transfer, 4);
    store
        .session_commit_step(&id, 2, &machine(), finish(3), next, &[line("three")])
        .await
        .unwrap();
    let effects = store.effect_list(&id).await.unwrap();
    assert_eq!(effects.len(), 2);
    assert_eq!(effects[0].done_at, Some(Timestamp(3)));
    assert_eq!(effects[0].facts.as_deref(), Some("{\"epoch\":3}"));
    assert_eq!((effects[1].seq, effects[1].done_at), (2, None));
    let texts: Vec<_> = store.log_list(&id, 0, 9).await.unwrap();
    let texts: Vec<_> = texts
        .iter()
        .map(|line| (line.seq, line.text.as_str()))
        .collect();
    assert_eq!(texts, [(1, "one"), (2, "two"), (3, "three")]);
}

pub(super) async fn one_effect_is_at_work_at_a_time(db: &impl Database) {
    let (store, id) = with_session(db).await;
    let nothing_to_finish = store
        .session_commit_step(&id, 1, &machine(), finish(2), None, &[])
        .await;
    assert!(matches!(
        nothing_to_finish,
        Err(StoreError::NoOpenEffect { .. })
    ));
    let first = start(StepName::ProveTarget, 2);
    store
        .session_commit_step(&id, 1, &machine(), None, first, &[])
        .await
        .unwrap();
    let second = start(StepName::HoldProduction, 3);
    let refused = store
        .session_commit_step(&id, 2, &machine(), None, second, &[])
        .await;
    assert!(matches!(refused, Err(StoreError::EffectAtWork { .. })));
    // A refused step leaves the version alone, so the caller may go on.
    let row = store.session_fetch(&id).await.unwrap().unwrap();
    assert_eq!(row.version, 2);
    assert_eq!(store.effect_list(&id).await.unwrap().len(), 1);
}

pub(super) async fn an_effect_at_work_is_found_after_a_restart(db: &impl Database) {
    let (store, id) = with_session(db).await;
    let begin = start(StepName::MergeWorkingLayer, 2);
    store
        .session_commit_step(&id, 1, &machine(), None, begin, &[])
        .await
        .unwrap();
    drop(store);

    let store = db.open().await;
    let open = store.effect_open(&id).await.unwrap().unwrap();
    assert_eq!(
        (open.step, open.key.as_str()),
        (StepName::MergeWorkingLayer, "s1/1/2")
    );
    assert_eq!(store.session_list_active().await.unwrap()[0].version, 2);
}

pub(super) async fn log_lines_are_numbered_without_gaps(db: &impl Database) {
    let (store, id) = with_session(db).await;
    let appends = (0..20).map(|_| {
        let (store, id) = (store.clone(), id.clone());
        tokio::spawn(async move {
            store
                .log_append(&id, LogLevel::Info, "x", Timestamp(1))
                .await
        })
    });
    let mut seqs = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        seqs.push(append.await.unwrap().unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=20).collect::<Vec<u64>>());
    let rest = store.log_list(&id, 18, 9).await.unwrap();
    assert_eq!(
        rest.iter().map(|line| line.seq).collect::<Vec<_>>(),
        [19, 20]
    );
    let none = store
        .log_append(&SessionId::new("none"), LogLevel::Info, "x", Timestamp(1))
        .await;
    assert!(matches!(none, Err(StoreError::Missing { .. })));
}

pub(super) async fn counters_of_several_passes_are_kept(db: &impl Database) {
    let (store, id) = with_session(db).await;
    let row = |pass, sent| DiskPassRow {
        disk: DiskKey::new("z"),
        pass,
        scope: "whole disk".to_owned(),
        counters: DiskCounters {
            phase: DiskPhase::Moving,
            sent: ByteCount(sent),
            ..DiskCounters::default()
        },
        proxies: Some("built-in".to_owned()),
    };
    for (pass, sent) in [(1, 10), (2, 5), (1, 12)] {
        store
            .disk_counters_put(&id, &row(pass, sent))
            .await
            .unwrap();
    }
    let rows = db.open().await.disk_counters_list(&id).await.unwrap();
    assert_eq!(rows, [row(1, 12), row(2, 5)]);
}
