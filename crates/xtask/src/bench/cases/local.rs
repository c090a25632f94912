//! Both disks are files of this host, and one process reads both.

use super::{
    super::{
        case::{
            Case, MEMORY, RESIDUE, State, Target, always, median, ours, peer, share_of_1,
            share_of_2, share_of_3,
        },
        took::Measure,
    },
    SYNC,
};

const REBASE: &str = "rm -f ov; qemu-img create -q -f qcow2 -b $S -F raw ov && \
    qemu-img rebase -f qcow2 -b $X -F raw ov && qemu-img commit -q ov";
const REBASE_COLD: &str = "rm -f ov; qemu-img create -q -f qcow2 -b $S -F raw ov && \
    qemu-img rebase -f qcow2 -b $X -F raw ov && qemu-img commit -q ov && sync $X";
const RSYNC_COLD: &str = "rsync -I --inplace --no-whole-file $S $X && sync $X";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "1",
        numbers: "1, 2",
        what: "difference only, raw, equal",
        state: State::Warm,
        target: Target::None,
        reads: &["S", "C"],
        around: None,
        tools: &[
            ours("landfall", "$L disk diff $S $C"),
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f raw -F raw $S $C",
            ),
            peer("cmp", "cmp", "cmp $S $C"),
            ours("floor: read and compare, two threads", "$XT floor $S $C"),
        ],
        goals: &[
            share_of_1("share of qemu-img compare", 0.6),
            share_of_2("share of cmp", 0.25),
            share_of_3("share of the floor", 1.4),
            MEMORY,
        ],
    },
    Case {
        id: "3-qcow2",
        numbers: "3",
        what: "difference only, qcow2 and qcow2, equal",
        state: State::Warm,
        target: Target::None,
        reads: &["SQ", "CQ"],
        around: None,
        tools: &[
            ours("landfall", "$L disk diff $SQ $CQ"),
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f qcow2 -F qcow2 $SQ $CQ",
            ),
        ],
        goals: &[share_of_1("share of qemu-img compare", 1.0), MEMORY],
    },
    Case {
        id: "3-mixed",
        numbers: "3",
        what: "difference only, raw and qcow2, equal",
        state: State::Warm,
        target: Target::None,
        reads: &["S", "CQ"],
        around: None,
        tools: &[
            ours("landfall", "$L disk diff $S $CQ"),
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f raw -F qcow2 $S $CQ",
            ),
        ],
        goals: &[share_of_1("share of qemu-img compare", 1.0), MEMORY],
    },
    Case {
        id: "4-1p",
        numbers: "4, 5",
        what: "difference and apply in one process, 1 %, verified from the cache",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", SYNC),
            peer("qemu-img rebase + commit", "qemu-img", REBASE),
            peer(
                "blocksync-fast",
                "blocksync-fast",
                "blocksync-fast -s $S -d $X -b 64K --silent",
            ),
            peer(
                "rsync --inplace",
                "rsync",
                "rsync -I --inplace --no-whole-file $S $X",
            ),
        ],
        goals: &[
            share_of_1("share of rebase + commit", 0.5),
            share_of_2("share of blocksync-fast", 0.5),
            share_of_3("share of rsync", 0.25),
            MEMORY,
        ],
    },
    Case {
        id: "4-10p",
        numbers: "4",
        what: "difference and apply in one process, 10 %, verified from the cache",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", SYNC),
            peer("qemu-img rebase + commit", "qemu-img", REBASE),
        ],
        goals: &[share_of_1("share of rebase + commit", 0.3), MEMORY],
    },
    Case {
        id: "4-device",
        numbers: "4",
        what: "the same, 1 %, flushed and verified from the device",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", "$L disk sync --json --verify device $S $X"),
            peer("qemu-img rebase + commit, flushed", "qemu-img", REBASE_COLD),
        ],
        goals: &[share_of_1("share of rebase + commit", 0.5), MEMORY],
    },
    Case {
        id: "9-diff",
        numbers: "9",
        what: "difference only, raw, equal",
        state: State::Cold,
        target: Target::None,
        reads: &[],
        around: None,
        tools: &[
            ours("landfall", "$L disk diff $S $C"),
            peer(
                "qemu-img compare",
                "qemu-img",
                "qemu-img compare -q -f raw -F raw $S $C",
            ),
        ],
        goals: &[
            share_of_1("share of qemu-img compare", 1.0),
            RESIDUE,
            MEMORY,
        ],
    },
    Case {
        id: "9-apply",
        numbers: "9",
        what: "difference and apply in one process, 1 %, flushed",
        state: State::Cold,
        target: Target::CopyOf("T1"),
        reads: &[],
        around: None,
        tools: &[
            ours("landfall", "$L disk sync --json --flush $S $X"),
            peer("qemu-img rebase + commit", "qemu-img", REBASE_COLD),
            peer("rsync --inplace", "rsync", RSYNC_COLD),
        ],
        goals: &[
            share_of_1("share of rebase + commit", 0.6),
            share_of_2("share of rsync", 0.35),
            RESIDUE,
            MEMORY,
        ],
    },
    Case {
        id: "12",
        numbers: "12",
        what: "full copy, file to file, sparse",
        state: State::Warm,
        target: Target::Empty,
        reads: &["S"],
        around: None,
        tools: &[
            ours("landfall", SYNC),
            peer(
                "qemu-img convert",
                "qemu-img",
                "qemu-img convert -n -W -m 16 -f raw -O raw $S $X",
            ),
            peer("cp --sparse=always", "cp", "cp --sparse=always $S $X"),
        ],
        goals: &[
            median("share of the better one", 1.1, |round| {
                round.share(1).max(round.share(2))
            }),
            always("allocated, as a share of the source's", 1.0, |round| {
                round.of(0, Measure::Allocated) / round.facts.allocated
            }),
            MEMORY,
        ],
    },
    Case {
        id: "14",
        numbers: "14",
        what: "full copy to qcow2",
        state: State::Warm,
        target: Target::Missing,
        reads: &["S"],
        around: None,
        tools: &[
            ours(
                "landfall",
                "$L disk sync --json --target-format qcow2 $S $X",
            ),
            peer(
                "qemu-img convert",
                "qemu-img",
                "qemu-img convert -O qcow2 -W -m 16 -f raw $S $X",
            ),
        ],
        goals: &[share_of_1("share of qemu-img convert", 1.2), MEMORY],
    },
    Case {
        id: "15",
        numbers: "15",
        what: "apply with the changed ranges given, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", "$L disk sync --json --ranges $R1 $S $X"),
            peer(
                "python3 pread/pwrite/pread",
                "python3",
                "python3 -c 'import os,sys\n\
                 s=os.open(sys.argv[1],os.O_RDONLY);t=os.open(sys.argv[2],os.O_RDWR)\n\
                 for l in open(sys.argv[3]):\n  a,n=map(int,l.split());d=os.pread(s,n,a)\n  \
                 os.pwrite(t,d,a)\n  assert os.pread(t,n,a)==d\n\
                 ' $S $X $R1",
            ),
        ],
        goals: &[
            share_of_1("share of python3, which verifies too", 1.0),
            MEMORY,
        ],
    },
    Case {
        id: "21-warm",
        numbers: "21",
        what: "price of verification, 1 %",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", SYNC),
            ours(
                "landfall, unverified",
                "$L disk sync --json --verify none $S $X",
            ),
        ],
        goals: &[
            share_of_1("share of the unverified run", 1.1),
            always("written and not verified, bytes", 0.0, |round| {
                round.of(0, Measure::Written) - round.of(0, Measure::Verified)
            }),
            always("verified by the unverified run, bytes", 0.0, |round| {
                round.of(1, Measure::Verified)
            }),
        ],
    },
    Case {
        id: "21-cold",
        numbers: "21",
        what: "price of verification from the device, 1 %",
        state: State::Cold,
        target: Target::CopyOf("T1"),
        reads: &[],
        around: None,
        tools: &[
            ours("landfall", "$L disk sync --json --verify device $S $X"),
            ours(
                "landfall, unverified",
                "$L disk sync --json --flush --verify none $S $X",
            ),
        ],
        goals: &[
            // A block that is proved is read once more, and nothing that did not change is.
            median(
                "bytes read again, as a share of the written",
                1.5,
                |round| {
                    let again = round.of(0, Measure::FromDevice) - round.of(1, Measure::FromDevice);
                    again / round.of(0, Measure::Written)
                },
            ),
            RESIDUE,
        ],
    },
];
