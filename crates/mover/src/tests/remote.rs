//! Both ends in one process, joined by sockets: random disks against a byte loop, damage in
//! flight, and ends that die.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    thread,
};

use blockmap::BlockSize;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{BitFlip, Call, Counting, FailAt, MemDisk, When, random_image, scatter_changes};

use super::assert_done;
use crate::{
    Controls, Meter, MoverError, Note, Proof, Report, Scope, Unreadable,
    remote::{FarError, FarFault, Remote, serve, serve_with, sync},
};

pub(super) fn remote(source: Arc<dyn Disk>, proof: Proof) -> Remote {
    Remote {
        source,
        scope: Scope::Whole,
        sample: None,
        block: BlockSize::MIN,
        apply: true,
        proof,
        unreadable: Unreadable::Stop,
    }
}

/// Joins both ends; `wrap` may damage what the near end sends.
pub(super) fn join<W: Write + Send>(
    task: &Remote,
    target: Arc<dyn Disk>,
    wrap: impl FnOnce(WriteHalf) -> W,
) -> (
    Result<(Report, ByteCount), MoverError>,
    Result<(), FarError>,
) {
    join_with(task, target, &[], wrap)
}

/// [`join`] with seeds.
pub(super) fn join_with<W: Write + Send>(
    task: &Remote,
    target: Arc<dyn Disk>,
    seeds: &[Arc<dyn Disk>],
    wrap: impl FnOnce(WriteHalf) -> W,
) -> (
    Result<(Report, ByteCount), MoverError>,
    Result<(), FarError>,
) {
    let (near, far) = UnixStream::pair().expect("a pair");
    let writer = wrap(WriteHalf(near.try_clone().expect("cloned")));
    thread::scope(|scope| {
        let served = scope.spawn(move || {
            let result = serve_with(
                seeds,
                |_, _| Ok((target, None)),
                far.try_clone().expect("cloned"),
                far.try_clone().expect("cloned"),
            );
            drop(far.shutdown(std::net::Shutdown::Both));
            result
        });
        let near_end = HalfClose(near);
        let result = sync(
            task,
            &near_end.0,
            writer,
            &Controls::default(),
            &Meter::default(),
        );
        drop(near_end);
        (result, served.join().expect("no panic"))
    })
}

/// A socket's writing half, which ends when it is dropped, as a pipe does.
pub(super) struct WriteHalf(pub(super) UnixStream);

impl Write for WriteHalf {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        drop(self.0.shutdown(std::net::Shutdown::Write));
    }
}

/// Lets the other end see that this one is gone.
struct HalfClose(UnixStream);

impl Drop for HalfClose {
    fn drop(&mut self) {
        drop(self.0.shutdown(std::net::Shutdown::Both));
    }
}

pub(super) fn pair(size: u64, seed: u64, zero_percent: u64) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let source = MemDisk::new(ByteCount(size));
    random_image(&source, seed, zero_percent).unwrap();
    let target = MemDisk::from_bytes(source.bytes());
    scatter_changes(&target, seed ^ 1, 12, 40_000).unwrap();
    (Arc::new(source), Arc::new(target))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_far_disk_becomes_equal(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        device in any::<bool>(),
        empty in any::<bool>(),
    ) {
        let (source, mut target) = pair(size, u64::from(seed), zero_percent);
        if empty {
            target = Arc::new(MemDisk::new(ByteCount(size)));
        }
        let proof = if device { Proof::Device } else { Proof::Cache };
        let task = remote(source.clone(), proof);
        let dry = Remote { apply: false, ..task.clone() };
        let before = target.bytes();
        let (planned, far) = join(&dry, target.clone(), |socket| socket);
        prop_assert!(far.is_ok());
        let (planned, _) = planned.unwrap();
        prop_assert!(target.bytes() == before);

        let counted = [source.clone(), target.clone()].map(|it| Arc::new(Counting::new(it)));
        let counting = Remote { source: counted[0].clone(), ..task.clone() };
        let (done, far) = join(&counting, counted[1].clone(), |socket| socket);
        prop_assert!(far.is_ok(), "{:?}", far);
        let (report, wire) = done.unwrap();
        prop_assert!(source.bytes() == target.bytes());
        assert_done(&report.counters);
        prop_assert_eq!(report.counters.different, planned.counters.different);
        prop_assert_eq!(report.counters.sent, planned.to_send);
        prop_assert_eq!(counted[0].bytes(Call::Read), report.counters.read_source);
        prop_assert_eq!(
            counted[1].bytes(Call::Read),
            report.counters.read_target.saturating_add(report.counters.reread)
        );
        let hashed = [
            report.counters.read_source,
            report.counters.read_target,
            report.counters.reread,
            report.counters.sent,
        ];
        prop_assert_eq!(report.counters.hashed, hashed.into_iter().sum());
        prop_assert!(report.counters.packed <= wire);
        prop_assert!(wire.0 >= report.counters.sent.0 / 300);

        let (again, _) = join(&task, target.clone(), |socket| socket);
        let (report, wire) = again.unwrap();
        prop_assert_eq!(report.counters.different, ByteCount::ZERO);
        // A digest of 16 bytes per block of 4 KiB, and a few frames.
        prop_assert!(wire.0 <= size / 4096 * 17 + 600, "{} bytes", wire);
    }
}

/// Flips one bit of what is written, at an offset of the stream.
struct Flip<W> {
    inner: W,
    left: usize,
}

impl<W: Write> Write for Flip<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut data = data.to_vec();
        if self.left < data.len() {
            data[self.left] ^= 4;
            self.left = usize::MAX;
        } else if self.left != usize::MAX {
            self.left -= data.len();
        }
        self.inner.write_all(&data)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn damage_in_flight_is_never_called_equal() {
    let (source, target) = pair(600_000, 5, 20);
    let before = target.bytes();
    let mut noticed = 0;
    for at in (0..60_000).step_by(977) {
        let target = Arc::new(MemDisk::from_bytes(before.clone()));
        let task = remote(source.clone(), Proof::Cache);
        let (near, _) = join(&task, target.clone(), |inner| Flip { inner, left: at });
        match near {
            Ok(_) => assert!(source.bytes() == target.bytes(), "flipped at {at}"),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 30, "{noticed}");
}

/// Ends the stream after some bytes.
struct Cut<W> {
    inner: W,
    left: usize,
}

impl<W: Write> Write for Cut<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let part = data.len().min(self.left);
        self.left -= part;
        self.inner.write(&data[..part])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn a_link_that_breaks_anywhere_is_an_error_and_a_second_run_ends_equal() {
    let (source, target) = pair(900_000, 6, 20);
    let before = target.bytes();
    for left in (0..50_000).step_by(4999) {
        let target = Arc::new(MemDisk::from_bytes(before.clone()));
        let task = remote(source.clone(), Proof::Cache);
        let (near, far) = join(&task, target.clone(), |inner| Cut { inner, left });
        assert!(near.is_err() && far.is_err(), "cut after {left}");
    }
    let (near, _) = join(
        &remote(source.clone(), Proof::Cache),
        target.clone(),
        |it| it,
    );
    near.unwrap();
    assert!(source.bytes() == target.bytes());
}

#[test]
fn a_bit_that_flips_at_the_far_end_is_repaired_once_and_reported_and_twice_is_named() {
    let at = 300_100;
    let block = ByteRange::new(at / 4096 * 4096, 4096);
    for (times, proof, zeroes) in [
        (1, Proof::Cache, false),
        (1, Proof::Cache, true),
        (1, Proof::Device, false),
        (1, Proof::Device, true),
        (2, Proof::Cache, false),
        (2, Proof::Cache, true),
        (2, Proof::Device, false),
        (2, Proof::Device, true),
    ] {
        let disk = |seed| {
            let disk = MemDisk::new(ByteCount(600_000));
            random_image(&disk, seed, 0).unwrap();
            Arc::new(disk)
        };
        let (source, target) = (disk(8), disk(9));
        if zeroes {
            source.write_zeroes(ByteRange::new(0, 600_000)).unwrap();
        }
        let flipping = Arc::new(BitFlip::new(target.clone(), at, times));
        let (near, _) = join(&remote(source.clone(), proof), flipping, |it| it);
        if times == 1 {
            let (report, _) = near.unwrap();
            assert!(source.bytes() == target.bytes());
            assert_done(&report.counters);
            assert_eq!(report.notes, [Note::Repaired { range: block }]);
            assert_eq!(report.counters.repaired, ByteCount(4096));
        } else {
            let error = near.unwrap_err().to_string();
            assert!(error.contains(&block.to_string()), "{error}");
        }
    }
}

/// A source whose content is another on its second reading of a place.
#[derive(Debug)]
struct Changes(Arc<MemDisk>, std::sync::atomic::AtomicU64);

impl testkit::Hook for Changes {
    fn after(&self, call: Call, range: ByteRange, _: &dyn Disk) -> Result<(), disk::DiskError> {
        if call == Call::Read && range.start <= 300_100 && 300_100 < range.end() {
            let times = self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let [byte, ..] = times.to_le_bytes();
            self.0.write_at(300_100, &[byte])?;
        }
        Ok(())
    }
}

#[test]
fn a_repair_from_a_source_that_changed_is_refused() {
    let (source, _) = pair(600_000, 12, 0);
    let changes = Changes(source.clone(), std::sync::atomic::AtomicU64::new(0));
    let changing = Arc::new(testkit::Layer::around(source, changes));
    let target = Arc::new(MemDisk::new(ByteCount(600_000)));
    let flipping = Arc::new(BitFlip::new(target, 300_100, 1));
    let (near, _) = join(&remote(changing, Proof::Device), flipping, |it| it);
    let error = near.unwrap_err().to_string();
    assert!(error.contains("of the source changed"), "{error}");
}

#[test]
fn errors_of_either_disk_name_their_side_and_place() {
    let bad = ByteRange::new(300_100, 10);
    let failing = |disk: Arc<MemDisk>, call| -> Arc<dyn Disk> {
        Arc::new(FailAt::new(
            disk,
            call,
            When::Touching(bad),
            io::ErrorKind::Other,
        ))
    };
    let (source, target) = pair(600_000, 9, 0);
    let task = remote(failing(source.clone(), Call::Read), Proof::Cache);
    let (near, _) = join(&task, target.clone(), |it| it);
    let error = near.unwrap_err().to_string();
    assert!(error.contains("of the source"), "{error}");
    let (near, _) = join(
        &remote(source.clone(), Proof::Cache),
        failing(target, Call::Read),
        |it| it,
    );
    let error = near.unwrap_err();
    assert!(error.to_string().contains("the far end: read"), "{error}");
    assert!(error.to_string().contains("injected fault"), "{error}");
    assert_eq!(far_fault(&error), Some((FarFault::Target, false)));
    let small: Arc<dyn Disk> = Arc::new(MemDisk::new(ByteCount(4096)));
    let (near, _) = join(&remote(source, Proof::Cache), small, |it| it);
    let error = near.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("600000 bytes, the target 4096"), "{words}");
    assert_eq!(far_fault(&error), Some((FarFault::Target, false)));
}

/// What a far end said of its fault, and whether another try may help.
fn far_fault(error: &MoverError) -> Option<(FarFault, bool)> {
    let MoverError::FarEnd { failure } = error else {
        return None;
    };
    assert_eq!(error.is_temporary(), failure.temporary);
    Some((failure.fault, failure.temporary))
}

/// Found in review: the near end could not tell whether to try again.
#[test]
fn a_far_end_says_whether_another_try_may_help() {
    for (call, kind, temporary) in [
        (Call::Read, io::ErrorKind::TimedOut, true),
        (Call::Write, io::ErrorKind::TimedOut, true),
        (Call::Write, io::ErrorKind::StorageFull, false),
        (Call::Extents, io::ErrorKind::Interrupted, true),
    ] {
        let (source, target) = pair(600_000, 9, 0);
        let failing = Arc::new(FailAt::new(target, call, When::From(0), kind));
        let (near, _) = join(&remote(source, Proof::Cache), failing, |it| it);
        let fault = far_fault(&near.unwrap_err());
        assert_eq!(fault, Some((FarFault::Target, temporary)), "{call:?}");
    }
}

#[test]
fn what_is_no_far_end_is_refused_and_not_waited_for() {
    struct Noise;
    impl Read for Noise {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(0x41);
            Ok(buffer.len())
        }
    }
    let (source, _) = pair(600_000, 10, 0);
    let task = remote(source, Proof::Cache);
    let result = sync(
        &task,
        Noise,
        io::sink(),
        &Controls::default(),
        &Meter::default(),
    );
    assert!(matches!(result, Err(MoverError::Link { .. })), "{result:?}");
    let result = sync(
        &task,
        io::empty(),
        io::sink(),
        &Controls::default(),
        &Meter::default(),
    );
    assert!(matches!(result, Err(MoverError::Link { .. })), "{result:?}");
    let told = serve(|_, _| Err("never".to_owned()), Noise, io::sink());
    assert!(told.is_err());
}

#[test]
fn holes_on_both_sides_are_not_read_at_either() {
    let mut bytes = vec![0; 8 << 20];
    bytes[..8192].fill(7);
    let source = Arc::new(Counting::new(Arc::new(MemDisk::from_bytes(bytes.clone()))));
    let target = Arc::new(Counting::new(Arc::new(MemDisk::from_bytes(bytes))));
    let (near, _) = join(
        &remote(source.clone(), Proof::Cache),
        target.clone(),
        |it| it,
    );
    let (report, wire) = near.unwrap();
    assert!(source.bytes(Call::Read).0 <= 262_144 && target.bytes(Call::Read).0 <= 262_144);
    assert!(report.counters.skipped.0 >= (8 << 20) - 262_144);
    assert!(wire.0 < 400, "{wire}");
}
