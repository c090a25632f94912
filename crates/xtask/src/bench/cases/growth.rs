//! How costs grow: with data, with emptiness around it, with processors. Landfall beside itself.
//!
//! `SB` is `S` in a disk 1024 times as large; `G1`, `G4` and `G16` have a quarter, the whole and
//! four times its data, and `H1`, `H4`, `H16` are other names of the same files.

use super::super::{
    case::{Case, MEMORY, State, Target, median, ours, share_of_1},
    took::Measure,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "15-large",
        numbers: "15",
        what: "apply with the changed ranges given, on a disk 1024 times as large",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "SB", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $X && $L disk sync --json --ranges $R1 $SB $X && \
                 truncate -s $SMALL $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $X && $L disk sync --json --ranges $R1 $S $X && \
                 truncate -s $SMALL $X",
            ),
        ],
        goals: &[share_of_1("share of the small disk's", 1.1), MEMORY],
    },
    Case {
        id: "22",
        numbers: "22",
        what: "difference and apply in one process, 1 %, on a disk 1024 times as large",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "SB", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $X && $L disk sync --json $SB $X && truncate -s $SMALL $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $X && $L disk sync --json $S $X && truncate -s $SMALL $X",
            ),
        ],
        goals: &[share_of_1("share of the small disk's", 1.1), MEMORY],
    },
    Case {
        id: "22-apart",
        numbers: "22",
        what: "two processes and a pipe, 1 %, on a disk 1024 times as large",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "SB", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $X && $L disk sync --json $SB --via '$L disk serve $X' && \
                 truncate -s $SMALL $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $X && $L disk sync --json $S --via '$L disk serve $X' && \
                 truncate -s $SMALL $X",
            ),
        ],
        goals: &[share_of_1("share of the small disk's", 1.1), MEMORY],
    },
    Case {
        id: "growth",
        numbers: "22",
        what: "difference only, a quarter, the whole and four times the data",
        state: State::Warm,
        target: Target::None,
        reads: &["G16", "G4", "G1"],
        around: None,
        tools: &[
            ours("landfall, 16 GiB", "$L disk diff $G16 $H16"),
            ours("landfall, 4 GiB", "$L disk diff $G4 $H4"),
            ours("landfall, 1 GiB", "$L disk diff $G1 $H1"),
        ],
        goals: &[
            median("time per byte of data, 16 beside 4 GiB", 1.1, |round| {
                round.share(1) / 4.0
            }),
            median("time per byte of data, 4 beside 1 GiB", 1.1, |round| {
                let times = round.facts.allocated / round.facts.allocated_quarter;
                round.of(1, Measure::Seconds) / round.of(2, Measure::Seconds) / times
            }),
            MEMORY,
        ],
    },
    Case {
        id: "cores",
        numbers: "6",
        what: "two processes and a pipe, nothing differs: two processors beside one",
        state: State::Warm,
        target: Target::CopyOf("C"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, two processors",
                "taskset -c 0,1 $L disk sync --json $S --via '$L disk serve $X'",
            ),
            ours(
                "landfall, one processor",
                "taskset -c 0 $L disk sync --json $S --via '$L disk serve $X'",
            ),
        ],
        goals: &[share_of_1("share of one processor's", 0.588)],
    },
];
