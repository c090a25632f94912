//! Cancel, pause and limit while a task runs.

use std::{
    io::ErrorKind,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use disk::DiskError;
use model::{ByteCount, ByteRange, BytesPerSecond, DiskPhase};
use testkit::{Call, Counting, FailAt, Hook, Layer, MemDisk, Slow, When};

use super::{SIZES, assert_adds_up, assert_done, task};
use crate::{Controls, Meter, MoverError, Report, Task, run::run_in};

const MIB: usize = 1024 * 1024;

fn different(mib: usize) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let disk = |value| Arc::new(MemDisk::from_bytes(vec![value; mib * MIB]));
    (disk(1), disk(2))
}

struct Running {
    controls: Controls,
    meter: Meter,
    thread: thread::JoinHandle<Result<Report, MoverError>>,
}

fn start(task: Task, controls: Controls) -> Running {
    let meter = Meter::default();
    let (with, shown) = (controls.clone(), meter.clone());
    let thread = thread::spawn(move || run_in(&task, &with, &shown, SIZES));
    Running {
        controls,
        meter,
        thread,
    }
}

impl Running {
    fn wait_for(&self, wanted: impl Fn(&Meter) -> bool) {
        let start = Instant::now();
        while !wanted(&self.meter) {
            assert!(start.elapsed() < Duration::from_secs(20), "never came");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Cancels and says how long the task took to end.
    fn cancel(self) -> Duration {
        let start = Instant::now();
        self.controls.cancel();
        let result = self.thread.join().unwrap();
        assert!(matches!(result, Err(MoverError::Cancelled)), "{result:?}");
        start.elapsed()
    }
}

fn limited(bytes: u64) -> Controls {
    let controls = Controls::default();
    controls.set_limit(Some(BytesPerSecond(bytes)));
    controls
}

#[test]
fn cancel_ends_a_limited_task_at_once() {
    let (source, target) = different(4);
    let running = start(task(source, target), limited(1000));
    running.wait_for(|meter| meter.counters().sent > ByteCount::ZERO);
    let took = running.cancel();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn cancel_ends_a_task_under_a_limit_of_nothing() {
    let (source, target) = different(4);
    let running = start(task(source, target), limited(0));
    thread::sleep(Duration::from_millis(50));
    assert!(running.cancel() < Duration::from_millis(100));
}

#[test]
fn cancel_ends_a_paused_task_at_once() {
    let (source, target) = different(4);
    let controls = Controls::default();
    controls.pause();
    let running = start(task(source, target), controls);
    running.wait_for(|meter| meter.counters().phase == DiskPhase::Paused);
    let took = running.cancel();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn cancel_ends_a_task_between_slow_requests() {
    let (source, target) = different(4);
    let slow = Arc::new(Slow::new(source, Call::Read, Duration::from_millis(30)));
    let running = start(task(slow, target), Controls::default());
    thread::sleep(Duration::from_millis(80));
    let took = running.cancel();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn a_failed_write_ends_a_task_whose_reader_is_paused() {
    let (source, target) = different(4);
    let failing = FailAt::new(target, Call::Write, When::Nth(0), ErrorKind::Other);
    let slow = Slow::new(Arc::new(failing), Call::Write, Duration::from_millis(200));
    let counting = Arc::new(Counting::new(Arc::new(slow)));
    let running = start(task(source, counting.clone()), Controls::default());
    running.wait_for(|_| counting.calls(Call::Write) >= 1);
    running.controls.pause();
    running.wait_for(|_| running.thread.is_finished());
    let error = running.thread.join().unwrap().unwrap_err();
    assert!(matches!(error, MoverError::Write { .. }), "{error:?}");
}

#[test]
fn a_paused_task_stands_still_and_goes_on() {
    let (source, target) = different(2);
    let running = start(task(source.clone(), target.clone()), limited(1 << 20));
    running.wait_for(|meter| meter.counters().sent > ByteCount::ZERO);
    running.controls.pause();
    running.wait_for(|meter| meter.counters().phase == DiskPhase::Paused);
    thread::sleep(Duration::from_millis(60));
    let before = running.meter.counters();
    thread::sleep(Duration::from_millis(150));
    let after = running.meter.counters();
    assert_eq!((before.sent, before.scanned), (after.sent, after.scanned));
    assert_adds_up(&after);
    running.controls.set_limit(None);
    running.controls.resume();
    let report = running.thread.join().unwrap().unwrap();
    assert_done(&report.counters);
    assert!(source.bytes() == target.bytes());
}

fn queue(most: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(most)
}

/// The most reads and writes that a disk had at once.
#[derive(Clone, Debug, Default)]
struct Depth(Arc<[AtomicUsize; 2]>);

impl Hook for Depth {
    fn before(&self, call: Call, _: ByteRange) -> Result<(), DiskError> {
        if matches!(call, Call::Extents | Call::Flush) {
            return Ok(());
        }
        let [now, most] = &*self.0;
        let depth = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(depth, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(2));
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Depth {
    fn most(&self) -> usize {
        self.0[1].swap(0, Ordering::SeqCst)
    }
}

#[test]
fn no_more_requests_are_on_their_way_than_the_queue_allows_also_when_that_changes() {
    let (source, target) = different(32);
    let depth = Depth::default();
    let both = |disk: Arc<MemDisk>| Arc::new(Layer::around(disk, depth.clone()));
    let controls = Controls::default();
    controls.set_queue(queue(1));
    let running = start(task(both(source.clone()), both(target.clone())), controls);
    running.wait_for(|meter| meter.counters().sent > ByteCount(256 << 10));
    assert_eq!(depth.most(), 1);
    running.controls.set_queue(queue(2));
    thread::sleep(Duration::from_millis(60));
    assert_eq!(depth.most(), 2);
    running.controls.set_queue(None);
    thread::sleep(Duration::from_millis(60));
    assert!(depth.most() > 2);
    assert!(!running.thread.is_finished(), "nothing was measured");
    let report = running.thread.join().unwrap().unwrap();
    assert_done(&report.counters);
    assert!(source.bytes() == target.bytes());
}

#[test]
fn cancel_ends_a_task_whose_workers_wait_for_the_one_request_that_may_be_on_its_way() {
    for paused in [false, true] {
        let (source, target) = different(4);
        let slow = Arc::new(Slow::new(source, Call::Read, Duration::from_millis(40)));
        let controls = limited(64 << 20);
        controls.set_queue(queue(1));
        let running = start(task(slow, target), controls);
        thread::sleep(Duration::from_millis(130));
        if paused {
            running.controls.pause();
            running.wait_for(|meter| meter.counters().phase == DiskPhase::Paused);
        }
        let took = running.cancel();
        assert!(took < Duration::from_millis(100), "{took:?}");
    }
}

#[test]
fn a_limit_is_kept_within_a_fifth() {
    let (source, target) = different(3);
    let start_at = Instant::now();
    let running = start(task(source, target), limited(2 * MIB as u64));
    let report = running.thread.join().unwrap().unwrap();
    let took = start_at.elapsed().as_secs_f64();
    assert!((1.2..1.8).contains(&took), "{took}");
    assert_done(&report.counters);
}

#[test]
fn counters_add_up_at_any_time_and_never_fall() {
    let (source, target) = different(3);
    let running = start(task(source, target), limited(8 * MIB as u64));
    let mut last = running.meter.counters();
    while !running.thread.is_finished() {
        let now = running.meter.counters();
        assert_adds_up(&now);
        assert!(now.scanned >= last.scanned && now.verified >= last.verified);
        assert!(now.verified <= now.written);
        last = now;
    }
    let report = running.thread.join().unwrap().unwrap();
    assert_eq!(report.counters.remaining_seconds, Some(0));
    assert!(report.counters.rate > BytesPerSecond(0));
}
