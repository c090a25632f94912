//! Jobs follow the production VM.

use model::{DiskKey, DiskPair};

use crate::{
    Platform, PlatformError,
    lab::{Lab, LabSettings, Scale, meta::ReplicaFile},
};

fn lab() -> (tempfile::TempDir, Lab) {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = LabSettings {
        scale: Scale::Tiny,
        ..LabSettings::default()
    };
    let lab = Lab::open(dir.path(), settings).expect("a lab");
    (dir, lab)
}

fn first(lab: &Lab) -> ReplicaFile {
    lab.estate().replicas[0].clone()
}

#[test]
fn every_job_that_named_the_original_names_the_new_one_once() {
    let (dir, lab) = lab();
    let replica = first(&lab);
    let to = lab.estate().replicas[1].original.clone();
    let pairs = [DiskPair {
        replica: DiskKey::new("a"),
        production: DiskKey::new("b"),
    }];
    let named = |lab: &Lab, vm: &model::VmRef| {
        let estate = lab.estate();
        let all = estate.jobs.iter().map(|job| &job.vms);
        let counts: Vec<usize> = all
            .map(|vms| vms.iter().filter(|it| *it == vm).count())
            .collect();
        counts
    };
    let before = named(&lab, &replica.original);
    assert!(before.iter().sum::<usize>() >= 2, "{before:?}");
    for _ in 0..2 {
        lab.repoint_jobs(&replica.id, &to, &pairs)
            .expect("repointed");
    }
    assert_eq!(named(&lab, &replica.original).iter().sum::<usize>(), 0);
    for (before, after) in before.iter().zip(named(&lab, &to)) {
        assert!(
            after == 1 || *before == 0 && after == 0,
            "named {after} times"
        );
    }
    drop(lab);
    let settings = LabSettings {
        scale: Scale::Tiny,
        ..LabSettings::default()
    };
    let again = Lab::open(dir.path(), settings).expect("the lab again");
    let after = first(&again);
    assert_eq!(
        (&after.original, after.disk_pairs.as_slice()),
        (&to, &pairs[..])
    );
}

#[test]
fn an_unknown_vm_changes_no_job() {
    let (_dir, lab) = lab();
    let replica = first(&lab);
    let mut gone = replica.original.clone();
    gone.platform_id = "gone".to_owned();
    let refused = lab.repoint_jobs(&replica.id, &gone, &[]);
    assert!(
        matches!(refused, Err(PlatformError::NoVm(_))),
        "{refused:?}"
    );
    assert_eq!(first(&lab), replica);
}
