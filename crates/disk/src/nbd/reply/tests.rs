//! Frames byte by byte, and any bytes at all.

use proptest::prelude::*;

use super::*;

/// Reads replies until one is complete, as a client that waits for `cookie` 7 does.
fn answer(
    bytes: &[u8],
    headers: Headers,
    expected: Expected,
    sink: &mut Sink<'_>,
) -> Result<(), String> {
    let mut reader = bytes;
    let mut answer = Answer::default();
    loop {
        let chunk = chunk(&mut reader, headers).map_err(|error| error.to_string())?;
        receive(&mut reader, &chunk, expected, sink, &mut answer)
            .map_err(|error| error.to_string())?;
        if chunk.done {
            let end = answer.end(expected);
            return end.map_err(|failure| failure.into_inner().to_string());
        }
    }
}

fn structured(done: bool, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = STRUCTURED_REPLY_MAGIC.to_be_bytes().to_vec();
    frame.extend(u16::from(done).to_be_bytes());
    frame.extend(kind.to_be_bytes());
    frame.extend(7_u64.to_be_bytes());
    frame.extend(u32::try_from(payload.len()).expect("short").to_be_bytes());
    frame.extend(payload);
    frame
}

fn data(offset: u64, content: &[u8]) -> Vec<u8> {
    [&offset.to_be_bytes(), content].concat()
}

const READ: Expected = Expected {
    offset: 100,
    kind: Kind::Data(8),
};

fn read(frames: &[Vec<u8>]) -> Result<[u8; 8], String> {
    let mut buffer = [9; 8];
    let sink = &mut Sink::Data(&mut buffer);
    answer(&frames.concat(), Headers::Structured, READ, sink)?;
    Ok(buffer)
}

#[test]
fn a_read_comes_in_any_order_and_holes_are_zeroes() {
    let hole = [&102_u64.to_be_bytes()[..], &3_u32.to_be_bytes()].concat();
    let frames = [
        structured(false, REPLY_OFFSET_DATA, &data(105, b"xyz")),
        structured(false, REPLY_OFFSET_HOLE, &hole),
        structured(true, REPLY_OFFSET_DATA, &data(100, b"ab")),
    ];
    assert_eq!(read(&frames), Ok(*b"ab\0\0\0xyz"));
}

#[test]
fn parts_that_overlap_are_not_a_whole_answer_though_their_lengths_add_up() {
    let hole = |offset: u64, len: u32| [&offset.to_be_bytes()[..], &len.to_be_bytes()].concat();
    for (first, second) in [
        ((100, &b"abcd"[..]), (100, &b"efgh"[..])),
        ((100, b"abcd"), (102, b"efgh")),
        ((104, b"abcd"), (102, b"efgh")),
        ((103, b"ab"), (100, b"efghij")),
        ((100, b"efghij"), (103, b"ab")),
    ] {
        let frames = [
            structured(false, REPLY_OFFSET_DATA, &data(first.0, first.1)),
            structured(true, REPLY_OFFSET_DATA, &data(second.0, second.1)),
        ];
        let said = read(&frames).expect_err("something is missing");
        assert!(said.contains("twice"), "{said}");
        let len = u32::try_from(second.1.len()).expect("short");
        let frames = [
            structured(false, REPLY_OFFSET_DATA, &data(first.0, first.1)),
            structured(true, REPLY_OFFSET_HOLE, &hole(second.0, len)),
        ];
        read(&frames).expect_err("something is missing");
    }
    let empty = structured(false, REPLY_OFFSET_HOLE, &hole(104, 0));
    let whole = structured(true, REPLY_OFFSET_DATA, &data(100, b"12345678"));
    read(&[empty, whole]).expect_err("an empty hole");
}

#[test]
fn an_answer_in_pieces_that_never_meet_is_given_up() {
    let mut covered = Covered::default();
    let parts = 0..MOST_PARTS as u64 + 1;
    let first_wrong = parts.into_iter().find(|at| covered.add(at * 2, 1).is_err());
    assert_eq!(first_wrong, Some(MOST_PARTS as u64));
}

#[test]
fn what_was_not_asked_for_or_is_missing_is_an_error() {
    let ends = |frames: &[Vec<u8>], words: &str| {
        let said = read(frames).expect_err(words);
        assert!(said.contains(words), "{said}");
    };
    let done = structured(true, REPLY_NONE, &[]);
    ends(std::slice::from_ref(&done), "less than was asked for");
    let some = structured(false, REPLY_OFFSET_DATA, &data(100, b"abc"));
    ends(&[some, done], "less than was asked for");
    for offset in [99, 101, u64::MAX] {
        let past = structured(true, REPLY_OFFSET_DATA, &data(offset, b"12345678"));
        ends(&[past], "range that was not asked for");
    }
    let mut long = structured(true, REPLY_OFFSET_DATA, b"");
    long.truncate(16);
    long.extend(u32::MAX.to_be_bytes());
    ends(&[long], "too long");
    let status = structured(true, REPLY_BLOCK_STATUS, &[0; 12]);
    ends(&[status], "not asked for");
}

#[test]
fn an_error_brings_the_servers_words() {
    let error = [&5_u32.to_be_bytes()[..], &3_u16.to_be_bytes(), b"bad"].concat();
    let said = read(&[structured(true, REPLY_ERROR | 1, &error)]).expect_err("an error");
    assert!(said.ends_with(": bad"), "{said}");
}

#[test]
fn a_block_status_of_another_context_is_not_taken_for_ours() {
    let payload = [5_u32, 4096, 3].map(u32::to_be_bytes).concat();
    let frame = structured(true, REPLY_BLOCK_STATUS, &payload);
    for (context, is_ours) in [(5, true), (6, false)] {
        let expected = Expected {
            offset: 0,
            kind: Kind::Extents(context),
        };
        let mut extents = Vec::new();
        let sink = &mut Sink::Extents(&mut extents);
        let result = answer(&frame, Headers::Structured, expected, sink);
        assert_eq!(result.is_ok(), is_ours);
        assert_eq!(extents, [(4096, 3)][..usize::from(is_ours)]);
    }
}

proptest! {
    #[test]
    fn cover_is_what_a_flag_for_each_byte_says(
        parts in proptest::collection::vec((0_u64..32, 0_u64..8), 0..24),
    ) {
        let (mut covered, mut flags) = (Covered::default(), vec![false; 40]);
        for (from, len) in parts {
            let place = usize::try_from(from).unwrap()..usize::try_from(from + len).unwrap();
            let fits = len > 0 && flags[place.clone()].iter().all(|flag| !flag);
            prop_assert_eq!(covered.add(from, len).is_ok(), fits);
            if !fits {
                break;
            }
            flags[place].fill(true);
            let count = flags.iter().filter(|flag| **flag).count();
            let all = flags[..count].iter().all(|flag| *flag);
            prop_assert_eq!(covered.is_all(count as u64), all);
        }
    }

    #[test]
    fn no_bytes_make_a_panic(
        magic in prop_oneof![
            Just(SIMPLE_REPLY_MAGIC), Just(STRUCTURED_REPLY_MAGIC), Just(EXTENDED_REPLY_MAGIC)
        ],
        kind in prop_oneof![
            0_u16..8, Just(REPLY_ERROR | 1), Just(REPLY_ERROR | 2), any::<u16>()
        ],
        len in prop_oneof![0_u32..64, any::<u32>()],
        rest in proptest::collection::vec(any::<u8>(), 0..200),
        headers in prop_oneof![
            Just(Headers::Simple), Just(Headers::Structured), Just(Headers::Extended)
        ],
        wants in 0_u8..3,
    ) {
        let mut bytes = magic.to_be_bytes().to_vec();
        bytes.extend(1_u16.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend(7_u64.to_be_bytes());
        if headers == Headers::Extended {
            bytes.extend([0; 12]);
        }
        bytes.extend(len.to_be_bytes());
        bytes.extend(rest);
        let (mut buffer, mut extents) = ([0; 8], Vec::new());
        let (kind, mut sink) = match wants {
            0 => (Kind::Status, Sink::Status),
            1 => (Kind::Data(8), Sink::Data(&mut buffer)),
            _ => (Kind::Extents(0), Sink::Extents(&mut extents)),
        };
        let _any = answer(&bytes, headers, Expected { offset: 0, kind }, &mut sink);
    }
}
