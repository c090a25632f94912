//! Images as a killed writer leaves them: mended, written again, and sound in the eyes of qemu-img.

use std::{fs, process::Command};

use model::{ByteCount, DiskFormat};

use super::*;
use crate::{Access, Disk, create_overlay, create_qcow2, qcow2::Qcow2Disk};

const SIZE: ByteCount = ByteCount(24 << 20);
const CLUSTER: u64 = 64 << 10;

/// What `qemu-img check` says; nothing where all is well.
fn complaints(path: &Path) -> String {
    let run = Command::new("qemu-img")
        .args(["check", "-f", "qcow2"])
        .arg(path)
        .output()
        .expect("qemu-img is there");
    let text =
        String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    // Clusters that leaked cost space only.
    let errors = text.lines().filter(|line| line.starts_with("ERROR"));
    errors.collect::<Vec<_>>().join("\n")
}

/// A copy of an image as a SIGKILL at this moment would leave it.
fn killed_copy(path: &Path, name: &str) -> std::path::PathBuf {
    let copy = path.with_file_name(name);
    fs::copy(path, &copy).expect("copied");
    copy
}

fn write(disk: &Qcow2Disk, cluster: u64, byte: u8) {
    let data = vec![byte; usize::try_from(CLUSTER).expect("small")];
    disk.write_at(cluster * CLUSTER, &data).expect("written");
}

#[test]
fn an_overlay_whose_writer_was_killed_before_its_first_flush_is_written_on_soundly() {
    let dir = tempfile::tempdir().expect("a directory");
    let (base, path) = (
        dir.path().join("base.qcow2"),
        dir.path().join("layer.qcow2"),
    );
    create_qcow2(&base, SIZE).expect("made");
    create_overlay(&path, (Path::new("base.qcow2"), DiskFormat::Qcow2), SIZE).expect("made");
    let writer = Qcow2Disk::open(&path, Access::Write).expect("opens");
    write(&writer, 3, 1);
    let copy = killed_copy(&path, "copy.qcow2");
    assert!(
        complaints(&copy).contains("refcount=0"),
        "the library counts before it links: then nothing is to mend"
    );
    let again = Qcow2Disk::open(&copy, Access::Write).expect("opens");
    for cluster in 0..40 {
        write(&again, cluster, 2);
    }
    again.flush().expect("flushed");
    drop(again);
    assert_eq!(complaints(&copy), "");
    let reader = Qcow2Disk::open(&copy, Access::Read).expect("opens");
    let mut all = vec![0; usize::try_from(40 * CLUSTER).expect("small")];
    reader.read_at(0, &mut all).expect("reads");
    assert!(all.iter().all(|byte| *byte == 2));
}

#[test]
fn a_writer_killed_at_any_write_leaves_what_can_be_mended() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("disk.qcow2");
    create_qcow2(&path, SIZE).expect("made");
    let writer = Qcow2Disk::open(&path, Access::Write).expect("opens");
    let mut mended = 0;
    for step in 0..60_u64 {
        write(&writer, step * 7 % 384, 3);
        if step % 13 == 12 {
            writer.flush().expect("flushed");
        }
        let copy = killed_copy(&path, "copy.qcow2");
        mended += mend(&copy).expect("mended");
        assert_eq!(complaints(&copy), "", "after write {step}");
        assert_eq!(mend(&copy).expect("again"), 0, "after write {step}");
    }
    assert!(mended > 0, "no copy had anything to mend");
}

#[test]
fn a_block_of_counts_that_is_missing_is_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("disk.qcow2");
    create_qcow2(&path, SIZE).expect("made");
    let writer = Qcow2Disk::open(&path, Access::Write).expect("opens");
    (0..9).for_each(|cluster| write(&writer, cluster, 4));
    writer.flush().expect("flushed");
    drop(writer);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .expect("opens");
    let layout = Layout::read(&file).expect("read").expect("ours");
    file.write_all_at(&[0; 8], layout.table).expect("unlinked");
    assert!(complaints(&path).contains("refcount=0"));
    assert!(mend(&path).expect("mended") > 9);
    assert_eq!(complaints(&path), "");
}

#[test]
fn what_is_sound_or_not_ours_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("disk.qcow2");
    create_qcow2(&path, SIZE).expect("made");
    let short = dir.path().join("short");
    fs::write(&short, b"QFI").expect("written");
    let mut garbage = fs::read(&path).expect("read");
    garbage[36..48].fill(0xff);
    let damaged = dir.path().join("damaged.qcow2");
    fs::write(&damaged, &garbage).expect("written");
    for path in [&path, &short, &damaged] {
        let before = fs::read(path).expect("read");
        assert_eq!(mend(path).expect("looked at"), 0, "{}", path.display());
        assert!(
            fs::read(path).expect("read") == before,
            "{}",
            path.display()
        );
    }
}
