//! Maps live from a mover, and kept.

use std::sync::Arc;

use model::{ByteCount, ByteRange, MapState};
use mover::{BothDigests, Controls, Proof, Scope, Task, Unreadable};
use testkit::MemDisk;

use super::*;
use crate::live::LiveDisk;

/// A meter after a whole transfer of two equal disks.
fn moved() -> Meter {
    let disk = || Arc::new(MemDisk::from_bytes(vec![7; 1 << 20]));
    let task = Task {
        source: disk(),
        target: disk(),
        scope: Scope::Whole,
        block: blockmap::BlockSize::default(),
        journal: None,
        task_key: "disk".to_owned(),
        apply: true,
        proof: Proof::Cache,
        digests: BothDigests::default(),
        sample: None,
        unreadable: Unreadable::Stop,
    };
    let meter = Meter::mapped();
    mover::run(&task, &Controls::default(), &meter).unwrap();
    meter
}

#[test]
fn a_map_is_live_while_its_pass_runs_and_kept_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (session, disk) = (SessionId::new("s"), DiskKey::new("d"));
    let live = LiveWork::default();
    let maps = Maps::new(folder.path().to_owned(), live.clone());
    assert_eq!(maps.of(&session, &disk, 1), None);

    let mut older = DiskMap::new(ByteCount(4096));
    older.paint(ByteRange::new(0, 4096), MapState::Hole);
    let path = names::map(folder.path(), &session, &disk, 1);
    keep_map(&path, &older, Timestamp(5)).unwrap();
    let kept = MapNow {
        map: older,
        as_of: Timestamp(5),
        moves: false,
    };
    assert_eq!(maps.of(&session, &disk, 1), Some(kept.clone()));

    // The second pass waits, then moves; the first stays as it was kept.
    live.begin(&session);
    let waiting = LiveDisk {
        pass: 2,
        meter: Meter::mapped(),
        ..LiveDisk::default()
    };
    live.put(&session, &disk, waiting.clone());
    assert_eq!(maps.of(&session, &disk, 2), None);
    let moving = LiveDisk {
        meter: moved(),
        ..waiting
    };
    live.put(&session, &disk, moving);
    let now = maps.of(&session, &disk, 2).unwrap();
    assert!(now.moves);
    assert_eq!(now.map.totals().of(MapState::Equal), ByteCount(1 << 20));
    assert_eq!(maps.of(&session, &disk, 1), Some(kept));

    live.end(&session);
    assert_eq!(maps.of(&session, &disk, 2), None);
    std::fs::write(&path, "nothing").unwrap();
    assert_eq!(maps.of(&session, &disk, 1), None);
}
