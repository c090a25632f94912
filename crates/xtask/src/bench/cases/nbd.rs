//! Both disks behind NBD servers of this host. `A` and `B` stand for their URIs; the target's
//! server is `B`.

use super::super::{
    case::{Case, MEMORY, State, Target, always, ours, peer, share_of_1, share_of_2},
    took::Measure,
};

macro_rules! unix {
    ($a:literal, $b:literal) => {
        (
            concat!(
                "qemu-nbd --fork -t -r -e 16 --pid-file=a.pid -k $D/a.sock -f raw ",
                $a,
                " && qemu-nbd --fork -t -e 16 --pid-file=b.pid -k $D/b.sock -f raw ",
                $b
            ),
            STOP,
        )
    };
}

macro_rules! tcp {
    ($a:literal, $b:literal) => {
        (
            concat!(
                "qemu-nbd --fork -t -r -e 16 --pid-file=a.pid -b 127.0.0.1 -p 20809 -f raw ",
                $a,
                " && qemu-nbd --fork -t -e 16 --pid-file=b.pid -b 127.0.0.1 -p 20810 -f raw ",
                $b
            ),
            STOP,
        )
    };
}

const STOP: &str = "kill $(cat a.pid b.pid); while [ -e a.pid ] || [ -e b.pid ]; do \
    sleep 0.05; kill -0 $(cat a.pid 2>/dev/null) 2>/dev/null || rm -f a.pid; \
    kill -0 $(cat b.pid 2>/dev/null) 2>/dev/null || rm -f b.pid; done; rm -f a.sock b.sock";

macro_rules! with_unix {
    ($before:literal, $between:literal, $after:literal) => {
        concat!(
            $before,
            "nbd+unix:///?socket=$D/a.sock",
            $between,
            "nbd+unix:///?socket=$D/b.sock",
            $after
        )
    };
}

macro_rules! with_tcp {
    ($before:literal, $between:literal, $after:literal) => {
        concat!(
            $before,
            "nbd://127.0.0.1:20809",
            $between,
            "nbd://127.0.0.1:20810",
            $after
        )
    };
}

/// A copy may not be larger than its source.
const SPARSE: super::super::case::Goal =
    always("allocated, as a share of the source's", 1.0, |round| {
        round.of(0, Measure::Allocated) / round.facts.allocated
    });

pub(super) const CASES: &[Case] = &[
    Case {
        id: "10",
        numbers: "10",
        what: "difference only, NBD on unix sockets, equal",
        state: State::Warm,
        target: Target::None,
        reads: &["S", "C"],
        around: Some(unix!("$S", "-r $C")),
        tools: &[
            ours("landfall", with_unix!("$L disk diff ", " ", "")),
            peer(
                "qemu-img compare",
                "qemu-img",
                with_unix!("qemu-img compare -q -f raw -F raw ", " ", ""),
            ),
            peer(
                "nbdcopy of both to null:",
                "nbdcopy",
                with_unix!("nbdcopy ", " null: & nbdcopy ", " null: & wait"),
            ),
        ],
        goals: &[
            share_of_1("share of qemu-img compare", 0.4),
            share_of_2("share of nbdcopy", 1.2),
            MEMORY,
        ],
    },
    Case {
        id: "11-unix",
        numbers: "11",
        what: "difference and apply, NBD on unix sockets, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: Some(unix!("$S", "--discard=unmap $X")),
        tools: &[
            ours("landfall", with_unix!("$L disk sync --json ", " ", "")),
            peer(
                "qemu-img rebase + commit",
                "qemu-img",
                with_unix!(
                    "rm -f ov; qemu-img create -q -f qcow2 -b ",
                    " -F raw ov && qemu-img rebase -f qcow2 -b ",
                    " -F raw ov && qemu-img commit -q ov"
                ),
            ),
        ],
        goals: &[share_of_1("share of rebase + commit", 0.4), MEMORY],
    },
    Case {
        id: "11-tcp",
        numbers: "11",
        what: "difference and apply, NBD over TCP, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: Some(tcp!("$S", "--discard=unmap $X")),
        tools: &[
            ours("landfall", with_tcp!("$L disk sync --json ", " ", "")),
            peer(
                "qemu-img rebase + commit",
                "qemu-img",
                with_tcp!(
                    "rm -f ov; qemu-img create -q -f qcow2 -b ",
                    " -F raw ov && qemu-img rebase -f qcow2 -b ",
                    " -F raw ov && qemu-img commit -q ov"
                ),
            ),
        ],
        goals: &[share_of_1("share of rebase + commit", 0.4), MEMORY],
    },
    Case {
        id: "13-unix",
        numbers: "13",
        what: "full copy, NBD to NBD on unix sockets",
        state: State::Warm,
        target: Target::Empty,
        reads: &["S"],
        around: Some(unix!("$S", "--discard=unmap $X")),
        tools: &[
            ours("landfall", with_unix!("$L disk sync --json ", " ", "")),
            peer("nbdcopy", "nbdcopy", with_unix!("nbdcopy ", " ", "")),
        ],
        goals: &[share_of_1("share of nbdcopy", 1.1), SPARSE, MEMORY],
    },
    Case {
        id: "13-tcp",
        numbers: "13",
        what: "full copy, NBD to NBD over TCP",
        state: State::Warm,
        target: Target::Empty,
        reads: &["S"],
        around: Some(tcp!("$S", "--discard=unmap $X")),
        tools: &[
            ours("landfall", with_tcp!("$L disk sync --json ", " ", "")),
            peer("nbdcopy", "nbdcopy", with_tcp!("nbdcopy ", " ", "")),
        ],
        goals: &[share_of_1("share of nbdcopy", 1.1), SPARSE, MEMORY],
    },
];
