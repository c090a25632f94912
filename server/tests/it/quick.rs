//! Quick rollback: only what change tracking names is compared, and a sample finds out a record
//! that lies.

use std::{fs, path::Path};

use model::VisibleState;

use crate::case::{Case, Way, is_failback};

/// Bytes of a page of a change record: bits, the page's number and a checksum.
const PAGE: usize = 4096;

#[test]
fn only_what_either_side_wrote_is_compared() {
    let case = Case::by(Way::Original, "tiny-b").quick();
    let console = case.start(None);
    case.finish(&console, "manual");
    let ready = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    assert!(!ready.disks.is_empty());
    for disk in &ready.disks {
        assert!(disk.scope.starts_with("quick rollback: "), "{}", disk.scope);
        let looked = disk.counters.scanned;
        assert!(
            looked < disk.size,
            "{looked} of {} were compared",
            disk.size
        );
    }
    console.act(&ready, "switch_now");
    let session = case.session(&console, "Failback", is_failback);
    let log: Vec<&str> = session.log.iter().map(|line| line.text.as_str()).collect();
    let said = log
        .iter()
        .any(|text| text.contains("blocks outside were compared (seed"));
    assert!(said, "{log:?}");
    assert!(
        !log.iter().any(|text| text.contains("the whole disk")),
        "{log:?}"
    );
    let why = "quick rollback compared a part of it and a sample, so nothing is certified";
    assert!(log.iter().any(|text| text.contains(why)), "{log:?}");
    drop(console);
    case.verify();
}

#[test]
fn a_record_that_leaves_out_what_changed_is_found_out() {
    let case = Case::by(Way::Original, "tiny-b").quick();
    case.reset();
    let forgotten = forget_writes(&case.data().join("lab/dr/tiny-b-replica"));
    assert!(forgotten > 0, "nothing was recorded to be left out");
    let console = case.start(None);
    case.finish(&console, "auto");
    let session = case.session(&console, "Failback", is_failback);
    let log: Vec<&str> = session.log.iter().map(|line| line.text.as_str()).collect();
    let widened = log.iter().any(|text| text.contains("the whole disk"));
    assert!(widened, "{log:?}");
    drop(console);
    case.verify();
}

/// Clears every bit of every change record of a VM, with checksums that are right: the records say
/// that nothing was written. Returns how many bits were set.
fn forget_writes(vm: &Path) -> u32 {
    let mut forgotten = 0;
    for entry in fs::read_dir(vm).expect("the VM's folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "bitmap") {
            continue;
        }
        let mut bytes = fs::read(&path).expect("a record");
        for page in bytes.chunks_mut(PAGE).skip(1) {
            let bits = &mut page[..PAGE - 8];
            forgotten += bits.iter().map(|byte| byte.count_ones()).sum::<u32>();
            bits.fill(0);
            let sum = crc32c::crc32c(&page[..PAGE - 4]);
            page[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
        }
        fs::write(&path, bytes).expect("written");
    }
    forgotten
}
