//! Bytes that no honest client or server sends.

use std::sync::Arc;

use disk::{
    Access, Bitmap, Export, create_raw,
    nbd_fuzz::{Asked, Framing, negotiate, reply, serve},
    open,
};
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{Call, Counting, MemDisk};

use super::peers::{export, raw};

const SIZE: u64 = 1 << 20;

const ABORT: u32 = 2;
const STARTTLS: u32 = 5;
const GO: u32 = 7;
const STRUCTURED: u32 = 8;
const SET_META: u32 = 10;
const EXTENDED: u32 = 11;

fn exports(read_only: bool) -> Vec<Export> {
    vec![Export {
        read_only,
        bitmap: Some(Bitmap::new(
            "b".to_owned(),
            vec![ByteRange::new(4096, 4096)],
        )),
        ..export(Arc::new(MemDisk::new(ByteCount(SIZE))))
    }]
}

/// What the server says to these words of a client.
fn said(read_only: bool, words: &[Vec<u8>]) -> Vec<u8> {
    let mut input = 3_u32.to_be_bytes().to_vec();
    input.extend(words.concat());
    let mut output = Vec::new();
    // A connection that breaks off has said something before.
    drop(serve(&exports(read_only), &input[..], &mut output));
    output.split_off(18)
}

fn option(number: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("short");
    [
        b"IHAVEOPT",
        &number.to_be_bytes()[..],
        &len.to_be_bytes(),
        data,
    ]
    .concat()
}

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short");
    [&len.to_be_bytes(), text.as_bytes()].concat()
}

fn go() -> Vec<u8> {
    option(GO, &[text("disk"), vec![0, 0]].concat())
}

/// Kinds of the replies to options, up to the first thing that is none.
fn kinds(mut output: &[u8]) -> Vec<u32> {
    let mut kinds = Vec::new();
    while let Some((magic, rest)) = output.split_first_chunk::<8>()
        && *magic == 0x0003_e889_0455_65a9_u64.to_be_bytes()
    {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("4"));
        kinds.push(number(4));
        output = &rest[12 + usize::try_from(number(8)).expect("short")..];
    }
    kinds
}

#[test]
fn options_that_make_no_sense_get_errors_and_the_connection_goes_on() {
    const ERROR: u32 = 1 << 31;
    let queries = |names: &[&str]| {
        let mut data = text("disk");
        data.extend(u32::try_from(names.len()).expect("few").to_be_bytes());
        data.extend(names.iter().flat_map(|name| text(name)));
        data
    };
    let all = said(
        false,
        &[
            option(99, b"?"),
            option(STARTTLS, &[]),
            option(GO, b"\xff\xff\xff\xff"),
            option(GO, &[text("nothing"), vec![0, 0]].concat()),
            option(SET_META, &queries(&["base:allocation"])),
            option(STRUCTURED, b"x"),
            option(EXTENDED, &[]),
            option(STRUCTURED, &[]),
            option(SET_META, &queries(&["base:", "qemu:dirty-bitmap:b"])),
            option(ABORT, &[]),
        ],
    );
    let expected = [
        ERROR | 1,
        ERROR | 2,
        ERROR | 3,
        ERROR | 6,
        ERROR | 3,
        ERROR | 3,
        1,
        ERROR | 10,
        4,
        1,
        1,
    ];
    assert_eq!(kinds(&all), expected);
}

#[test]
fn an_option_that_is_too_long_and_a_client_that_does_not_stop_end_the_connection() {
    let mut long = option(99, &[]);
    long.truncate(12);
    long.extend(u32::MAX.to_be_bytes());
    assert_eq!(said(false, &[long, option(ABORT, &[])]), []);
    let many = vec![option(99, &[]); 100_000];
    assert_eq!(kinds(&said(false, &many)).len(), 256);
}

fn request(flags: u16, command: u16, offset: u64, len: u32) -> Vec<u8> {
    [
        &0x2560_9513_u32.to_be_bytes()[..],
        &flags.to_be_bytes(),
        &command.to_be_bytes(),
        &7_u64.to_be_bytes(),
        &offset.to_be_bytes(),
        &len.to_be_bytes(),
    ]
    .concat()
}

/// Error numbers of the simple replies to requests.
fn errors(read_only: bool, requests: &[Vec<u8>]) -> Vec<u32> {
    let output = said(read_only, &[&[go()], requests].concat());
    let mut errors = Vec::new();
    let mut rest = &output[..];
    while let Some((magic, after)) = rest.split_first_chunk::<4>() {
        if *magic == 0x6744_6698_u32.to_be_bytes() {
            errors.push(u32::from_be_bytes(after[..4].try_into().expect("4")));
        }
        rest = &rest[1..];
    }
    errors
}

#[test]
fn requests_that_cannot_be_done_get_the_error_of_the_protocol() {
    const SMALL: u32 = 4096;
    let write = |flags, offset: u64| [request(flags, 1, offset, 512), vec![1; 512]].concat();
    let requests = [
        (request(0, 0, SIZE - 1, 2), 22),
        (request(0, 0, u64::MAX, SMALL), 22),
        (request(0, 0, 0, u32::MAX), 22),
        (request(0, 0, 0, 0), 22),
        (request(0, 42, 0, SMALL), 22),
        (request(0x8000, 0, 0, SMALL), 22),
        (request(0, 6, SIZE, 1), 28),
        (request(0, 4, 0, u32::MAX), 28),
        (request(0, 7, 0, SMALL), 22),
        (write(0, SIZE), 28),
        (write(1 << 4, 0), 22),
        (write(0, 0), 0),
        (request(0, 3, 0, 0), 0),
    ];
    let (sent, expected): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
    assert_eq!(errors(false, &sent), expected);
    let refused = [
        write(0, 0),
        request(0, 4, 0, SMALL),
        request(0, 6, 0, SMALL),
    ];
    assert_eq!(errors(true, &refused), [1, 1, 1]);
}

#[test]
fn a_write_with_fua_is_flushed_before_its_answer() {
    for (fua, flushes) in [(0, 0), (1, 1)] {
        let disk = Arc::new(Counting::new(Arc::new(MemDisk::new(ByteCount(SIZE)))));
        let exports = [export(Arc::clone(&disk) as _)];
        let mut input = 3_u32.to_be_bytes().to_vec();
        input.extend(go());
        input.extend(request(fua, 1, 0, 512));
        input.extend([1; 512]);
        for command in [4, 6] {
            input.extend(request(fua, command, 0, 512));
        }
        serve(&exports, &input[..], std::io::sink()).expect("agreed");
        assert_eq!(disk.calls(Call::Write), 1);
        assert_eq!(disk.calls(Call::Zero), 2);
        assert_eq!(disk.calls(Call::Flush), 3 * flushes);
    }
}

#[test]
fn a_request_longer_than_32_bits_is_done_with_long_headers() {
    const LONG: u64 = 5 << 30;
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("long.raw");
    create_raw(&path, ByteCount(LONG)).expect("created");
    let disk = open(&raw(&path), Access::Write).expect("opened");
    disk.write_at(LONG - 512, &[1; 512]).expect("written");
    let mut input = 3_u32.to_be_bytes().to_vec();
    input.extend(option(EXTENDED, &[]));
    input.extend(go());
    input.extend(0x21e4_1c71_u32.to_be_bytes());
    input.extend(&request(0, 6, 0, 0)[4..24]);
    input.extend(LONG.to_be_bytes());
    serve(&[export(Arc::clone(&disk))], &input[..], std::io::sink()).expect("agreed");
    let mut last = [9; 512];
    disk.read_at(LONG - 512, &mut last).expect("read");
    assert_eq!(last, [0; 512]);
}

#[test]
fn what_is_no_request_ends_the_connection() {
    let read = || request(0, 0, 0, 512);
    let garbage = vec![0xab; 28];
    assert_eq!(errors(false, &[read(), garbage, read()]), [0]);
    // Nobody can skip what is too long to be read.
    let too_long = request(0, 1, 0, u32::MAX);
    assert_eq!(errors(false, &[read(), too_long, read()]), [0]);
    assert_eq!(errors(false, &[read(), request(0, 2, 0, 0), read()]), [0]);
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Simple),
        Just(Framing::Structured),
        Just(Framing::Extended)
    ]
}

proptest! {
    #[test]
    fn no_clients_bytes_make_a_panic(
        options in proptest::collection::vec(
            (prop_oneof![0_u32..14, any::<u32>()],
             proptest::collection::vec(any::<u8>(), 0..40)),
            0..6,
        ),
        framing in 0_usize..3,
        requests in proptest::collection::vec(
            (any::<u16>(), 0_u16..9, any::<u64>(), any::<u32>(), any::<bool>()),
            0..20,
        ),
        rest in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut words: Vec<Vec<u8>> = options
            .into_iter()
            .filter(|(number, _)| *number != ABORT)
            .map(|(number, data)| option(number, &data))
            .collect();
        let framing = [99, STRUCTURED, EXTENDED][framing];
        words.push(option(framing, &[]));
        words.push(go());
        for (flags, command, offset, len, inside) in requests {
            let (flags, offset, len) = if inside {
                (flags & 0x0f, offset % SIZE, len % 65_536)
            } else {
                (flags, offset, len)
            };
            if framing == EXTENDED {
                let mut long = 0x21e4_1c71_u32.to_be_bytes().to_vec();
                long.extend(&request(flags, command, offset, 0)[4..24]);
                long.extend(u64::from(len).to_be_bytes());
                words.push(long);
            } else {
                words.push(request(flags, command, offset, len));
            }
        }
        words.push(rest);
        said(false, &words);
    }

    #[test]
    fn no_servers_bytes_make_a_panic(
        rest in proptest::collection::vec(any::<u8>(), 0..200),
        greeted: bool,
        kind in prop_oneof![Just(1_u32), Just(3), Just(4), any::<u32>()],
        framing in framings(),
        len in 0_u32..70_000,
    ) {
        let mut hello = Vec::new();
        if greeted {
            hello.extend(b"NBDMAGICIHAVEOPT\0\x03");
            for option in [EXTENDED, SET_META, GO] {
                hello.extend(0x0003_e889_0455_65a9_u64.to_be_bytes());
                hello.extend(option.to_be_bytes());
                hello.extend(kind.to_be_bytes());
                let len = u32::try_from(rest.len()).expect("short");
                hello.extend(len.to_be_bytes());
                hello.extend(&rest);
            }
        }
        hello.extend(&rest);
        let _any = negotiate(&hello[..], None);
        let _any = negotiate(&hello[..], Some("b"));
        for asked in [Asked::Status, Asked::Read(len), Asked::BlockStatus] {
            let _any = reply(&rest[..], framing, asked);
        }
    }
}
