//! What is measured beside what. Commands are those of a shell, with these names set: `L` is
//! Landfall's program; `S` the source, `C` an equal copy, `T1` and `T10` old disks of which 1 %
//! and 10 % of the blocks differ, `SQ` and `CQ` qcow2 versions of `S` and `C`; `X` the target of
//! this run; `XT` this program, for its modelled link; `R1` the ranges in which `T1` differs.

/// What a run finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Everything in the page cache.
    Warm,
    /// Nothing in it; the target is made durable within the time.
    Cold,
}

/// What `X` is before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Nothing is written.
    None,
    /// A fresh copy of this image.
    CopyOf(&'static str),
    /// Not there.
    Missing,
    /// A raw image of the source's size that is one hole.
    Empty,
}

/// One tool's command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The program that must be on the PATH.
    pub(super) program: &'static str,
    pub(super) command: &'static str,
    /// Landfall's time may be at most this share of the peer's.
    pub(super) goal: f64,
}

/// One row of the suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) state: State,
    pub(super) target: Target,
    /// Runs before the clock does, and its counterpart after it.
    pub(super) around: Option<(&'static str, &'static str)>,
    pub(super) landfall: &'static str,
    pub(super) peers: &'static [Peer],
}

const REBASE: &str = "rm -f ov; qemu-img create -q -f qcow2 -b $S -F raw ov && \
    qemu-img rebase -f qcow2 -b $X -F raw ov && qemu-img commit -q ov";
const REBASE_COLD: &str = "rm -f ov; qemu-img create -q -f qcow2 -b $S -F raw ov && \
    qemu-img rebase -f qcow2 -b $X -F raw ov && qemu-img commit -q ov && sync $X";

/// Servers of both ends, `A` and `B`, on unix sockets; the target's is `X` where there is one.
const READ_SERVERS: (&str, &str) = (
    "qemu-nbd --fork -t -r -e 16 --pid-file=a.pid -k $D/a.sock -f raw $S && \
     qemu-nbd --fork -t -r -e 16 --pid-file=b.pid -k $D/b.sock -f raw $C",
    "kill $(cat a.pid b.pid); sleep 0.1; rm -f a.sock b.sock a.pid b.pid",
);
const WRITE_SERVERS: (&str, &str) = (
    "qemu-nbd --fork -t -r -e 16 --pid-file=a.pid -k $D/a.sock -f raw $S && \
     qemu-nbd --fork -t -e 16 --discard=unmap --pid-file=b.pid -k $D/b.sock -f raw $X",
    "kill $(cat a.pid b.pid); sleep 0.1; rm -f a.sock b.sock a.pid b.pid",
);
const fn peer(name: &'static str, program: &'static str, command: &'static str, goal: f64) -> Peer {
    Peer {
        name,
        program,
        command,
        goal,
    }
}

pub(super) const CASES: &[Case] = &[
    Case {
        id: "1, 2",
        what: "difference only, raw, equal",
        state: State::Warm,
        target: Target::None,
        around: None,
        landfall: "$L disk diff $S $C",
        peers: &[
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f raw -F raw $S $C",
                0.6,
            ),
            peer("cmp", "cmp", "cmp $S $C", 0.25),
        ],
    },
    Case {
        id: "3a",
        what: "difference only, qcow2 and qcow2, equal",
        state: State::Warm,
        target: Target::None,
        around: None,
        landfall: "$L disk diff $SQ $CQ",
        peers: &[peer(
            "qemu-img compare",
            "qemu-img",
            "qemu-img compare -q -f qcow2 -F qcow2 $SQ $CQ",
            1.0,
        )],
    },
    Case {
        id: "3b",
        what: "difference only, raw and qcow2, equal",
        state: State::Warm,
        target: Target::None,
        around: None,
        landfall: "$L disk diff $S $CQ",
        peers: &[peer(
            "qemu-img compare",
            "qemu-img",
            "qemu-img compare -q -f raw -F qcow2 $S $CQ",
            1.0,
        )],
    },
    Case {
        id: "4, 5 (1p)",
        what: "difference and apply in one process, 1 %, verified from the cache",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync $S $X",
        peers: &[
            peer("qemu-img rebase + commit", "qemu-img", REBASE, 0.5),
            peer(
                "blocksync-fast",
                "blocksync-fast",
                "blocksync-fast -s $S -d $X -b 64K --silent",
                0.5,
            ),
            peer(
                "rsync --inplace",
                "rsync",
                "rsync -I --inplace --no-whole-file $S $X",
                0.25,
            ),
        ],
    },
    Case {
        id: "4 (10p)",
        what: "difference and apply in one process, 10 %, verified from the cache",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        around: None,
        landfall: "$L disk sync $S $X",
        peers: &[peer("qemu-img rebase + commit", "qemu-img", REBASE, 0.3)],
    },
    Case {
        id: "4 (1p, device)",
        what: "the same, 1 %, flushed and verified from the device",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync --verify device $S $X",
        peers: &[peer(
            "qemu-img rebase + commit, flushed",
            "qemu-img",
            REBASE_COLD,
            0.5,
        )],
    },
    Case {
        id: "9a",
        what: "difference only, raw, equal",
        state: State::Cold,
        target: Target::None,
        around: None,
        landfall: "$L disk diff $S $C",
        peers: &[peer(
            "qemu-img compare",
            "qemu-img",
            "qemu-img compare -q -f raw -F raw $S $C",
            1.0,
        )],
    },
    Case {
        id: "9b",
        what: "difference and apply, 1 %, flushed",
        state: State::Cold,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync --flush $S $X",
        peers: &[
            peer("qemu-img rebase + commit", "qemu-img", REBASE_COLD, 0.6),
            peer(
                "rsync --inplace",
                "rsync",
                "rsync -I --inplace --no-whole-file $S $X && sync $X",
                0.35,
            ),
        ],
    },
    Case {
        id: "12",
        what: "full copy, file to file, sparse",
        state: State::Warm,
        target: Target::Empty,
        around: None,
        landfall: "$L disk sync $S $X",
        peers: &[
            peer(
                "qemu-img convert",
                "qemu-img",
                "qemu-img convert -n -W -m 16 -f raw -O raw $S $X",
                1.1,
            ),
            peer("cp --sparse=always", "cp", "cp --sparse=always $S $X", 1.1),
        ],
    },
    Case {
        id: "14",
        what: "full copy to qcow2",
        state: State::Warm,
        target: Target::Missing,
        around: None,
        landfall: "$L disk sync --target-format qcow2 $S $X",
        peers: &[peer(
            "qemu-img convert",
            "qemu-img",
            "qemu-img convert -O qcow2 -W -m 16 -f raw $S $X",
            1.2,
        )],
    },
    Case {
        id: "15",
        what: "apply with the changed ranges given, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync --ranges $R1 $S $X",
        peers: &[peer(
            "python3 pread/pwrite",
            "python3",
            "python3 -c 'import os,sys\n\
             s=os.open(sys.argv[1],os.O_RDONLY);t=os.open(sys.argv[2],os.O_WRONLY)\n\
             for l in open(sys.argv[3]):\n  a,n=map(int,l.split());os.pwrite(t,os.pread(s,n,a),a)\n\
             ' $S $X $R1",
            1.2,
        )],
    },
    Case {
        id: "10",
        what: "difference only, NBD on unix sockets, equal",
        state: State::Warm,
        target: Target::None,
        around: Some(READ_SERVERS),
        landfall: "$L disk diff nbd+unix:///?socket=$D/a.sock nbd+unix:///?socket=$D/b.sock",
        peers: &[
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f raw -F raw nbd+unix:///?socket=$D/a.sock \
                 nbd+unix:///?socket=$D/b.sock",
                0.4,
            ),
            peer(
                "nbdcopy of both to null:",
                "nbdcopy",
                "nbdcopy nbd+unix:///?socket=$D/a.sock null: & \
                 nbdcopy nbd+unix:///?socket=$D/b.sock null: & wait",
                1.2,
            ),
        ],
    },
    Case {
        id: "11",
        what: "difference and apply, NBD on unix sockets, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: Some(WRITE_SERVERS),
        landfall: "$L disk sync nbd+unix:///?socket=$D/a.sock nbd+unix:///?socket=$D/b.sock",
        peers: &[peer(
            "qemu-img rebase + commit",
            "qemu-img",
            "rm -f ov; qemu-img create -q -f qcow2 -b nbd+unix:///?socket=$D/a.sock -F raw ov && \
             qemu-img rebase -f qcow2 -b nbd+unix:///?socket=$D/b.sock -F raw ov && \
             qemu-img commit -q ov",
            0.4,
        )],
    },
    Case {
        id: "13",
        what: "full copy, NBD to NBD on unix sockets",
        state: State::Warm,
        target: Target::Empty,
        around: Some(WRITE_SERVERS),
        landfall: "$L disk sync nbd+unix:///?socket=$D/a.sock nbd+unix:///?socket=$D/b.sock",
        peers: &[peer(
            "nbdcopy",
            "nbdcopy",
            "nbdcopy nbd+unix:///?socket=$D/a.sock nbd+unix:///?socket=$D/b.sock",
            1.1,
        )],
    },
    Case {
        id: "6 (1p)",
        what: "two processes and a pipe, 1 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync $S --via '$L disk serve $X'",
        peers: &[peer(
            "rsync --inplace",
            "rsync",
            "rsync -I --inplace --no-whole-file $S $X",
            0.25,
        )],
    },
    Case {
        id: "6 (10p)",
        what: "two processes and a pipe, 10 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        around: None,
        landfall: "$L disk sync $S --via '$L disk serve $X'",
        peers: &[peer(
            "rsync --inplace",
            "rsync",
            "rsync -I --inplace --no-whole-file $S $X",
            0.15,
        )],
    },
    Case {
        id: "16 (0p)",
        what: "link of 1 Gbit/s and 50 ms, nothing differs, verified",
        state: State::Warm,
        target: Target::CopyOf("C"),
        around: None,
        landfall: "$L disk sync $S --via '$XT link -- $L disk serve $X'",
        peers: &[peer(
            "rsync -z (zstd)",
            "rsync",
            "rsync -I --inplace --no-whole-file -z --zc=zstd --zl=1 -e \"$XT link --\" $S far:$X",
            0.4,
        )],
    },
    Case {
        id: "16 (1p)",
        what: "link of 1 Gbit/s and 50 ms, 1 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        around: None,
        landfall: "$L disk sync $S --via '$XT link -- $L disk serve $X'",
        peers: &[peer(
            "rsync -z (zstd)",
            "rsync",
            "rsync -I --inplace --no-whole-file -z --zc=zstd --zl=1 -e \"$XT link --\" $S far:$X",
            0.35,
        )],
    },
    Case {
        id: "16 (10p)",
        what: "link of 1 Gbit/s and 50 ms, 10 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        around: None,
        landfall: "$L disk sync $S --via '$XT link -- $L disk serve $X'",
        peers: &[peer(
            "rsync -z (zstd)",
            "rsync",
            "rsync -I --inplace --no-whole-file -z --zc=zstd --zl=1 -e \"$XT link --\" $S far:$X",
            0.3,
        )],
    },
    Case {
        id: "18",
        what: "full copy over the same link",
        state: State::Warm,
        target: Target::Empty,
        around: None,
        landfall: "$L disk sync $S --via '$XT link -- $L disk serve $X'",
        peers: &[peer(
            "zstd -1, zstd -d --sparse",
            "zstd",
            "zstd -1 -q -c $S | $XT link -- 'zstd -d -q -f --sparse -o $X'",
            1.05,
        )],
    },
];
