//! The committed inputs of the fuzzer, held without it.

use std::{fs, path::Path, sync::Arc};

use testkit::{MemDisk, replay};

use crate::remote::fuzzing::{read_all, sealed};

fn disk() -> Arc<MemDisk> {
    Arc::new(MemDisk::from_bytes(super::content()))
}

#[test]
fn frames_of_any_bytes() {
    replay("frames", super::frames);
}

#[test]
fn near_ends_that_say_anything() {
    replay("far_end", |data| super::far_end(data, disk()));
}

#[test]
fn far_ends_that_say_anything() {
    replay("near_end", |data| super::near_end(data, disk()));
}

#[test]
fn journals_of_any_bytes() {
    replay("journal", super::journal);
}

#[test]
fn kept_digests_of_any_bytes() {
    replay("digests", super::digests);
}

/// Inputs of an older version are refused at their first frame, and the fuzzer learns nothing from
/// them: `crates/fuzz/examples/seeds.rs` writes them anew.
#[test]
fn what_fuzzing_begins_with_speaks_the_protocol_of_now() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut seen = 0;
    for folder in ["far_end", "near_end"] {
        for entry in fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let plain = fs::read(&path).unwrap();
            let (mut rest, mut all) = (plain.as_slice(), 0);
            while super::next(&mut rest).is_some() {
                all += 1;
            }
            let understood = read_all(&sealed(&plain));
            assert!(
                all > 2 && understood == all,
                "{}: {understood} of {all}",
                path.display()
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}
