//! Verify on a tiny estate whose production was made a copy of a replica's point.

use std::{fs::OpenOptions, os::unix::fs::FileExt, path::Path};

use model::{EpochId, PointName, SiteId, Timestamp};

use super::*;
use crate::lab::sample::{self, Scale};

fn vm_ref(site: &str, name: &str) -> VmRef {
    VmRef {
        site: SiteId::new(site),
        platform_id: name.to_owned(),
    }
}

/// A session's point that equals production: the base, before anything diverged.
fn add_point(data_dir: &Path, name: &str) {
    let mut replica =
        meta::load_vm(data_dir, &vm_ref("dr", &format!("{name}-replica"))).expect("vm");
    replica.points.push(PointFile {
        name: PointName::new("landfall-test-pass-1"),
        owner: "session".to_owned(),
        taken_at: Timestamp(0),
        epoch: EpochId(2),
        depth: 0,
    });
    meta::save_vm(data_dir, &replica).expect("save");
}

#[test]
fn copies_are_equal_and_one_flipped_byte_is_found() {
    let dir = tempfile::tempdir().expect("directory");
    sample::create(dir.path(), Scale::Tiny, 0).expect("create");
    let nothing = verify(dir.path()).expect("verify");
    assert_eq!(nothing.verdict(), Verdict::NothingToCompare);

    add_point(dir.path(), "tiny-a");
    add_point(dir.path(), "tiny-b");
    let report = verify(dir.path()).expect("verify");
    assert_eq!(report.verdict(), Verdict::Equal, "{report}");
    assert_eq!((report.disks.len(), report.records.len()), (3, 2));
    assert!(
        report.records[0].text.starts_with("40 records, 1 to 40"),
        "{report}"
    );

    let disk = meta::vm_dir(dir.path(), &vm_ref("production", "tiny-a")).join("system.raw");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(disk)
        .expect("open");
    let at = 20_000_001;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("write");
    let report = verify(dir.path()).expect("verify");
    assert_eq!(report.verdict(), Verdict::Different);
    let text = format!("first difference at byte {at}");
    assert_eq!(report.disks[0].result, VerifyResult::Different { text });
}

#[test]
fn the_diverged_layer_differs_and_a_running_vm_is_not_compared() {
    let dir = tempfile::tempdir().expect("directory");
    sample::create(dir.path(), Scale::Tiny, 0).expect("create");
    for name in ["tiny-a", "tiny-b", "tiny-c"] {
        add_point(dir.path(), name);
        let vm = vm_ref("dr", &format!("{name}-replica"));
        let mut replica = meta::load_vm(dir.path(), &vm).expect("vm");
        replica.points.last_mut().expect("point").depth = 1;
        meta::save_vm(dir.path(), &replica).expect("save");
    }
    let report = verify(dir.path()).expect("verify");
    for row in &report.disks {
        match &row.result {
            VerifyResult::Different { .. } => assert_ne!(row.vm, "tiny-c"),
            VerifyResult::NotComparable { .. } => assert_eq!(row.vm, "tiny-c"),
            VerifyResult::Equal => panic!("{report}"),
        }
    }
}
