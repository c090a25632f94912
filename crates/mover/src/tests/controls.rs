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

use super::{SIZES, assert_adds_up, assert_done, task, with_journal};
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

/// A machine that is busy may hold a run up, and no run may be quicker.
#[test]
fn a_limit_is_kept_within_a_fifth() {
    let within = (0..5).any(|_| {
        let (source, target) = different(3);
        let start_at = Instant::now();
        let running = start(task(source, target), limited(2 * MIB as u64));
        let report = running.thread.join().unwrap().unwrap();
        let took = start_at.elapsed().as_secs_f64();
        assert_done(&report.counters);
        assert!(took >= 1.2, "{took}");
        took < 1.8
    });
    assert!(within);
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

#[test]
fn one_branch_ends_and_goes_on_elsewhere_while_the_other_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = different(8);
    let (other_source, other_target) = different(8);
    let all = limited(2 * MIB as u64);
    let journaled = || with_journal(task(source.clone(), target.clone()), folder.path());
    let first = start(journaled(), all.branch());
    let other = start(
        task(other_source.clone(), other_target.clone()),
        all.branch(),
    );
    first.wait_for(|meter| meter.counters().verified > ByteCount(64 << 10));
    // What is proved is counted a moment before it is noted.
    thread::sleep(Duration::from_millis(1_200));
    first.controls.cancel_branch();
    let ended = first.thread.join().unwrap();
    assert!(matches!(ended, Err(MoverError::Cancelled)), "{ended:?}");
    assert!(!all.is_cancelled() && !other.controls.is_cancelled());
    assert!(!other.thread.is_finished(), "nothing was left to go on");
    let by_first = first.meter.counters().sent;

    all.set_limit(None);
    let second = start(journaled(), all.branch());
    let report = second.thread.join().unwrap().unwrap();
    let counters = report.counters;
    let resumed = ByteCount(64 << 10);
    assert!(counters.resumed > resumed, "{counters:?}");
    let by_second = counters.sent.saturating_sub(counters.sent_before);
    // What the first wrote and had not noted yet is found equal: nothing is sent twice.
    assert_eq!(by_first.saturating_add(by_second), ByteCount(8 << 20));
    assert!(source.bytes() == target.bytes());
    other.thread.join().unwrap().unwrap();
    assert!(other_source.bytes() == other_target.bytes());
}

#[test]
fn who_ends_or_holds_all_ends_or_holds_each_branch() {
    let (source, target) = different(4);
    let all = limited(1 << 20);
    let running = start(task(source, target), all.branch());
    running.wait_for(|meter| meter.counters().sent > ByteCount::ZERO);
    all.pause();
    running.wait_for(|meter| meter.counters().phase == DiskPhase::Paused);
    all.cancel();
    let result = running.thread.join().unwrap();
    assert!(matches!(result, Err(MoverError::Cancelled)), "{result:?}");
}

#[test]
fn a_paused_branch_ends_at_once() {
    let (source, target) = different(4);
    let controls = Controls::default();
    controls.pause();
    let running = start(task(source, target), controls.branch());
    running.wait_for(|meter| meter.counters().phase == DiskPhase::Paused);
    let start = Instant::now();
    running.controls.cancel_branch();
    let result = running.thread.join().unwrap();
    assert!(matches!(result, Err(MoverError::Cancelled)), "{result:?}");
    assert!(start.elapsed() < Duration::from_millis(100));
}

#[test]
fn what_is_to_be_done_at_the_end_is_done_at_the_end_of_its_own_branch_or_of_all() {
    let all = Controls::default();
    let branches = [all.branch(), all.branch(), all.branch()];
    let done: [Arc<AtomicUsize>; 3] = std::array::from_fn(|_| Arc::default());
    let _acts: Vec<_> = branches
        .iter()
        .zip(&done)
        .map(|(branch, count)| {
            let count = Arc::clone(count);
            branch.on_cancel(move || {
                count.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    let so_often = || done.each_ref().map(|count| count.load(Ordering::SeqCst));
    branches[1].cancel_branch();
    assert_eq!(so_often(), [0, 1, 0]);
    all.cancel();
    assert_eq!(so_often(), [1, 2, 1]);
    let late = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&late);
    let _late = branches[0].on_cancel(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(late.load(Ordering::SeqCst), 1);
}
