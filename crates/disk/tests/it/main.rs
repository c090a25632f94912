//! Images read and written here, judged by `qemu-img`.

mod device;
mod nbd;

use std::{fs, path::Path, process::Command};

use disk::{
    Access, Disk, DiskError, ExtentKind, Locator, create_overlay, create_qcow2, create_raw, open,
    own_extents, set_backing,
};
use model::{ByteCount, ByteRange, DiskFormat};
use proptest::prelude::*;
use tempfile::TempDir;

const SIZE: u64 = 4 << 20;

fn at(path: &Path, format: DiskFormat) -> Locator {
    Locator::File {
        path: path.to_owned(),
        format,
    }
}

fn qemu_img(args: &[&str]) {
    let out = Command::new("qemu-img")
        .args(args)
        .output()
        .expect("qemu-img is there");
    assert!(
        out.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stdout)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn equal(a: (&Path, &str), b: (&Path, &str)) {
    qemu_img(&["compare", "-f", a.1, "-F", b.1, text(a.0), text(b.0)]);
}

fn read_all(disk: &dyn Disk) -> Vec<u8> {
    let mut all = vec![0; usize::try_from(disk.size().0).expect("small")];
    disk.read_at(0, &mut all).expect("readable");
    all
}

#[test]
fn an_overlay_hides_its_backing_only_where_it_was_written() {
    let dir = TempDir::new().expect("a directory");
    let (base, top) = (dir.path().join("base.raw"), dir.path().join("top.qcow2"));
    create_raw(&base, ByteCount(SIZE)).expect("created");
    let raw = open(&at(&base, DiskFormat::Raw), Access::Write).expect("opened");
    raw.write_at(0, &[1; 131_072]).expect("written");
    raw.flush().expect("flushed");
    create_overlay(
        &top,
        (Path::new("base.raw"), DiskFormat::Raw),
        ByteCount(SIZE),
    )
    .expect("created");
    let disk = open(&at(&top, DiskFormat::Qcow2), Access::Write).expect("opened");
    disk.write_at(65_536, &[2; 512]).expect("written");
    disk.write_zeroes(ByteRange::new(0, 65_536))
        .expect("zeroed");
    disk.flush().expect("flushed");
    let content = read_all(disk.as_ref());
    assert!(content[..65_536].iter().all(|byte| *byte == 0));
    assert!(content[65_536..66_048].iter().all(|byte| *byte == 2));
    assert!(content[66_048..131_072].iter().all(|byte| *byte == 1));
    let extents = disk.extents(ByteRange::new(0, SIZE)).expect("mapped");
    assert_eq!(extents[0].kind, ExtentKind::Zero);
    assert_eq!(extents[0].range, ByteRange::new(0, 65_536));
    drop(disk);
    let own = own_extents(&top).expect("mapped");
    assert_eq!(own.len(), 2);
    assert_eq!(
        (own[0].kind, own[0].range),
        (ExtentKind::Zero, ByteRange::new(0, 65_536))
    );
    assert_eq!(
        (own[1].kind, own[1].range),
        (ExtentKind::Data, ByteRange::new(65_536, 65_536))
    );
    assert_eq!(
        raw.extents(ByteRange::new(0, SIZE)).expect("mapped").len(),
        2
    );
    qemu_img(&["check", text(&top)]);
}

#[test]
fn an_overlay_can_be_pointed_at_another_backing_image() {
    let dir = TempDir::new().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    create_raw(&path("base.raw"), ByteCount(SIZE)).expect("created");
    create_overlay(
        &path("a.qcow2"),
        (Path::new("base.raw"), DiskFormat::Raw),
        ByteCount(SIZE),
    )
    .expect("created");
    create_overlay(
        &path("b.qcow2"),
        (Path::new("a.qcow2"), DiskFormat::Qcow2),
        ByteCount(SIZE),
    )
    .expect("created");
    let b = open(&at(&path("b.qcow2"), DiskFormat::Qcow2), Access::Write).expect("opened");
    b.write_at(0, &[7; 4_096]).expect("written");
    b.flush().expect("flushed");
    drop(b);
    set_backing(&path("b.qcow2"), Path::new("base.raw"), DiskFormat::Raw).expect("rewritten");
    fs::remove_file(path("a.qcow2")).expect("removed");
    let b = open(&at(&path("b.qcow2"), DiskFormat::Qcow2), Access::Read).expect("opened");
    assert_eq!(read_all(b.as_ref())[..4_096], [7; 4_096]);
    qemu_img(&["check", text(&path("b.qcow2"))]);
    let info = Command::new("qemu-img")
        .args(["info", text(&path("b.qcow2"))])
        .output();
    let info = String::from_utf8(info.expect("ran").stdout).expect("text");
    assert!(
        info.contains("base.raw") && info.contains("backing file format: raw"),
        "{info}"
    );
}

#[test]
fn bad_images_are_refused_by_name() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("bad");
    fs::write(&path, vec![0; 1_000]).expect("written");
    let raw = open(&at(&path, DiskFormat::Raw), Access::Read);
    assert!(matches!(
        raw,
        Err(DiskError::Unaligned {
            size: ByteCount(1_000),
            ..
        })
    ));
    for content in [&b"QFI\xfb"[..], &[0; 65_536][..], &b""[..]] {
        fs::write(&path, content).expect("written");
        let qcow2 = open(&at(&path, DiskFormat::Qcow2), Access::Read);
        assert!(matches!(qcow2, Err(DiskError::Open { .. })));
        assert!(set_backing(&path, Path::new("x"), DiskFormat::Raw).is_err());
    }
    let gone = open(&at(&dir.path().join("gone"), DiskFormat::Raw), Access::Read);
    assert!(matches!(gone, Err(DiskError::Open { .. })));
}

#[test]
fn requests_past_the_end_are_refused() {
    let dir = TempDir::new().expect("a directory");
    for (name, format) in [("d.raw", DiskFormat::Raw), ("d.qcow2", DiskFormat::Qcow2)] {
        let path = dir.path().join(name);
        match format {
            DiskFormat::Raw => create_raw(&path, ByteCount(SIZE)),
            DiskFormat::Qcow2 => create_qcow2(&path, ByteCount(SIZE)),
        }
        .expect("created");
        let disk = open(&at(&path, format), Access::Write).expect("opened");
        let past = disk.write_at(SIZE - 1, &[0; 2]);
        assert!(matches!(past, Err(DiskError::PastEnd { .. })));
        assert!(disk.read_at(u64::MAX, &mut [0; 1]).is_err());
        assert!(disk.write_zeroes(ByteRange::new(SIZE, 1)).is_err());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(u64, Vec<u8>),
    Zero(u64, u64),
    Flush,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..SIZE / 512 - 256, 1_usize..256, any::<u8>())
            .prop_map(|(at, sectors, byte)| Op::Write(at * 512, vec![byte; sectors * 512])),
        2 => (0..SIZE / 512 - 512, 1_u64..512).prop_map(|(at, n)| Op::Zero(at * 512, n * 512)),
        1 => Just(Op::Flush),
    ];
    prop::collection::vec(op, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_format_reads_back_what_was_written(ops in ops()) {
        let dir = TempDir::new().expect("a directory");
        let raw_path = dir.path().join("d.raw");
        let base = dir.path().join("base.qcow2");
        let top = dir.path().join("top.qcow2");
        create_raw(&raw_path, ByteCount(SIZE)).expect("created");
        create_qcow2(&base, ByteCount(SIZE)).expect("created");
        create_overlay(&top, (Path::new("base.qcow2"), DiskFormat::Qcow2), ByteCount(SIZE))
            .expect("created");
        let disks = [
            open(&at(&raw_path, DiskFormat::Raw), Access::Write).expect("opened"),
            open(&at(&top, DiskFormat::Qcow2), Access::Write).expect("opened"),
        ];
        let mut oracle = vec![0_u8; usize::try_from(SIZE).expect("small")];
        for op in &ops {
            for disk in &disks {
                match op {
                    Op::Write(offset, data) => disk.write_at(*offset, data),
                    Op::Zero(offset, len) => disk.write_zeroes(ByteRange::new(*offset, *len)),
                    Op::Flush => disk.flush(),
                }.expect("done");
            }
            match op {
                Op::Write(offset, data) => {
                    let offset = usize::try_from(*offset).expect("small");
                    oracle[offset..offset + data.len()].copy_from_slice(data);
                }
                Op::Zero(offset, len) => {
                    let (offset, len) = (usize::try_from(*offset).expect("small"), usize::try_from(*len).expect("small"));
                    oracle[offset..offset + len].fill(0);
                }
                Op::Flush => {}
            }
        }
        for disk in &disks {
            disk.flush().expect("flushed");
            prop_assert!(read_all(disk.as_ref()) == oracle);
            for extent in disk.extents(ByteRange::new(0, SIZE)).expect("mapped") {
                if extent.kind == ExtentKind::Zero {
                    let from = usize::try_from(extent.range.start).expect("small");
                    let to = usize::try_from(extent.range.end()).expect("small");
                    prop_assert!(oracle[from..to].iter().all(|byte| *byte == 0));
                }
            }
        }
        drop(disks);
        equal((&raw_path, "raw"), (&top, "qcow2"));
        qemu_img(&["check", text(&top)]);
    }
}
