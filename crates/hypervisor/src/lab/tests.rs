//! Tests of the lab on real files.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use disk::{Access, Disk};
use model::{
    ByteCount, ByteRange, DiskFormat, DiskKey, EpochId, Firmware, JobId, PowerState, ProtectedVmId,
    SiteId, SiteRole, VmInfo,
};
use tempfile::TempDir;

use super::{
    load::first_records,
    meta::{DiskFile, SiteFile, VmFile},
    *,
};
use crate::{DiskAt, KeptPoint, LayerName, Platform, Ranges};

const BLOCK: u64 = tracking::GRANULARITY;
const SIZE: u64 = 24 * BLOCK + 4096;
const OWNER: &str = "session 1";

/// A small generator of numbers, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }
}

fn vm() -> VmRef {
    VmRef {
        site: SiteId::new("production"),
        platform_id: "vm".to_owned(),
    }
}

fn keys() -> [DiskKey; 2] {
    [DiskKey::new("a"), DiskKey::new("b")]
}

fn layer(name: &str) -> LayerName {
    LayerName(name.to_owned())
}

fn point(name: &str) -> PointName {
    PointName::new(name)
}

fn settings() -> LabSettings {
    LabSettings {
        scale: Scale::Tiny,
        vms: 0,
        guest_tick: Duration::from_millis(5),
        shutdown_delay: Duration::from_millis(30),
        shutdown_timeout: Duration::from_millis(300),
    }
}

/// A lab with one VM that is off, with a raw and a qcow2 disk without a file system.
fn fixture() -> (TempDir, Lab) {
    let dir = tempfile::tempdir().unwrap();
    let directory = meta::vm_dir(dir.path(), &vm());
    fs::create_dir_all(&directory).unwrap();
    fs::create_dir_all(meta::lab_dir(dir.path()).join("dr")).unwrap();
    disk::create_raw(&directory.join("a.raw"), ByteCount(SIZE)).unwrap();
    disk::create_qcow2(&directory.join("b.qcow2"), ByteCount(SIZE)).unwrap();
    meta::save_vm(dir.path(), &vm_file()).unwrap();
    first_records(dir.path(), &vm()).unwrap();
    meta::save_estate(dir.path(), &estate_file()).unwrap();
    let lab = Lab::open(dir.path(), settings()).unwrap();
    (dir, lab)
}

fn vm_file() -> VmFile {
    let disk = |key: &str, base: &str, format| DiskFile {
        key: DiskKey::new(key),
        name: key.to_owned(),
        size: ByteCount(SIZE),
        sector: 512,
        base: base.to_owned(),
        format,
        slot: None,
        datastore: None,
        layers: Vec::new(),
    };
    VmFile {
        version: 1,
        vm: vm(),
        name: "vm".to_owned(),
        identity: None,
        cpus: 1,
        memory: ByteCount(1),
        firmware: Firmware::Bios,
        adapters: Vec::new(),
        tags: Vec::new(),
        storage_policy: None,
        change_tracking: true,
        power: PowerState::Off,
        held_by: None,
        write_epoch: 0,
        epoch: EpochId(1),
        deaf: false,
        idle: false,
        disks: vec![
            disk("a", "a.raw", DiskFormat::Raw),
            disk("b", "b.qcow2", DiskFormat::Qcow2),
        ],
        points: Vec::new(),
        created_by: None,
        placement: model::Placement::default(),
    }
}

fn estate_file() -> EstateFile {
    let site = |id: &str, role| SiteFile {
        id: SiteId::new(id),
        name: id.to_owned(),
        role,
        resources: model::SiteResources::default(),
    };
    let replica = ReplicaFile {
        id: ReplicaId::new("replica"),
        protected: ProtectedVmId::new("protected"),
        vm: vm(),
        original: vm(),
        state: ReplicaState::Failover,
        job: JobId::new("job"),
        on_hold: false,
        restore_point: None,
        running_since: None,
        disk_pairs: Vec::new(),
        stored_policy: None,
    };
    EstateFile {
        version: 1,
        sites: vec![
            site("production", SiteRole::Production),
            site("dr", SiteRole::DisasterRecovery),
        ],
        replicas: vec![replica],
        jobs: Vec::new(),
        vms: 0,
    }
}

fn read(lab: &Lab, key: &DiskKey, at: &DiskAt) -> Vec<u8> {
    let locator = lab.open_disk(&vm(), key, at, None).unwrap();
    let disk = disk::open(&locator, Access::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(SIZE).unwrap()];
    disk.read_at(0, &mut bytes).unwrap();
    bytes
}

/// The content of both disks of the VM; flushes what its guest wrote.
fn contents(lab: &Lab, at: &DiskAt) -> Vec<Vec<u8>> {
    lab.cell(&vm()).unwrap().state().flush().unwrap();
    keys().iter().map(|key| read(lab, key, at)).collect()
}

fn at(name: &str) -> DiskAt {
    DiskAt::Point(point(name))
}

/// Writes random ranges to a disk as its guest would, and to what is expected of it.
fn write_some(disk: &dyn Disk, expected: &mut [u8], numbers: &mut Numbers, count: usize) {
    for _ in 0..count {
        let start = numbers.below(SIZE / 512 - 8) * 512;
        let len = (numbers.below(8) + 1) * 512;
        let range = usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap();
        if numbers.below(8) == 0 {
            disk.write_zeroes(ByteRange::new(start, len)).unwrap();
            expected[range].fill(0);
        } else {
            let byte = u8::try_from(numbers.below(255) + 1).unwrap();
            disk.write_at(start, &vec![byte; range.len()]).unwrap();
            expected[range].fill(byte);
        }
    }
}

/// As a mover writes: through the locator, as the holder.
fn write_as_holder(lab: &Lab, start: u64, byte: u8) {
    for key in keys() {
        let locator = lab
            .open_disk(&vm(), &key, &DiskAt::Active, Some(OWNER))
            .unwrap();
        let disk = disk::open(&locator, Access::Write).unwrap();
        disk.write_at(start, &[byte; 4096]).unwrap();
        disk.flush().unwrap();
    }
}

fn guest_disks(lab: &Lab) -> Vec<Arc<dyn Disk>> {
    let cell = lab.cell(&vm()).unwrap();
    (0..2)
        .map(|index| cell.tracked_disk(index).unwrap())
        .collect()
}

/// Both disks and what must be on them.
struct Guest {
    disks: Vec<Arc<dyn Disk>>,
    expected: Vec<Vec<u8>>,
    numbers: Numbers,
}

impl Guest {
    fn new(lab: &Lab, seed: u64) -> Self {
        Self {
            disks: guest_disks(lab),
            expected: contents(lab, &DiskAt::Active),
            numbers: Numbers(seed),
        }
    }

    fn write(&mut self, count: usize) {
        for (disk, expected) in self.disks.iter().zip(&mut self.expected) {
            write_some(disk.as_ref(), expected, &mut self.numbers, count);
        }
    }
}

fn written(lab: &Lab, key: &DiskKey, since: u64, until: Option<&str>) -> Vec<ByteRange> {
    let until = until.map(point);
    match lab
        .ranges_since(&vm(), key, EpochId(since), until.as_ref())
        .unwrap()
    {
        Ranges::Written(ranges) => ranges,
        Ranges::Broken(reason) => panic!("{reason}"),
    }
}

/// Every byte that differs must be in the ranges.
fn assert_covered(before: &[Vec<u8>], after: &[Vec<u8>], ranges: &[Vec<ByteRange>]) {
    for ((before, after), ranges) in before.iter().zip(after).zip(ranges) {
        for (number, (old, new)) in before.chunks(512).zip(after.chunks(512)).enumerate() {
            let offset = number as u64 * 512;
            let covered = ranges.iter().any(|r| r.start <= offset && offset < r.end());
            assert!(old == new || covered, "sector {number} is not covered");
        }
    }
}

fn ranges(lab: &Lab, since: u64, until: Option<&str>) -> Vec<Vec<ByteRange>> {
    keys()
        .iter()
        .map(|key| written(lab, key, since, until))
        .collect()
}

fn until_off(lab: &Lab, vm: &VmRef) -> VmInfo {
    let start = Instant::now();
    loop {
        let info = lab.vm(vm).unwrap();
        if info.power == PowerState::Off || start.elapsed() > Duration::from_secs(10) {
            return info;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_point_stays_as_it_was_while_a_guest_writes() {
    let (_dir, lab) = fixture();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 1);
    guest.write(20);
    let start = contents(&lab, &DiskAt::Active);
    let mut frozen = Vec::new();
    for round in 0..4 {
        let name = format!("p{round}");
        let made = lab.freeze(&vm(), &point(&name), OWNER).unwrap();
        assert_eq!(made.epoch, EpochId(2 + round));
        assert_eq!(lab.freeze(&vm(), &point(&name), OWNER).unwrap(), made);
        frozen.push((name, guest.expected.clone()));
        guest.write(10);
    }
    for (name, expected) in &frozen {
        assert!(contents(&lab, &at(name)) == *expected, "{name}");
    }
    assert!(contents(&lab, &DiskAt::Active) == guest.expected);
    assert_covered(&frozen[1].1, &frozen[3].1, &ranges(&lab, 3, Some("p3")));
    assert_covered(&frozen[2].1, &guest.expected, &ranges(&lab, 4, None));
    assert_covered(&start, &guest.expected, &ranges(&lab, 1, None));
    assert_eq!(ranges(&lab, 3, Some("p1")), vec![Vec::new(), Vec::new()]);
    let names: Vec<_> = lab
        .points(&vm())
        .unwrap()
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["p0", "p1", "p2", "p3"].map(point));
}

#[test]
fn freezing_is_one_moment_for_all_disks() {
    let (_dir, lab) = fixture();
    lab.power_on(&vm(), None).unwrap();
    let disks = guest_disks(&lab);
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The second disk gets a number after the first: it is never ahead.
            for number in 1_u64.. {
                for disk in &disks {
                    disk.write_at(0, &[number.to_be_bytes(); 64].concat())
                        .unwrap();
                }
                if end.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for round in 0..10 {
            let name = format!("p{round}");
            lab.freeze(&vm(), &point(&name), OWNER).unwrap();
            let found = contents(&lab, &at(&name));
            let [a, b] = [0, 1].map(|i| u64::from_be_bytes(found[i][..8].try_into().unwrap()));
            assert!(a == b || a == b + 1, "{a} {b}");
        }
        end.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_layer_is_made_written_merged_and_dropped() {
    let (_dir, lab) = fixture();
    lab.hold(&vm(), OWNER).unwrap();
    write_as_holder(&lab, 0, 1);
    let (before, working) = (layer("before"), layer("working"));
    lab.layer_create(&vm(), &before, OWNER).unwrap();
    lab.layer_create(&vm(), &before, OWNER).unwrap();
    lab.layer_create(&vm(), &working, OWNER).unwrap();
    assert!(lab.layer_exists(&vm(), &working).unwrap());
    write_as_holder(&lab, BLOCK, 2);
    assert!(lab.layer_size(&vm(), &working).unwrap().0 >= 2 * BLOCK);
    assert!(lab.layer_drop(&vm(), &before).is_err());
    let full = contents(&lab, &DiskAt::Active);
    lab.layer_merge(&vm(), &working).unwrap();
    lab.layer_merge(&vm(), &working).unwrap();
    assert!(contents(&lab, &DiskAt::Active) == full);
    assert!(!lab.layer_exists(&vm(), &working).unwrap());
    assert_eq!(lab.layer_size(&vm(), &working).unwrap(), ByteCount::ZERO);
    assert_eq!(ranges(&lab, 1, None)[0], [ByteRange::new(BLOCK, BLOCK)]);
    lab.layer_drop(&vm(), &before).unwrap();
    lab.layer_drop(&vm(), &before).unwrap();
    let old = contents(&lab, &DiskAt::Active);
    for (old, full) in old.iter().zip(&full) {
        assert!(old[..4096] == [1; 4096] && old[4096..].iter().all(|byte| *byte == 0));
        assert!(old != full);
    }
}

#[test]
fn a_layer_merges_from_the_middle_of_a_running_vm() {
    let (_dir, lab) = fixture();
    lab.hold(&vm(), OWNER).unwrap();
    lab.layer_create(&vm(), &layer("before"), OWNER).unwrap();
    write_as_holder(&lab, 0, 7);
    lab.power_on(&vm(), Some(OWNER)).unwrap();
    let mut guest = Guest::new(&lab, 2);
    guest.write(20);
    lab.freeze(&vm(), &point("foreign"), "an operator").unwrap();
    let frozen = guest.expected.clone();
    guest.write(20);
    lab.layer_merge(&vm(), &layer("before")).unwrap();
    guest.write(20);
    assert!(contents(&lab, &at("foreign")) == frozen);
    assert!(contents(&lab, &DiskAt::Active) == guest.expected);
    assert_eq!(lab.cell(&vm()).unwrap().file().points[0].depth, 0);
}

#[test]
fn an_online_merge_loses_nothing_that_the_guest_writes() {
    let (dir, lab) = fixture();
    lab.layer_create(&vm(), &layer("before"), OWNER).unwrap();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 3);
    guest.write(60);
    let merged = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !merged.load(Ordering::Relaxed) {
                guest.write(3);
            }
            guest.write(3);
        });
        thread::sleep(Duration::from_millis(20));
        lab.layer_merge(&vm(), &layer("before")).unwrap();
        merged.store(true, Ordering::Relaxed);
    });
    assert!(contents(&lab, &DiskAt::Active) == guest.expected);
    assert_eq!(chain::depth(&lab.cell(&vm()).unwrap().file()), 0);
    let expected = guest.expected.clone();
    drop((guest, lab));
    let lab = Lab::open(dir.path(), settings()).unwrap();
    assert!(contents(&lab, &DiskAt::Active) == expected);
}

#[test]
fn dropping_a_point_keeps_all_content() {
    let (_dir, lab) = fixture();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 4);
    let mut frozen = Vec::new();
    for (name, owner) in [
        ("p0", OWNER),
        ("p1", "an operator"),
        ("p2", OWNER),
        ("p3", OWNER),
    ] {
        guest.write(10);
        lab.freeze(&vm(), &point(name), owner).unwrap();
        frozen.push((name, guest.expected.clone()));
    }
    guest.write(10);
    assert!(lab.drop_point(&vm(), &point("p1"), OWNER).is_err());
    for gone in ["p2", "p0", "p3", "p3"] {
        lab.drop_point(&vm(), &point(gone), OWNER).unwrap();
        guest.write(5);
        frozen.retain(|(name, _)| *name != gone);
        for (name, expected) in &frozen {
            assert!(
                contents(&lab, &at(name)) == *expected,
                "{name} after {gone}"
            );
        }
        assert!(contents(&lab, &DiskAt::Active) == guest.expected, "{gone}");
    }
    assert_eq!(chain::depth(&lab.cell(&vm()).unwrap().file()), 1);
}

#[test]
fn a_revert_returns_to_the_point_and_counts_as_a_change() {
    let (_dir, lab) = fixture();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 5);
    guest.write(10);
    lab.freeze(&vm(), &point("p0"), OWNER).unwrap();
    let frozen = guest.expected.clone();
    guest.write(10);
    lab.freeze(&vm(), &point("p1"), OWNER).unwrap();
    guest.write(10);
    let last = guest.expected.clone();
    let error = lab.revert(&vm(), &point("p0")).unwrap_err();
    assert!(matches!(error, PlatformError::MustBeOff { .. }));
    lab.power_off(&vm()).unwrap();
    let (epoch, before) = (
        lab.cell(&vm()).unwrap().file().epoch.0,
        lab.write_epoch(&vm()).unwrap(),
    );
    assert!(lab.revert(&vm(), &point("none")).is_err());
    lab.revert(&vm(), &point("p0")).unwrap();
    assert_eq!(lab.write_epoch(&vm()).unwrap(), before + 1);
    assert!(contents(&lab, &DiskAt::Active) == frozen);
    assert_covered(&last, &frozen, &ranges(&lab, epoch + 1, None));
    guest.expected.clone_from(&frozen);
    lab.power_on(&vm(), None).unwrap();
    guest.write(10);
    assert!(contents(&lab, &at("p0")) == frozen);
    assert!(contents(&lab, &DiskAt::Active) == guest.expected);
    assert_eq!(lab.points(&vm()).unwrap().len(), 1);
}

#[test]
fn a_revert_never_removes_what_is_foreign() {
    let (_dir, lab) = fixture();
    lab.freeze(&vm(), &point("ours"), OWNER).unwrap();
    lab.freeze(&vm(), &point("theirs"), "an operator").unwrap();
    let error = lab.revert(&vm(), &point("ours")).unwrap_err();
    assert!(matches!(error, PlatformError::Unexpected { .. }), "{error}");
    assert_eq!(lab.points(&vm()).unwrap().len(), 2);
}

#[test]
fn a_lab_that_was_not_shut_down_goes_on_where_it_was() {
    let (dir, lab) = fixture();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 6);
    guest.write(10);
    lab.freeze(&vm(), &point("p0"), OWNER).unwrap();
    let frozen = guest.expected.clone();
    guest.write(10);
    assert!(Lab::open(dir.path(), settings()).is_err());
    let expected = guest.expected.clone();
    drop((guest, lab));
    let directory = meta::vm_dir(dir.path(), &vm());
    for left in [
        "a.layer-9.qcow2",
        "a.epoch-7.bitmap",
        "vm.json.new",
        "foreign.txt",
    ] {
        fs::write(directory.join(left), "").unwrap();
    }
    let lab = Lab::open(dir.path(), settings()).unwrap();
    assert_eq!(lab.vm(&vm()).unwrap().power, PowerState::On);
    assert!(contents(&lab, &DiskAt::Active) == expected);
    assert!(contents(&lab, &at("p0")) == frozen);
    assert_covered(&frozen, &expected, &ranges(&lab, 2, None));
    let left = |file: &str| directory.join(file).exists();
    assert!(left("foreign.txt") && !left("vm.json.new"));
    assert!(!left("a.layer-9.qcow2") && !left("a.epoch-7.bitmap"));
}

#[test]
fn a_merge_that_was_broken_off_is_done_again() {
    let (dir, mut lab) = fixture();
    lab.hold(&vm(), OWNER).unwrap();
    for (byte, name) in (1..).zip(["one", "two", "three"]) {
        lab.layer_create(&vm(), &layer(name), OWNER).unwrap();
        write_as_holder(&lab, u64::from(byte) * BLOCK, byte);
    }
    let expected = contents(&lab, &DiskAt::Active);
    for stage in [
        merge::Stage::Begun,
        merge::Stage::Copied,
        merge::Stage::Repointed,
    ] {
        merge::merge_until(&lab.cell(&vm()).unwrap(), 1, stage).unwrap();
        drop(lab);
        lab = Lab::open(dir.path(), settings()).unwrap();
        assert!(lab.layer_exists(&vm(), &layer("two")).unwrap());
        assert!(contents(&lab, &DiskAt::Active) == expected, "{stage:?}");
    }
    lab.layer_merge(&vm(), &layer("two")).unwrap();
    assert!(contents(&lab, &DiskAt::Active) == expected);
    assert!(!lab.layer_exists(&vm(), &layer("two")).unwrap());
}

#[test]
fn nobody_but_the_holder_starts_or_writes() {
    let (_dir, lab) = fixture();
    let open = |writer| lab.open_disk(&vm(), &keys()[0], &DiskAt::Active, Some(writer));
    assert!(matches!(open(OWNER), Err(PlatformError::Held { .. })));
    lab.hold(&vm(), OWNER).unwrap();
    lab.hold(&vm(), OWNER).unwrap();
    assert!(matches!(
        lab.hold(&vm(), "another"),
        Err(PlatformError::Held { .. })
    ));
    assert!(matches!(
        lab.release(&vm(), "another"),
        Err(PlatformError::Held { .. })
    ));
    assert!(matches!(
        lab.power_on(&vm(), None),
        Err(PlatformError::Held { .. })
    ));
    assert!(matches!(open("another"), Err(PlatformError::Held { .. })));
    open(OWNER).unwrap();
    assert_eq!(lab.vm(&vm()).unwrap().held_by.as_deref(), Some(OWNER));
    let before = lab.write_epoch(&vm()).unwrap();
    lab.power_on(&vm(), Some(OWNER)).unwrap();
    lab.power_on(&vm(), Some(OWNER)).unwrap();
    assert_eq!(lab.write_epoch(&vm()).unwrap(), before + 1);
    assert!(matches!(open(OWNER), Err(PlatformError::MustBeOff { .. })));
    lab.release(&vm(), OWNER).unwrap();
    lab.release(&vm(), OWNER).unwrap();
    let create = lab.layer_create(&vm(), &layer("l"), OWNER);
    assert!(matches!(create, Err(PlatformError::MustBeOff { .. })));
}

#[test]
fn a_record_that_is_not_whole_is_broken_with_its_reason() {
    let (dir, lab) = fixture();
    let key = &keys()[0];
    lab.freeze(&vm(), &point("p0"), OWNER).unwrap();
    let broken = |since: u64, until: Option<&PointName>| match lab
        .ranges_since(&vm(), key, EpochId(since), until)
        .unwrap()
    {
        Ranges::Broken(reason) => reason,
        Ranges::Written(ranges) => panic!("{ranges:?}"),
    };
    assert!(broken(9, None).contains("has not begun"));
    assert!(broken(0, None).contains("missing"));
    let directory = meta::vm_dir(dir.path(), &vm());
    let record = |epoch| directory.join(tracking::file_name(key, EpochId(epoch)));
    let mut bytes = fs::read(record(2)).unwrap();
    bytes[5000] ^= 1;
    fs::write(record(2), &bytes).unwrap();
    assert!(broken(1, None).contains("checksum"));
    assert_eq!(written(&lab, key, 1, Some("p0")), []);
    fs::remove_file(record(1)).unwrap();
    assert!(broken(1, Some(&point("p0"))).contains("missing"));
    let none = lab.ranges_since(&vm(), &DiskKey::new("x"), EpochId(1), None);
    assert!(matches!(none, Err(PlatformError::NoDisk { .. })));
}

#[test]
fn a_broken_record_stays_broken_when_the_guest_goes_on() {
    let (dir, lab) = fixture();
    drop(lab);
    let key = &keys()[0];
    let record = meta::vm_dir(dir.path(), &vm()).join(tracking::file_name(key, EpochId(1)));
    let whole = fs::read(&record).unwrap();
    fs::write(&record, &whole[..whole.len() - 1]).unwrap();
    let lab = Lab::open(dir.path(), settings()).unwrap();
    lab.power_on(&vm(), None).unwrap();
    let mut guest = Guest::new(&lab, 7);
    guest.write(3);
    let since = |epoch| lab.ranges_since(&vm(), key, EpochId(epoch), None).unwrap();
    assert!(matches!(since(1), Ranges::Broken(_)));
    lab.freeze(&vm(), &point("p0"), OWNER).unwrap();
    assert!(matches!(since(1), Ranges::Broken(_)));
    assert_eq!(since(2), Ranges::Written(Vec::new()));
}

#[test]
fn a_vm_without_tracking_says_so() {
    let (dir, lab) = fixture();
    drop(lab);
    meta::save_vm(
        dir.path(),
        &VmFile {
            change_tracking: false,
            ..vm_file()
        },
    )
    .unwrap();
    let lab = Lab::open(dir.path(), settings()).unwrap();
    lab.freeze(&vm(), &point("p0"), OWNER).unwrap();
    let found = lab
        .ranges_since(&vm(), &keys()[0], EpochId(2), None)
        .unwrap();
    assert_eq!(
        found,
        Ranges::Broken("change tracking is off for this VM".to_owned())
    );
}

/// What must be true after any sequence of operations.
struct Model {
    active: Vec<Vec<u8>>,
    points: Vec<(String, Vec<Vec<u8>>)>,
    /// Content at the beginning of each epoch that was seen.
    epochs: Vec<(u64, Vec<Vec<u8>>)>,
    next: u64,
}

#[test]
fn any_sequence_of_operations_keeps_every_content() {
    for seed in 0..6 {
        let (dir, mut lab) = fixture();
        let mut numbers = Numbers(seed);
        let active = contents(&lab, &DiskAt::Active);
        let epochs = vec![(1, active.clone())];
        let mut model = Model {
            active,
            points: Vec::new(),
            epochs,
            next: 0,
        };
        for _ in 0..40 {
            let choice = numbers.below(10);
            step(&lab, &mut model, &mut numbers, choice);
            if choice == 9 {
                drop(lab);
                lab = Lab::open(dir.path(), settings()).unwrap();
            }
            check(&lab, &model, choice);
        }
    }
}

fn step(lab: &Lab, model: &mut Model, numbers: &mut Numbers, choice: u64) {
    let pick = |numbers: &mut Numbers, len: usize| {
        usize::try_from(numbers.below(u64::try_from(len.max(1)).unwrap())).unwrap()
    };
    match choice {
        0..3 => {
            lab.power_on(&vm(), None).unwrap();
            let mut guest = Guest::new(lab, numbers.below(1 << 20));
            guest.write(6);
            model.active = guest.expected;
        }
        3..5 => {
            let name = format!("p{}", model.next);
            model.next += 1;
            let frozen = lab.freeze(&vm(), &point(&name), OWNER).unwrap();
            model.points.push((name, model.active.clone()));
            model.epochs.push((frozen.epoch.0, model.active.clone()));
        }
        5 if !model.points.is_empty() => {
            let (name, _) = model.points.remove(pick(numbers, model.points.len()));
            lab.drop_point(&vm(), &point(&name), OWNER).unwrap();
        }
        6 if !model.points.is_empty() => {
            lab.power_off(&vm()).unwrap();
            let index = pick(numbers, model.points.len());
            lab.revert(&vm(), &point(&model.points[index].0)).unwrap();
            model.points.truncate(index + 1);
            model.active.clone_from(&model.points[index].1);
        }
        7 => {
            lab.power_off(&vm()).unwrap();
            lab.layer_create(&vm(), &layer(&format!("l{}", numbers.below(3))), OWNER)
                .unwrap();
        }
        8 => {
            let name = layer(&format!("l{}", numbers.below(3)));
            lab.layer_merge(&vm(), &name).unwrap();
            assert!(!lab.layer_exists(&vm(), &name).unwrap());
        }
        _ => {}
    }
}

fn check(lab: &Lab, model: &Model, choice: u64) {
    assert!(
        contents(lab, &DiskAt::Active) == model.active,
        "after {choice}"
    );
    for (name, expected) in &model.points {
        assert!(
            contents(lab, &at(name)) == *expected,
            "{name} after {choice}"
        );
    }
    for (epoch, before) in &model.epochs {
        assert_covered(before, &model.active, &ranges(lab, *epoch, None));
    }
}

#[test]
fn the_tiny_estate_runs_shuts_down_and_fails_over_again() {
    let dir = tempfile::tempdir().unwrap();
    let lab = Lab::open(dir.path(), settings()).unwrap();
    let inventory = lab.inventory(&SiteId::new("dr")).unwrap();
    assert!(inventory.free.0 > 0 && !inventory.vms.is_empty() && !inventory.jobs.is_empty());
    let replica = inventory.replicas[0].clone();
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::On);
    lab.request_shutdown(&replica.vm).unwrap();
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::ShuttingDown);
    assert_eq!(until_off(&lab, &replica.vm).power, PowerState::Off);
    assert!(lab.fail_over(&replica.id).is_err());
    lab.freeze(&replica.vm, &point("kept"), OWNER).unwrap();
    lab.power_on(&replica.original, None).unwrap();
    let kept = point("kept");
    let kept = |common| {
        let name = &kept;
        Some(KeptPoint { name, common })
    };
    lab.set_replica_state(&replica.id, ReplicaState::Ready, kept(true))
        .unwrap();
    let record = lab.replica(&replica.id).unwrap();
    let recorded = record.restore_point.unwrap();
    assert_eq!(
        (recorded.replica_epoch, recorded.production_epoch),
        (Some(EpochId(2)), Some(EpochId(1)))
    );
    assert_eq!(record.running_since, None);
    // Where something was left out, nothing is known to be the same on both sides.
    let other = inventory.replicas[1].clone();
    lab.freeze(&other.vm, &point("kept"), OWNER).unwrap();
    lab.set_replica_state(&other.id, ReplicaState::Ready, kept(false))
        .unwrap();
    let uncommon = lab.replica(&other.id).unwrap().restore_point.unwrap();
    assert_eq!((uncommon.name.as_str(), uncommon.common()), ("kept", None));
    lab.fail_over(&replica.id).unwrap();
    assert_eq!(lab.vm(&replica.original).unwrap().power, PowerState::Off);
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::On);
    let record = lab.replica(&replica.id).unwrap();
    assert_eq!(
        (record.state, record.restore_point),
        (ReplicaState::Failover, Some(recorded))
    );
    let key = &lab.vm(&replica.vm).unwrap().disks[0].key;
    let since = lab
        .ranges_since(&replica.vm, key, EpochId(2), None)
        .unwrap();
    assert!(matches!(since, Ranges::Written(ranges) if !ranges.is_empty()));
    lab.set_replication_hold(&replica.id, true).unwrap();
    lab.shutdown();
    drop(lab);
    let lab = Lab::open(dir.path(), settings()).unwrap();
    assert!(lab.replica(&replica.id).unwrap().on_hold);
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::On);
    let old = lab.cell(&replica.vm).unwrap();
    lab.reset(Scale::Tiny).unwrap();
    assert!(matches!(old.power_on(None), Err(PlatformError::NoVm(_))));
    assert!(!lab.replica(&replica.id).unwrap().on_hold);
}

#[test]
fn a_guest_that_never_answers_can_be_powered_off_or_goes_on() {
    let (dir, lab) = fixture();
    drop(lab);
    meta::save_vm(
        dir.path(),
        &VmFile {
            deaf: true,
            ..vm_file()
        },
    )
    .unwrap();
    let lab = Lab::open(dir.path(), settings()).unwrap();
    lab.power_on(&vm(), None).unwrap();
    lab.request_shutdown(&vm()).unwrap();
    lab.power_on(&vm(), None).unwrap();
    assert_eq!(lab.vm(&vm()).unwrap().power, PowerState::On);
    lab.request_shutdown(&vm()).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(lab.vm(&vm()).unwrap().power, PowerState::ShuttingDown);
    lab.power_off(&vm()).unwrap();
    assert_eq!(lab.vm(&vm()).unwrap().power, PowerState::Off);
    lab.power_off(&vm()).unwrap();
    lab.request_shutdown(&vm()).unwrap();
}

/// A lab of the tiny estate with generated VMs, the first of which is returned.
fn generated(dir: &TempDir) -> (Lab, ReplicaFile) {
    let settings = LabSettings {
        vms: 40,
        ..settings()
    };
    let lab = Lab::open(dir.path(), settings).unwrap();
    let replica = lab.estate().replicas[3].clone();
    assert_eq!(replica.state, ReplicaState::Failover);
    (lab, replica)
}

#[test]
fn an_idle_guest_shuts_down_and_changes_nothing_until_then() {
    let dir = tempfile::tempdir().unwrap();
    let (lab, replica) = generated(&dir);
    let revision = lab.revision(&replica.vm);
    assert!(revision.is_some());
    let shown = lab.vm(&replica.vm).unwrap();
    assert_eq!(shown.power, PowerState::On);
    thread::sleep(settings().guest_tick * 4);
    assert_eq!(
        (lab.revision(&replica.vm), lab.vm(&replica.vm).unwrap()),
        (revision, shown)
    );
    // The guests of the estate's own VMs write, and so nothing is promised of them.
    let writes = lab.estate().replicas[0].vm.clone();
    assert_eq!(lab.revision(&writes), None);

    lab.request_shutdown(&replica.vm).unwrap();
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::ShuttingDown);
    let off = || lab.vm(&replica.vm).unwrap().power == PowerState::Off;
    let until = Instant::now() + Duration::from_secs(30);
    while !off() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(off());
    assert_ne!(lab.revision(&replica.vm), revision);
    lab.power_on(&replica.vm, None).unwrap();
    assert_eq!(lab.vm(&replica.vm).unwrap().power, PowerState::On);
    // Whoever holds a VM may write to it past the lab.
    lab.hold(&replica.original, "session").unwrap();
    assert_eq!(lab.revision(&replica.original), None);
}

#[test]
fn a_change_of_one_replica_is_written_beside_the_estate() {
    let dir = tempfile::tempdir().unwrap();
    let (lab, replica) = generated(&dir);
    let described = || fs::read(meta::lab_dir(dir.path()).join("estate.json")).unwrap();
    let before = described();
    lab.set_replication_hold(&replica.id, true).unwrap();
    assert!(described() == before, "all replicas were written again");
    drop(lab);
    let (lab, again) = generated(&dir);
    assert!(again.on_hold);
    lab.reset(Scale::Tiny).unwrap();
    assert_eq!(lab.estate().replicas.len(), 40);
    assert!(!lab.replica(&replica.id).unwrap().on_hold);
}

#[test]
fn a_generated_replica_is_failed_over_again() {
    let dir = tempfile::tempdir().unwrap();
    let (lab, _) = generated(&dir);
    let estate = lab.estate().clone();
    let ready = estate
        .replicas
        .iter()
        .find(|it| it.state == ReplicaState::Ready);
    let ready = ready.unwrap().clone();
    lab.fail_over(&ready.id).unwrap();
    assert_eq!(lab.vm(&ready.original).unwrap().power, PowerState::Off);
    assert_eq!(lab.vm(&ready.vm).unwrap().power, PowerState::On);
    let key = &lab.vm(&ready.vm).unwrap().disks[0].key;
    let ranges = lab.ranges_since(&ready.vm, key, EpochId(1), None).unwrap();
    assert!(matches!(ranges, Ranges::Written(ranges) if !ranges.is_empty()));
}
