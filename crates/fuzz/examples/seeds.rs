//! Writes the inputs that fuzzing begins with: `cargo run --manifest-path crates/fuzz/Cargo.toml
//! --example seeds`. Needs `qemu-img`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use blockmap::BlockSize;
use disk::Disk;
use mover::{
    BothDigests, Controls, Digests, Meter, Proof, Scope, Task, Unreadable,
    remote::{Remote, serve_with, sync},
    run,
};
use testkit::{Call, FailAt, MemDisk, When, scatter_changes};

/// Of a frame on the wire, before its payload.
const HEAD: usize = 13;

fn main() {
    wire();
    journals();
    digests();
    images();
    nbd();
    for (name, text) in [
        ("tcp", "nbd://[::1]:10809/disk%20one"),
        ("unix", "nbd+unix:///disk?socket=/run/nbd.sock"),
        ("tls", "nbds://host/export?tls-certificates=/etc/pki"),
    ] {
        save("nbd_uri", name, text.as_bytes());
    }
    save(
        "raw",
        "write-punch",
        &[0, 7, 0, 0, 255, 255, 1, 0, 9, 1, 0, 64],
    );
    save(
        "raw",
        "odd",
        &[
            0, 1, 3, 0, 5, 0, 0, 2, 250, 255, 255, 255, 1, 0, 0, 0, 255, 255,
        ],
    );
}

fn save(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("written");
}

/// Remembers what is written.
#[derive(Clone)]
struct Tee<W>(W, Arc<Mutex<Vec<u8>>>);

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.0.write(data)?;
        self.1.lock().expect("no panic").extend(&data[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What both ends say, in small synchronisations.
fn wire() {
    for (name, seed, apply, proof) in [
        ("cache", 1, true, Proof::Cache),
        ("device", 2, true, Proof::Device),
        ("dry-run", 3, false, Proof::Cache),
        ("seeded", 4, true, Proof::Cache),
        ("part", 5, true, Proof::Cache),
    ] {
        let seeds = if name == "seeded" {
            seeds()
        } else {
            Vec::new()
        };
        let changed = MemDisk::from_bytes(mover::fuzzing::content());
        scatter_changes(&changed, seed, 4, 3000).expect("changed");
        let (to_far, to_near) = (Arc::default(), Arc::default());
        record(
            fuzz::disk(),
            Arc::new(changed),
            (&scope(name), apply, proof),
            &seeds,
            [&to_far, &to_near],
        );
        save(
            "near_end",
            name,
            &unsealed(&to_near.lock().expect("no panic")),
        );
        // The other way round, so that our far end holds what the target holds.
        let changed = MemDisk::from_bytes(mover::fuzzing::content());
        scatter_changes(&changed, seed, 4, 3000).expect("changed");
        let (to_far, to_near) = (Arc::default(), Arc::default());
        record(
            Arc::new(changed),
            fuzz::disk(),
            (&scope(name), apply, proof),
            &seeds,
            [&to_far, &to_near],
        );
        let said = to_far.lock().expect("no panic");
        save("far_end", name, &unsealed(&said));
        let heard = to_near.lock().expect("no panic");
        for (kind, all) in [("far", &said), ("near", &heard)] {
            let few = &all[..all.len().min(6000)];
            save("frames", &format!("{name}-to-{kind}"), &unsealed(few));
        }
        save(
            "frames",
            &format!("{name}-sealed"),
            &heard[..heard.len().min(600)],
        );
    }
}

/// What is asked for.
fn scope(name: &str) -> Scope {
    if name == "part" {
        Scope::Ranges(mover::fuzzing::part())
    } else {
        Scope::Whole
    }
}

/// A disk that has something of the content, and one that cannot be read.
fn seeds() -> Vec<Arc<dyn Disk>> {
    let mut bytes = mover::fuzzing::content();
    bytes.rotate_left(8192);
    let template = Arc::new(MemDisk::from_bytes(bytes));
    let broken = FailAt::new(
        template.clone(),
        Call::Read,
        When::From(0),
        io::ErrorKind::Other,
    );
    vec![Arc::new(broken), template]
}

fn record(
    source: Arc<dyn Disk>,
    target: Arc<dyn Disk>,
    (scope, apply, proof): (&Scope, bool, Proof),
    seeds: &[Arc<dyn Disk>],
    [to_far, to_near]: [&Arc<Mutex<Vec<u8>>>; 2],
) {
    let (near_in, far_out) = io::pipe().expect("a pipe");
    let (far_in, near_out) = io::pipe().expect("a pipe");
    let far_out = Tee(far_out, to_near.clone());
    let near_out = Tee(near_out, to_far.clone());
    let seeds = seeds.to_vec();
    let open = |_, _| Ok((target, None));
    let far = thread::spawn(move || serve_with(&seeds, open, far_in, far_out));
    let task = Remote {
        source,
        scope: scope.clone(),
        sample: None,
        block: BlockSize::MIN,
        apply,
        proof,
        unreadable: Unreadable::Stop,
    };
    sync(
        &task,
        near_in,
        near_out,
        &Controls::default(),
        &Meter::default(),
    )
    .expect("synchronised");
    far.join().expect("no panic").expect("served");
}

/// Frames without their checks, as the targets take them.
fn unsealed(mut wire: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some((head, rest)) = wire.split_first_chunk::<HEAD>() {
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (payload, rest) = rest.split_at(len.min(rest.len()));
        let short = u16::try_from(payload.len()).expect("blocks of 4 KiB");
        plain.push(head[0]);
        plain.extend(short.to_le_bytes());
        plain.extend(payload);
        wire = rest;
    }
    plain
}

/// A kind, a length, and ranges.
fn journals() {
    let frame = |kind: u8, ranges: &[(u64, u64)]| {
        let mut bytes = vec![kind];
        let len = u16::try_from(ranges.len() * 16).expect("few");
        bytes.extend(len.to_le_bytes());
        for (start, len) in ranges {
            bytes.extend(start.to_le_bytes());
            bytes.extend(len.to_le_bytes());
        }
        bytes
    };
    let all = [
        frame(2, &[(0, 4096), (8192, 65536)]),
        frame(3, &[(65536, 4096)]),
        frame(4, &[((1 << 30) - 4096, 4096)]),
    ];
    save("journal", "three", &all.concat());
    save(
        "journal",
        "past-the-end",
        &frame(2, &[(u64::MAX - 1, 4096)]),
    );
    save("journal", "no-journal", b"LFJRNL01");
}

/// What a run keeps of its target.
fn digests() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("digests");
    let changed = MemDisk::from_bytes(mover::fuzzing::content());
    scatter_changes(&changed, 5, 4, 3000).expect("changed");
    let task = Task {
        source: fuzz::disk(),
        target: Arc::new(changed),
        scope: Scope::Whole,
        block: BlockSize::MIN,
        journal: None,
        task_key: "fuzzed".to_owned(),
        apply: true,
        proof: Proof::Cache,
        digests: BothDigests {
            source: None,
            target: Some(Digests {
                path: path.clone(),
                identity: "fuzzed".to_owned(),
                stamp: Arc::new("1".to_owned()),
                base: None,
            }),
        },
        sample: None,
        unreadable: Unreadable::default(),
    };
    run(&task, &Controls::default(), &Meter::default()).expect("moved");
    let kept = fs::read(&path).expect("kept");
    save("digests", "kept", &kept);
    save("digests", "cut-off", &kept[..5000]);
}

/// Small images of each kind that qemu-img makes.
fn images() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw = folder.path().join("raw");
    let mut bytes = vec![0; 24 * 1024];
    bytes[..3000].fill(1);
    bytes[9000..12_000]
        .iter_mut()
        .enumerate()
        .for_each(|(index, byte)| *byte = (index % 7) as u8);
    fs::write(&raw, &bytes).expect("written");
    for (name, options) in [
        ("v3", "cluster_size=512"),
        ("v2", "cluster_size=512,compat=0.10"),
        ("lazy", "cluster_size=512,lazy_refcounts=on"),
        ("rc1", "cluster_size=512,refcount_bits=1"),
        ("rc64", "cluster_size=1024,refcount_bits=64"),
        ("zstd", "cluster_size=4096,compression_type=zstd"),
        ("extended", "cluster_size=16384,extended_l2=on"),
    ] {
        for compressed in [false, true] {
            if compressed && name == "extended" {
                // Its clusters are large.
                continue;
            }
            let mut args = vec!["convert", "-f", "raw", "-O", "qcow2", "-o", options];
            if compressed {
                args.push("-c");
            }
            let to = folder.path().join(name);
            qemu_img(&args, &[&raw, &to]);
            let kind = if compressed { "-packed" } else { "" };
            save(
                "qcow2",
                &format!("{name}{kind}"),
                &fs::read(&to).expect("made"),
            );
        }
    }
    let to = folder.path().join("metadata");
    let options = "cluster_size=512,preallocation=metadata";
    let args = ["create", "-q", "-f", "qcow2", "-o", options];
    qemu_img(&args, &[&to, &PathBuf::from("16K")]);
    save("qcow2", "metadata", &fs::read(&to).expect("made"));
}

fn qemu_img(args: &[&str], files: &[&Path]) {
    let status = Command::new("qemu-img").args(args).args(files).status();
    assert!(status.expect("qemu-img is there").success(), "{args:?}");
}

/// What a server of 64 KiB says, with and without structured replies.
fn nbd() {
    let option = |option: u32, kind: u32, data: &[u8]| {
        let mut bytes = 0x0003_e889_0455_65a9_u64.to_be_bytes().to_vec();
        bytes.extend(option.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
        bytes
    };
    let mut info = vec![0, 0];
    info.extend((64_u64 << 10).to_be_bytes());
    // Flags, flush, write zeroes.
    info.extend((1_u16 | 1 << 2 | 1 << 6).to_be_bytes());
    let sizes = [
        &[0, 3][..],
        &512_u32.to_be_bytes(),
        &4096_u32.to_be_bytes(),
        &(1_u32 << 20).to_be_bytes(),
    ];
    let mut hello = b"NBDMAGICIHAVEOPT".to_vec();
    hello.extend(3_u16.to_be_bytes());

    let mut simple = hello.clone();
    simple.extend(option(8, 1 << 31 | 1, b""));
    simple.extend(option(7, 3, &info));
    simple.extend(option(7, 3, &sizes.concat()));
    simple.extend(option(7, 1, b""));
    for cookie in 1..40_u64 {
        simple.extend(0x6744_6698_u32.to_be_bytes());
        simple.extend([0; 4]);
        simple.extend(cookie.to_be_bytes());
        if cookie == 1 {
            simple.extend(vec![5; 64 << 10]);
        }
    }
    save("nbd_client", "simple", &simple[..20_000]);

    let mut structured = hello;
    structured.extend(option(8, 1, b""));
    let context = [&7_u32.to_be_bytes()[..], b"base:allocation"].concat();
    structured.extend(option(10, 4, &context));
    structured.extend(option(10, 1, b""));
    structured.extend(option(7, 3, &info));
    structured.extend(option(7, 1, b""));
    let chunk = |flags: u16, kind: u16, cookie: u64, data: &[u8]| {
        let mut bytes = 0x668e_33ef_u32.to_be_bytes().to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend(cookie.to_be_bytes());
        bytes.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
        bytes
    };
    let data = [&0_u64.to_be_bytes()[..], &[9; 4096]].concat();
    structured.extend(chunk(0, 1, 1, &data));
    let hole = [&4096_u64.to_be_bytes()[..], &(60_u32 << 10).to_be_bytes()].concat();
    structured.extend(chunk(1, 2, 1, &hole));
    let extents = [7_u32, 4096, 0, 60 << 10, 3].map(u32::to_be_bytes).concat();
    structured.extend(chunk(1, 5, 2, &extents));
    let error = [&5_u32.to_be_bytes()[..], &3_u16.to_be_bytes(), b"bad"].concat();
    structured.extend(chunk(1, 1 << 15 | 1, 3, &error));
    for cookie in 4..40 {
        structured.extend(chunk(1, 0, cookie, b""));
    }
    save("nbd_client", "structured", &structured);
    save(
        "nbd_replies",
        "negotiation",
        &structured[..structured.len().min(400)],
    );
    save("nbd_replies", "hole", &chunk(1, 2, 1, &hole));
    let status = [1_u32, 4096, 0, 4096, 3].map(u32::to_be_bytes).concat();
    save("nbd_replies", "status", &chunk(1, 5, 1, &status));
    save("nbd_replies", "error", &chunk(1, 1 << 15 | 1, 1, &error));
    clients();
}

/// What clients say, with each kind of headers.
fn clients() {
    let option = |number: u32, data: &[u8]| {
        let mut bytes = b"IHAVEOPT".to_vec();
        bytes.extend(number.to_be_bytes());
        bytes.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
        bytes
    };
    let text = |text: &str| {
        let mut bytes = u32::try_from(text.len())
            .expect("short")
            .to_be_bytes()
            .to_vec();
        bytes.extend(text.as_bytes());
        bytes
    };
    let contexts = [
        text("disk"),
        2_u32.to_be_bytes().to_vec(),
        text("base:allocation"),
        text("qemu:dirty-bitmap:b"),
    ];
    let go = [
        text("disk"),
        1_u16.to_be_bytes().to_vec(),
        3_u16.to_be_bytes().to_vec(),
    ];
    for (name, headers) in [
        ("simple", None),
        ("structured", Some(8)),
        ("extended", Some(11)),
    ] {
        let mut said = 3_u32.to_be_bytes().to_vec();
        said.extend(option(3, b""));
        if let Some(headers) = headers {
            said.extend(option(headers, b""));
            said.extend(option(10, &contexts.concat()));
        }
        said.extend(option(7, &go.concat()));
        // Write, read, zero, trim, status, flush, goodbye.
        for (cookie, (command, len)) in [
            (1_u16, 512_u32),
            (0, 4096),
            (6, 8192),
            (4, 512),
            (7, 65536),
            (3, 0),
            (2, 0),
        ]
        .into_iter()
        .enumerate()
        {
            let extended = name == "extended";
            let magic: u32 = if extended { 0x21e4_1c71 } else { 0x2560_9513 };
            said.extend(magic.to_be_bytes());
            let payload_len: u16 = if extended && command == 1 { 1 << 5 } else { 0 };
            said.extend(payload_len.to_be_bytes());
            said.extend(command.to_be_bytes());
            said.extend((cookie as u64).to_be_bytes());
            said.extend(0_u64.to_be_bytes());
            if extended {
                said.extend(u64::from(len).to_be_bytes());
            } else {
                said.extend(len.to_be_bytes());
            }
            if command == 1 {
                said.extend([3; 512]);
            }
        }
        save("nbd_server", name, &said);
    }
}
