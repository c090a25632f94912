//! Pairs of disks as tables.

use model::{DiskKey, DiskPair, Slot};

use super::*;
use crate::tests::disk;

fn vm(disks: Vec<DiskInfo>) -> VmInfo {
    crate::tests::vm_with(disks)
}

fn at(key: &str, unit: u32) -> DiskInfo {
    DiskInfo {
        slot: Some(Slot {
            controller: "scsi0".to_owned(),
            unit,
        }),
        ..disk(key, 1)
    }
}

#[test]
fn recorded_pairs_go_before_equal_keys() {
    let replica = vm(vec![disk("a", 1), disk("b", 1), disk("c", 1)]);
    let production = vm(vec![disk("b", 1), disk("a2", 1)]);
    let pairs = [DiskPair {
        replica: DiskKey::new("a"),
        production: DiskKey::new("a2"),
    }];
    assert_eq!(
        recorded(&replica, &production, &pairs),
        [Some(1), Some(0), None]
    );
}

#[test]
fn disks_of_an_unknown_vm_pair_by_key_then_slot_then_order() {
    for (what, replica, production, pairs) in [
        (
            "slots, in another order",
            vec![at("a", 0), at("b", 1)],
            vec![at("y", 1), at("x", 0)],
            vec![Some(1), Some(0)],
        ),
        (
            "a key that both have goes before the slot, and is taken once",
            vec![at("a", 0), at("b", 1)],
            vec![at("b", 0), at("x", 1)],
            vec![None, Some(0)],
        ),
        (
            "attached elsewhere is no pair",
            vec![at("a", 0)],
            vec![at("x", 2)],
            vec![None],
        ),
        (
            "order, where nobody says how disks are attached",
            vec![disk("a", 1), disk("b", 1)],
            vec![disk("x", 1)],
            vec![Some(0), None],
        ),
        (
            "no order where one side says it",
            vec![at("a", 0)],
            vec![disk("x", 1)],
            vec![None],
        ),
    ] {
        assert_eq!(by_layout(&vm(replica), &vm(production)), pairs, "{what}");
    }
}

#[test]
fn a_layout_fits_only_whole() {
    let replica = vm(vec![at("a", 0), at("b", 1)]);
    let same = vec![at("x", 0), at("y", 1)];
    assert!(fits(&replica, &vm(same.clone())));
    let mut larger = same.clone();
    larger[1].size.0 += 512;
    let mut sectors = same.clone();
    sectors[0].sector = 4_096;
    let mut more = same.clone();
    more.push(at("z", 2));
    let fewer = vec![at("x", 0)];
    for other in [larger, sectors, more, fewer] {
        assert!(!fits(&replica, &vm(other)));
    }
}
