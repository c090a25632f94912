//! The certificate and the evidence of a session.

use model::{
    ByteCount, CERTIFICATE_FORMAT, CERTIFIED_INSTANT, Certificate, CertifiedDisk, Destination,
    DiskCounters, DiskKey, EpochId, ErrorKind, Hex, PointName, ReplicaId, Seconds, SessionId,
    SignedCertificate, Signer, SiteId, StepName, Timestamp, VmRef,
    view::{Band, CertificateView, DifferenceBasis, DryRunView, DryRunVm, Verdict},
};
use store::{CertificateRow, Certified, DiskPassRow, EffectFinish, EffectStart};

use super::fixture::{Fixture, GIB, NOW};

fn signed() -> SignedCertificate {
    let vm = |site: &str| VmRef {
        site: SiteId::new(site),
        platform_id: "web-01".to_owned(),
    };
    let disk = CertifiedDisk {
        name: "system".to_owned(),
        replica_key: DiskKey::new("system"),
        production_key: DiskKey::new("system"),
        size: ByteCount(8 << 20),
        replica_root: Hex([7; 32]),
        production_root: Hex([7; 32]),
        regions: vec![Hex([9; 32])],
        leaves: 128,
        carried: 120,
        proved_last: 8,
    };
    SignedCertificate {
        certificate: Certificate {
            format: CERTIFICATE_FORMAT.to_owned(),
            software: "landfall 0.1.0".to_owned(),
            session: SessionId::new("s"),
            pass: 2,
            destination: Destination::OriginalVm,
            replica: "web-01-replica".to_owned(),
            replica_vm: vm("dr"),
            point: PointName::new("point"),
            epoch: EpochId(3),
            carried_since: Some(EpochId(2)),
            production: "web-01".to_owned(),
            production_vm: vm("production"),
            started_at: Timestamp(1),
            verified_at: Timestamp(2),
            instant: CERTIFIED_INSTANT.to_owned(),
            block_size: ByteCount(65_536),
            disks: vec![disk],
        },
        signer: Signer {
            algorithm: "Ed25519".to_owned(),
            fingerprint: Hex([1; 32]),
            public_key: Hex([2; 32]),
        },
        signature: Hex([3; 64]),
    }
}

async fn put(fixture: &Fixture, id: &SessionId, certified: Certified) {
    let row = CertificateRow {
        pass: 2,
        made_at: NOW,
        certified,
    };
    fixture.store.certificate_put(id, &row).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_shown_and_handed_out_byte_for_byte() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let none = fixture.service.certificate_file(&id).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
    assert!(none.message.contains("yet"), "{none:?}");
    assert_eq!(
        fixture.service.session_view(&id).await.unwrap().certificate,
        None
    );

    let text = serde_json::to_string(&signed()).unwrap() + "\n";
    put(&fixture, &id, Certified::Signed(text.clone())).await;
    let view = fixture.service.session_view(&id).await.unwrap();
    let Some(CertificateView::Signed(shown)) = view.certificate else {
        panic!("{:?}", view.certificate);
    };
    assert_eq!(shown.signer, Hex([1; 32]));
    assert_eq!(
        (shown.disks[0].carried, shown.disks[0].proved_last),
        (120, 8)
    );
    let (name, file) = fixture.service.certificate_file(&id).await.unwrap();
    assert_eq!(
        (name, &file),
        (format!("web-01-{id}-certificate.json"), &text)
    );
    let evidence = fixture.service.session_evidence(&id).await.unwrap();
    assert_eq!(evidence.certificate_file, Some(text));
}

#[tokio::test]
async fn why_there_is_no_certificate_is_said_everywhere() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    put(
        &fixture,
        &id,
        Certified::Not("no digests were kept".to_owned()),
    )
    .await;
    let view = fixture.service.session_view(&id).await.unwrap();
    let why = "no digests were kept".to_owned();
    assert_eq!(view.certificate, Some(CertificateView::Not { why }));
    let refused = fixture.service.certificate_file(&id).await.unwrap_err();
    assert!(
        refused.message.contains("no digests were kept"),
        "{refused:?}"
    );
    let evidence = fixture.service.session_evidence(&id).await.unwrap();
    assert_eq!(evidence.certificate_file, None);
}

#[tokio::test]
async fn what_is_no_certificate_is_not_shown_as_one() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    put(&fixture, &id, Certified::Signed("{}".to_owned())).await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert!(matches!(
        view.certificate,
        Some(CertificateView::Not { .. })
    ));
}

/// One step, from an instant to another in microseconds after [`NOW`].
async fn step(fixture: &Fixture, id: &SessionId, activity: &str, step: StepName, at: (i64, i64)) {
    let row = fixture.store.session_fetch(id).await.unwrap().unwrap();
    let begun = EffectStart {
        activity: activity.to_owned(),
        step,
        key: format!("{activity}/{step:?}/{}", at.0),
        at: Timestamp(NOW.0 + at.0),
    };
    let machine = &row.machine;
    let store = &fixture.store;
    let version = store
        .session_commit_step(id, row.version, machine, None, Some(begun), &[])
        .await
        .unwrap();
    let done = EffectFinish {
        at: Timestamp(NOW.0 + at.1),
        result: None,
        failed: false,
        facts: None,
    };
    store
        .session_commit_step(id, version, machine, Some(done), None, &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn evidence_sets_the_estimate_beside_what_came() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let row = fixture.store.session_fetch(&id).await.unwrap().unwrap();
    let before = fixture.service.session_evidence(&id).await.unwrap();
    assert_eq!((before.steps, before.passes.len()), (vec![], 0));
    let report = before.report.expect("a plan is kept");
    let expected = report.estimate.expect("its disks are known");
    assert_eq!(expected.different.high, ByteCount(GIB));
    assert!(report.checks.iter().all(|it| it.verdict == Verdict::Pass));
    assert_eq!(before.actual.downtime, None);
    assert_eq!(before.plan.reason, row.reason);
    assert_eq!(before.plan.disks.len(), row.layout.len());

    for (pass, sent) in [(1, 500), (2, 20)] {
        let pass = DiskPassRow {
            disk: DiskKey::new("system"),
            pass,
            scope: "whole disk".to_owned(),
            counters: DiskCounters {
                to_scan: ByteCount(sent * 2),
                different: ByteCount(sent),
                sent: ByteCount(sent),
                ..DiskCounters::default()
            },
            proxies: None,
        };
        fixture.store.disk_counters_put(&id, &pass).await.unwrap();
    }
    const S: i64 = 1_000_000;
    step(&fixture, &id, "Phase 1", StepName::ProveTarget, (0, S)).await;
    step(&fixture, &id, "Phase 1", StepName::Transfer, (S, 60 * S)).await;
    // A switchover that was taken back, and the one that counts.
    step(
        &fixture,
        &id,
        "Switchover",
        StepName::ShutDownReplica,
        (70 * S, 71 * S),
    )
    .await;
    step(
        &fixture,
        &id,
        "Switchover",
        StepName::CreateWorkingLayer,
        (100 * S, 101 * S),
    )
    .await;
    step(
        &fixture,
        &id,
        "Switchover",
        StepName::ShutDownReplica,
        (101 * S, 103 * S),
    )
    .await;
    step(
        &fixture,
        &id,
        "Switchover",
        StepName::ReleaseProduction,
        (120 * S, 131 * S),
    )
    .await;
    let evidence = fixture.service.session_evidence(&id).await.unwrap();
    let actual = evidence.actual;
    assert_eq!(
        (actual.looked_at, actual.different),
        (ByteCount(1000), ByteCount(500))
    );
    assert_eq!(
        (actual.sent, actual.sent_in_all),
        (ByteCount(500), ByteCount(520))
    );
    assert_eq!(actual.phase_1, Some(Seconds(60)));
    assert_eq!(actual.downtime, Some(Seconds(30)));
    assert_eq!(evidence.passes.len(), 2);
    assert_eq!(evidence.steps.len(), 6, "only what was begun");
}

#[tokio::test]
async fn the_estimate_is_the_dry_run_of_the_draft_that_was_finished() {
    let fixture = Fixture::new().await;
    let draft = fixture.complete_draft(&["r-web"]).await;
    let vm = |replica: &str, different| DryRunVm {
        replica: Some(ReplicaId::new(replica)),
        name: replica.to_owned(),
        scanned: ByteCount(100),
        different: ByteCount(different),
        to_send: ByteCount(different),
        error: None,
    };
    let run = DryRunView {
        asked_at: NOW,
        done_at: Some(NOW),
        progress: (ByteCount(100), ByteCount(100)),
        vms: vec![vm("r-other", 1), vm("r-web", 40)],
    };
    fixture.store.dry_run_put(&draft, &run).await.unwrap();
    let actor = super::fixture::actor();
    let reply = fixture.service.finish(&actor, &draft).await.unwrap();
    let id = reply.sessions[0].clone();
    let evidence = fixture.service.session_evidence(&id).await.unwrap();
    let estimate = evidence.report.and_then(|it| it.estimate).unwrap();
    assert_eq!(estimate.different, Band::exactly(ByteCount(40)));
    assert_eq!(estimate.basis, DifferenceBasis::DryRun { at: NOW });
    // The session's own page shows the same.
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(view.estimate, Some(estimate));
}
