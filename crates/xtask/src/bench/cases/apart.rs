//! The disks are read by two processes, joined by a pipe or by a modelled link.

use super::super::{
    case::{
        COUNTS_AGREE, Case, Goal, MEMORY, RESIDUE, Round, State, Target, always, median, ours,
        peer, share_of_1, share_of_2,
    },
    took::Measure,
};

const PIPE: &str = "$L disk sync --json $S --via '$L disk serve $X'";
/// A link of 1 Gbit/s and a round trip of 50 ms, as everything that counts says it.
const LINK: &str = "$L disk sync --json $S --via '$XT link --count $K -- $L disk serve $X'";
const RSYNC: &str = "rsync -I --inplace --no-whole-file $S $X";
const RSYNC_LINK: &str = "rsync -I --inplace --no-whole-file -z --zc=zstd --zl=1 -e \"$XT link --count $K --\" $S far:$X";
const BDSYNC: &str = "bdsync -z -b 65536 -h sha256 'bdsync --server -z' $S $X | bdsync --patch=$X";
const BDSYNC_LINK: &str = "bdsync -z -b 65536 \"$XT link --count $K -- 'bdsync --server -z'\" $S $X \
    | $XT link -- \"bdsync --patch=$X\"";

const BYTES_PER_SECOND: f64 = 125e6;

/// The time that the bytes alone take, with the rest beside it.
fn times_the_wire(round: &Round<'_>) -> f64 {
    round.of(0, Measure::Seconds) * BYTES_PER_SECOND / round.of(0, Measure::LinkBytes)
}

/// What does not depend on what changed: 16 bytes per block of data, and a little per group.
const DIGESTS: f64 = 0.0002;

const fn wire_most(what: &'static str, value: fn(&Round<'_>) -> f64) -> Goal {
    always(what, 1.0, value)
}

/// Digests of both disks as they are before the run, made by a comparison. The peer makes its own
/// by a copy.
const KEPT: (&str, &str) = (
    "rm -f kept*; $L disk diff --digests kept --source-digests kept-source $S $X || [ $? = 1 ] && \
     if command -v blocksync-fast; then cp --sparse=auto $X kept-copy && \
     blocksync-fast -s $X -d kept-copy -f kept-bf -b 64K -a XXH128 --silent; fi",
    "rm -f kept*",
);

pub(super) const CASES: &[Case] = &[
    Case {
        id: "6-1p",
        numbers: "6, 7, 20",
        what: "two processes and a pipe, 1 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", PIPE),
            peer("rsync --inplace", "rsync", RSYNC),
            peer("bdsync", "bdsync", BDSYNC),
        ],
        goals: &[
            share_of_1("share of rsync", 0.25),
            share_of_2("share of bdsync", 0.3),
            wire_most("wire, as a share of changed × 1.005 + digests", |round| {
                let most = round.facts.changed_1p * 1.005 + round.facts.logical * DIGESTS;
                round.of(0, Measure::OwnWire) / most
            }),
            MEMORY,
        ],
    },
    Case {
        id: "6-10p",
        numbers: "6, 20",
        what: "two processes and a pipe, 10 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", PIPE),
            peer("rsync --inplace", "rsync", RSYNC),
        ],
        goals: &[
            share_of_1("share of rsync", 0.15),
            wire_most("wire, as a share of changed × 1.005 + digests", |round| {
                let most = round.facts.changed_10p * 1.005 + round.facts.logical * DIGESTS;
                round.of(0, Measure::OwnWire) / most
            }),
            MEMORY,
        ],
    },
    Case {
        id: "8-warm",
        numbers: "8",
        what: "one process, 1 %, the target's digests are kept",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: Some(KEPT),
        tools: &[
            ours("landfall", "$L disk sync --json --digests kept $S $X"),
            peer(
                "blocksync-fast",
                "blocksync-fast",
                "blocksync-fast -s $S -d $X -f kept-bf -b 64K -a XXH128 --silent",
            ),
            peer("rsync --inplace", "rsync", RSYNC),
        ],
        goals: &[
            share_of_1("share of blocksync-fast, which verifies nothing", 1.2),
            share_of_2("share of rsync", 0.25),
            MEMORY,
        ],
    },
    Case {
        id: "8-cold",
        numbers: "8",
        what: "two processes and a pipe, 1 %, the target's digests are kept, verified from the device",
        state: State::Cold,
        target: Target::CopyOf("T1"),
        reads: &[],
        around: Some(KEPT),
        tools: &[
            ours(
                "landfall",
                "$L disk sync --json --verify device $S --via '$L disk serve --digests kept $X'",
            ),
            ours(
                "landfall without digests",
                "$L disk sync --json --verify device $S --via '$L disk serve $X'",
            ),
        ],
        goals: &[
            share_of_1("share of the run without digests", 0.6),
            RESIDUE,
            MEMORY,
        ],
    },
    Case {
        id: "9-apart",
        numbers: "9",
        what: "two processes and a pipe, 1 %, flushed and verified from the device",
        state: State::Cold,
        target: Target::CopyOf("T1"),
        reads: &[],
        around: None,
        tools: &[
            ours(
                "landfall",
                "$L disk sync --json --verify device $S --via '$L disk serve $X'",
            ),
            peer(
                "rsync --inplace",
                "rsync",
                "rsync -I --inplace --no-whole-file $S $X && sync $X",
            ),
        ],
        goals: &[share_of_1("share of rsync", 0.35), RESIDUE, MEMORY],
    },
    Case {
        id: "16-0p",
        numbers: "16, 17, 19",
        what: "link of 1 Gbit/s and 50 ms, nothing differs, verified",
        state: State::Warm,
        target: Target::CopyOf("C"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", LINK),
            peer("rsync -z (zstd)", "rsync", RSYNC_LINK),
            peer("bdsync", "bdsync", BDSYNC_LINK),
        ],
        goals: &[
            share_of_1("share of rsync", 0.4),
            share_of_2("share of bdsync", 0.2),
            always(
                "wire, ‰ of the disk of which 63 % are data",
                0.2,
                |round| round.of(0, Measure::LinkBytes) / round.facts.logical * 1e3,
            ),
            always("payload bytes sent", 0.0, |round| {
                round.of(0, Measure::Sent)
            }),
            COUNTS_AGREE,
            MEMORY,
        ],
    },
    Case {
        id: "19-full",
        numbers: "19",
        what: "the same link, nothing differs, every block is data",
        state: State::Warm,
        target: Target::CopyOf("F"),
        reads: &["F", "X"],
        around: None,
        tools: &[ours(
            "landfall",
            "$L disk sync --json $F --via '$XT link --count $K -- $L disk serve $X'",
        )],
        goals: &[
            always("wire, ‰ of the disk", 0.3, |round| {
                round.of(0, Measure::LinkBytes) / (round.facts.logical / 4.0) * 1e3
            }),
            always("payload bytes sent", 0.0, |round| {
                round.of(0, Measure::Sent)
            }),
            COUNTS_AGREE,
        ],
    },
    Case {
        id: "19-trees",
        numbers: "8, 19",
        what: "the same link, nothing differs, digests are kept at both ends",
        state: State::Warm,
        target: Target::CopyOf("C"),
        reads: &[],
        around: Some(KEPT),
        tools: &[ours(
            "landfall",
            "$L disk sync --json --source-digests kept-source $S \
             --via '$XT link --count $K -- $L disk serve --digests kept $X'",
        )],
        goals: &[
            always("bytes on the wire", 4096.0, |round| {
                round.of(0, Measure::LinkBytes)
            }),
            always("payload bytes sent", 0.0, |round| {
                round.of(0, Measure::Sent)
            }),
            COUNTS_AGREE,
            MEMORY,
        ],
    },
    Case {
        id: "16-1p",
        numbers: "16, 17, 20",
        what: "the same link, 1 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", LINK),
            peer("rsync -z (zstd)", "rsync", RSYNC_LINK),
            peer("bdsync", "bdsync", BDSYNC_LINK),
        ],
        goals: &[
            share_of_1("share of rsync", 0.35),
            share_of_2("share of bdsync", 0.2),
            wire_most("wire, as a share of lz4 × 1.02 + digests", |round| {
                let most = round.facts.packed_1p * 1.02 + round.facts.logical * DIGESTS;
                round.of(0, Measure::LinkBytes) / most
            }),
            COUNTS_AGREE,
            MEMORY,
        ],
    },
    Case {
        id: "16-10p",
        numbers: "16, 17, 20",
        what: "the same link, 10 %, verified",
        state: State::Warm,
        target: Target::CopyOf("T10"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours("landfall", LINK),
            peer("rsync -z (zstd)", "rsync", RSYNC_LINK),
            peer("bdsync", "bdsync", BDSYNC_LINK),
        ],
        goals: &[
            share_of_1("share of rsync", 0.3),
            share_of_2("share of bdsync", 0.4),
            median(
                "time, as a share of bytes / bandwidth",
                1.15,
                times_the_wire,
            ),
            wire_most("wire, as a share of lz4 × 1.02 + digests", |round| {
                let most = round.facts.packed_10p * 1.02 + round.facts.logical * DIGESTS;
                round.of(0, Measure::LinkBytes) / most
            }),
            COUNTS_AGREE,
            MEMORY,
        ],
    },
    Case {
        id: "16-rtt",
        numbers: "16",
        what: "link of 1 Gbit/s, 1 %, and a round trip of 5, 50 and 200 ms",
        state: State::Warm,
        target: Target::CopyOf("T1"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall, 5 ms",
                "$L disk sync --json $S --via '$XT link --round-trip 5 -- $L disk serve $X'",
            ),
            ours(
                "landfall, 50 ms",
                "$L disk sync --json $S --via '$XT link --round-trip 50 -- $L disk serve $X'",
            ),
            ours(
                "landfall, 200 ms",
                "$L disk sync --json $S --via '$XT link --round-trip 200 -- $L disk serve $X'",
            ),
        ],
        goals: &[
            median("round trips from 5 to 50 ms", 5.0, |round| {
                (round.of(1, Measure::Seconds) - round.of(0, Measure::Seconds)) / 0.045
            }),
            median("round trips from 5 to 200 ms", 5.0, |round| {
                (round.of(2, Measure::Seconds) - round.of(0, Measure::Seconds)) / 0.195
            }),
        ],
    },
    Case {
        id: "18",
        numbers: "18",
        what: "full copy over the same link",
        state: State::Warm,
        target: Target::Empty,
        reads: &["S"],
        around: None,
        tools: &[
            ours("landfall", LINK),
            peer(
                "zstd -1, zstd -d --sparse",
                "zstd",
                "zstd -1 -q -c $S | $XT link -- 'zstd -d -q -f --sparse -o $X'",
            ),
        ],
        goals: &[
            share_of_1("share of zstd -1", 1.05),
            median(
                "time, as a share of bytes / bandwidth",
                1.15,
                times_the_wire,
            ),
            COUNTS_AGREE,
            MEMORY,
        ],
    },
    Case {
        id: "20-4k",
        numbers: "20",
        what: "two processes and a pipe, 1 % of all pieces of 4 KiB differ",
        state: State::Warm,
        target: Target::CopyOf("T4K"),
        reads: &["S", "X"],
        around: None,
        tools: &[
            ours(
                "landfall --block-size 4",
                "$L disk sync --json --block-size 4 $S --via '$L disk serve $X'",
            ),
            ours("landfall", PIPE),
            peer("rsync --inplace", "rsync", RSYNC),
        ],
        goals: &[
            share_of_2("share of rsync", 1.0),
            // 16 bytes per piece of data, and some 50 around each that is sent.
            wire_most("wire, as a share of changed × 1.02 + digests", |round| {
                let digests = round.facts.logical * DIGESTS * 16.0;
                let most = round.facts.changed_4k * 1.02 + digests;
                round.of(0, Measure::OwnWire) / most
            }),
            MEMORY,
        ],
    },
    Case {
        id: "23",
        numbers: "23",
        what: "killed at half of a full copy over the link, and run again",
        state: State::Warm,
        target: Target::Missing,
        reads: &["S"],
        around: None,
        tools: &[
            ours(
                "landfall, after a kill",
                "$XT half --of $S --file $X -- $L disk sync $S --via \
                 '$XT link -- $L disk serve $X' && \
                 $L disk sync --json $S --via '$XT link --count $K -- $L disk serve $X'",
            ),
            ours("landfall, afresh", LINK),
        ],
        goals: &[
            always("wire, as a share of the fresh run's", 0.6, |round| {
                round.of(0, Measure::LinkBytes) / round.of(1, Measure::LinkBytes)
            }),
            always("MiB sent again", 64.0, |round| again(round, Measure::Sent)),
            COUNTS_AGREE,
        ],
    },
    Case {
        id: "23-journal",
        numbers: "23",
        what: "killed at half of a full copy in one process with a journal, and run again",
        state: State::Warm,
        target: Target::Missing,
        reads: &["S"],
        around: Some(("rm -f journal", "rm -f journal")),
        tools: &[ours(
            "landfall, after a kill",
            "$XT half --of $S --file $X -- $L disk sync --journal journal $S $X && \
             $L disk sync --json --journal journal $S $X",
        )],
        goals: &[always("MiB sent again", 64.0, |round| {
            again(round, Measure::ToSend)
        })],
    },
];

/// What the second run sent beyond what the first had not written.
fn again(round: &Round<'_>, sent: Measure) -> f64 {
    let missing = round.facts.data - round.of(0, Measure::Printed);
    (round.of(0, sent) - missing) / f64::from(1 << 20)
}
