//! How costs grow: with data, with emptiness around it, with processors. Landfall beside itself.
//!
//! A file is 1024 times as large when its size is set so. `G1`, `G4` and `G16` have a quarter, the
//! whole and four times the source's data, and `H1`, `H4`, `H16` are other names of the same files.

use super::super::case::{Case, MEMORY, State, Target, median, ours, share_of_1};

/// What a file's writer left in the page cache is in larger or smaller pieces than what a reader
/// brings in, and faster or slower to read: every image is brought in by the same reader.
const ALIKE: (&str, &str) = ("sync; echo 3 > /proc/sys/vm/drop_caches", "true");

pub(super) const CASES: &[Case] = &[
    Case {
        id: "15-large",
        numbers: "15",
        what: "apply with the changed ranges given, on a disk 1024 times as large",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $S $X && $L disk sync --json --ranges $R1 $S $X && \
                 truncate -s $SMALL $S $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $S $X && $L disk sync --json --ranges $R1 $S $X && \
                 truncate -s $SMALL $S $X",
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
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $S $X && $L disk sync --json $S $X && truncate -s $SMALL $S $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $S $X && $L disk sync --json $S $X && truncate -s $SMALL $S $X",
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
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 4 TiB",
                "truncate -s $LARGE $S $X && $L disk sync --json $S --via '$L disk serve $X' && \
                 truncate -s $SMALL $S $X",
            ),
            ours(
                "landfall, 4 GiB",
                "truncate -s $SMALL $S $X && $L disk sync --json $S --via '$L disk serve $X' && \
                 truncate -s $SMALL $S $X",
            ),
        ],
        goals: &[share_of_1("share of the small disk's", 1.1), MEMORY],
    },
    Case {
        id: "growth",
        numbers: "22",
        what: "difference only, a quarter of the data and all of it",
        state: State::Warm,
        target: Target::None,
        reads: &["G4", "G1"],
        around: Some(ALIKE),
        tools: &[
            ours("landfall, 4 GiB", "$L disk diff $G4 $H4"),
            ours("landfall, 1 GiB", "$L disk diff $G1 $H1"),
        ],
        goals: &[
            median("time per byte of data, 4 beside 1 GiB", 1.1, |round| {
                let times = round.facts.allocated / round.facts.allocated_quarter;
                round.share(1) / times
            }),
            MEMORY,
        ],
    },
    Case {
        id: "growth-16",
        numbers: "22",
        what: "difference only, four times the data",
        state: State::Warm,
        target: Target::None,
        reads: &["G4", "G16"],
        around: Some(ALIKE),
        tools: &[
            ours("landfall, 16 GiB", "$L disk diff $G16 $H16"),
            ours("landfall, 4 GiB", "$L disk diff $G4 $H4"),
        ],
        goals: &[
            median("time per byte of data, 16 beside 4 GiB", 1.1, |round| {
                round.share(1) / 4.0
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
