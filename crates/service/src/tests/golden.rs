//! Plans as an operator reads them, compared with texts that are kept. A text that no plan makes any
//! more fails; `LANDFALL_GOLDEN=write` writes them anew.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use model::{
    ByteCount, Destination, ReplicaId, Trouble,
    view::{AfterInput, DryRunView, DryRunVm, SeveralInput},
};

use super::{
    fixture::{Fixture, GIB, NOW, actor, scheduled},
    place::confirmed,
    quick::with_common_point,
};

/// Compares a draft's report with the kept one of the same name.
async fn check(fixture: &Fixture, id: &model::DraftId, name: &str, seen: &mut BTreeSet<String>) {
    let report = fixture.service.draft_report(id).await.unwrap();
    let file = directory().join(name);
    if env::var_os("LANDFALL_GOLDEN").is_some() {
        fs::write(&file, &report).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(report, kept, "{} differs", file.display());
    seen.insert(name.to_owned());
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/golden")
}

async fn tracked() -> Fixture {
    let fixture = with_common_point().await;
    fixture.read_sites().await;
    fixture
}

#[tokio::test]
async fn reports_read_as_the_kept_ones_and_each_kept_one_is_made() {
    let mut seen = BTreeSet::new();
    let operator = actor();

    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    check(&fixture, &id, "nothing-known.txt", &mut seen).await;

    let fixture = tracked().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    check(&fixture, &id, "change-tracking.txt", &mut seen).await;
    let set = fixture
        .service
        .draft_set_quick(&operator, &id, true, Trouble::Guest);
    set.await.unwrap();
    check(&fixture, &id, "quick-rollback.txt", &mut seen).await;
    let set = fixture
        .service
        .draft_set_quick(&operator, &id, true, Trouble::PowerLoss);
    set.await.unwrap();
    check(&fixture, &id, "power-loss.txt", &mut seen).await;

    let fixture = tracked().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    fixture.store.dry_run_put(&id, &measured()).await.unwrap();
    fixture.set_clock(NOW.plus_seconds(600));
    let mode = scheduled("2026-11-23T20:00", "Europe/Berlin");
    let passes = AfterInput {
        catch_up: "15m".to_owned(),
        ..AfterInput::default()
    };
    let set = fixture
        .service
        .draft_set_mode(&operator, &id, mode, passes, SeveralInput::default());
    set.await.unwrap();
    check(&fixture, &id, "dry-run-scheduled.txt", &mut seen).await;

    let mut fixture = Fixture::new().await;
    fixture.production.free = ByteCount(GIB * 3 / 2);
    fixture.read_sites().await;
    let id = fixture.complete_draft(&["r-web", "r-app", "r-db"]).await;
    check(&fixture, &id, "what-stops-it.txt", &mut seen).await;

    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let recovered = Some(Destination::RecoveredVm);
    let set = fixture
        .service
        .draft_set_destination(&operator, &id, recovered);
    set.await.unwrap();
    check(&fixture, &id, "recovered-without-target.txt", &mut seen).await;

    let (fixture, id) = confirmed("r-web").await;
    check(&fixture, &id, "specified-location.txt", &mut seen).await;

    let kept: BTreeSet<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        kept, seen,
        "a kept report that nothing makes, or the reverse"
    );
}

fn measured() -> DryRunView {
    DryRunView {
        asked_at: NOW,
        done_at: Some(NOW),
        progress: (ByteCount(2 * GIB), ByteCount(2 * GIB)),
        vms: vec![DryRunVm {
            replica: Some(ReplicaId::new("r-web")),
            name: "web-01-replica".to_owned(),
            scanned: ByteCount(2 * GIB),
            different: ByteCount(30 << 20),
            to_send: ByteCount(28 << 20),
            error: None,
        }],
    }
}
