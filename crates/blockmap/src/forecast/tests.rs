//! Forecasts of facts, in figures that can be reckoned by hand, and what must hold of all of them.

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;
/// A mebibyte of new blocks in each second of a minute.
const PER_SECOND: Writes = Writes {
    blocks: ByteCount(60 * MIB),
    seconds: 60,
};

fn facts() -> Facts {
    Facts {
        size: ByteCount(1000 * MIB),
        allocated: Estimate {
            source: ByteCount(400 * MIB),
            target: ByteCount(300 * MIB),
        },
        look: Look::Whole,
        difference: Difference::Unknown,
        writes: None,
        rate: BytesPerSecond(100 * MIB),
        at_once: 2,
        wait: Wait::Phase1,
        shutdown: 900,
    }
}

fn mib(low: u64, likely: u64, high: u64) -> Band<ByteCount> {
    Band { low, likely, high }.map(|it| ByteCount(it * MIB))
}

fn band(low: u64, likely: u64, high: u64) -> Band<u64> {
    Band { low, likely, high }
}

#[test]
fn with_nothing_known_all_that_is_allocated_may_differ() {
    let out = forecast(&facts());
    assert_eq!(out.read.total(), ByteCount(700 * MIB));
    assert_eq!(out.different, mib(0, 700, 700));
    // What only the target has becomes zero, and nothing travels for it.
    assert_eq!(out.wire, mib(0, 400, 400));
    // 400 MiB at 200 MiB/s; 400 and 700 at 100; the same at 50; and five seconds of steps.
    assert_eq!(out.phase_1, band(2 + 5, 11 + 5, 22 + 5));
    assert_eq!(out.downtime, band(5, 30 + 5, 900 + 5));
}

#[test]
fn change_tracking_bounds_what_differs_and_not_what_is_read() {
    let out = forecast(&Facts {
        difference: Difference::Tracked(ByteCount(40 * MIB)),
        ..facts()
    });
    assert_eq!(out.read, facts().allocated);
    assert_eq!(out.different, mib(20, 40, 40));
    let quick = forecast(&Facts {
        look: Look::Named(ByteCount(40 * MIB)),
        difference: Difference::Tracked(ByteCount(40 * MIB)),
        ..facts()
    });
    assert_eq!(quick.read.total(), ByteCount(80 * MIB));
    assert!(quick.phase_1.likely < out.phase_1.likely);
}

#[test]
fn a_dry_run_is_exact_but_for_what_was_written_since() {
    let measured = |writes| Facts {
        difference: Difference::Measured {
            different: ByteCount(12 * MIB),
            to_send: ByteCount(8 * MIB),
            seconds_ago: 40,
        },
        writes,
        ..facts()
    };
    let still = forecast(&measured(None));
    assert_eq!(
        (still.different, still.wire),
        (mib(12, 12, 12), mib(8, 8, 8))
    );
    let busy = forecast(&measured(Some(PER_SECOND)));
    assert_eq!(busy.different, mib(12, 22, 52));
    assert_eq!(busy.wire, mib(8, 18, 48));
}

#[test]
fn a_vm_made_anew_takes_all_and_reads_one_side() {
    let out = forecast(&Facts {
        look: Look::Anew,
        ..facts()
    });
    assert_eq!(out.read.total(), ByteCount(400 * MIB));
    assert_eq!(
        (out.different, out.wire),
        (mib(400, 400, 400), mib(400, 400, 400))
    );
}

#[test]
fn a_longer_wait_without_passes_costs_downtime() {
    let waits = |wait| {
        forecast(&Facts {
            writes: Some(PER_SECOND),
            wait,
            ..facts()
        })
        .downtime
    };
    // 3600 MiB would be more than the disk: the whole disk, compared and written at 100 MiB/s.
    assert_eq!(waits(Wait::Seconds(3600)).likely, 30 + 20 + 5);
    assert!(waits(Wait::Seconds(60)).likely < waits(Wait::Seconds(600)).likely);
    // A wait that ends before phase 1 does costs nothing more.
    assert_eq!(waits(Wait::Seconds(0)), waits(Wait::Phase1));
    // Passes keep the rest small, however long phase 1 took.
    assert_eq!(waits(Wait::Passes(300)).likely, 30 + 6 + 5);
    // At the most, what was written so far is written once more: 360 MiB twice at 50 MiB/s.
    assert_eq!(waits(Wait::Passes(300)).high, 900 + 15 + 5);
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let look = prop_oneof![
        Just(Look::Whole),
        Just(Look::Anew),
        any::<u64>().prop_map(|it| Look::Named(ByteCount(it))),
    ];
    let difference = prop_oneof![
        Just(Difference::Unknown),
        any::<u64>().prop_map(|it| Difference::Tracked(ByteCount(it))),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(different, part, seconds_ago)| {
            Difference::Measured {
                different: ByteCount(different),
                to_send: ByteCount(different.min(part)),
                seconds_ago,
            }
        }),
    ];
    let sizes = (any::<u64>(), any::<u64>(), any::<u64>());
    let wait = prop_oneof![
        Just(Wait::Phase1),
        any::<u64>().prop_map(Wait::Seconds),
        any::<u64>().prop_map(Wait::Passes),
    ];
    let times = (any::<u64>(), any::<u64>(), wait, any::<u64>());
    (sizes, look, difference, any::<Option<(u64, u64)>>(), times).prop_map(
        |((size, source, target), look, difference, writes, (rate, at_once, wait, shutdown))| {
            Facts {
                size: ByteCount(size),
                allocated: crate::estimate(ByteCount(size), ByteCount(source), ByteCount(target)),
                look,
                difference,
                writes: writes.map(|(blocks, seconds)| Writes {
                    blocks: ByteCount(blocks),
                    seconds,
                }),
                rate: BytesPerSecond(rate),
                at_once,
                wait,
                shutdown,
            }
        },
    )
}

proptest! {
    /// Every band is in order, nothing exceeds the disks, and no figure panics on the way.
    #[test]
    fn bands_are_in_order_whatever_the_facts(facts in any_facts()) {
        let out = forecast(&facts);
        for band in [out.different, out.wire] {
            prop_assert!(band.low <= band.likely && band.likely <= band.high);
            prop_assert!(band.high <= facts.size);
        }
        for band in [out.phase_1, out.downtime] {
            prop_assert!(band.low <= band.likely && band.likely <= band.high);
        }
        prop_assert!(out.read.source <= facts.size && out.read.target <= facts.size);
    }
}
