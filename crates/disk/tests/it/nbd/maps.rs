//! Maps of a server that lies.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use disk::{Access, BadStatus, DiskError};
use model::ByteRange;
use tempfile::TempDir;

use super::peers::at;

const SIZE: usize = 4 << 20;

/// A server of one connection that answers every block status with these lengths, all data.
fn liar(dir: &TempDir, lengths: Vec<u32>) -> thread::JoinHandle<io::Result<()>> {
    let listener = UnixListener::bind(dir.path().join("liar.sock")).expect("listening");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(b"NBDMAGICIHAVEOPT\0\x03")?;
        let mut flags = [0; 4];
        stream.read_exact(&mut flags)?;
        loop {
            let mut head = [0; 16];
            stream.read_exact(&mut head)?;
            let [.., a, b, c, d, e, f, g, h] = head;
            let option = u32::from_be_bytes([a, b, c, d]);
            let mut data = vec![0; u32::from_be_bytes([e, f, g, h]) as usize];
            stream.read_exact(&mut data)?;
            match option {
                // Extended headers are refused, structured replies are not.
                11 => reply(&mut stream, option, (1 << 31) | 1, &[])?,
                10 => {
                    let name = [&1_u32.to_be_bytes()[..], b"base:allocation"].concat();
                    reply(&mut stream, option, 4, &name)?;
                    reply(&mut stream, option, 1, &[])?;
                }
                7 => {
                    let size = (SIZE as u64).to_be_bytes();
                    let info = [&[0, 0][..], &size, &[0, 1]].concat();
                    reply(&mut stream, option, 3, &info)?;
                    reply(&mut stream, option, 1, &[])?;
                    break;
                }
                _ => reply(&mut stream, option, 1, &[])?,
            }
        }
        loop {
            let mut request = [0; 28];
            stream.read_exact(&mut request)?;
            let cookie = &request[8..16];
            let mut payload = 1_u32.to_be_bytes().to_vec();
            for (number, len) in lengths.iter().enumerate() {
                payload.extend(len.to_be_bytes());
                // No two are of one kind, so that none are joined.
                payload.extend([0, 0, 0, if number % 2 == 0 { 0 } else { 3 }]);
            }
            let len = u32::try_from(payload.len()).expect("short");
            stream.write_all(&0x668e_33ef_u32.to_be_bytes())?;
            stream.write_all(&[0, 1, 0, 5])?;
            stream.write_all(cookie)?;
            stream.write_all(&len.to_be_bytes())?;
            stream.write_all(&payload)?;
        }
    })
}

fn reply(stream: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    stream.write_all(&0x0003_e889_0455_65a9_u64.to_be_bytes())?;
    stream.write_all(&option.to_be_bytes())?;
    stream.write_all(&kind.to_be_bytes())?;
    stream.write_all(&u32::try_from(data.len()).expect("short").to_be_bytes())?;
    stream.write_all(data)
}

#[test]
fn maps_that_no_honest_server_answers_are_errors_that_say_so() {
    let all = u32::try_from(SIZE).expect("small");
    for (lengths, expected) in [
        (vec![all], None),
        (vec![4096, u32::MAX], None),
        (vec![0], Some(BadStatus::Empty)),
        (vec![4096, 0, 4096], Some(BadStatus::Empty)),
        (vec![all, 4096], Some(BadStatus::PastEnd)),
        (vec![1; (1 << 20) + 1], Some(BadStatus::TooMany)),
    ] {
        let dir = TempDir::new().expect("a directory");
        let server = liar(&dir, lengths);
        let disk = at(&dir, "liar.sock", Access::Read).expect("opened");
        let mapped = disk.extents(ByteRange::new(0, SIZE as u64));
        drop(disk);
        // It ends when its client does.
        drop(server.join().expect("no panic"));
        let found = match mapped {
            Ok(extents) => {
                assert_eq!(
                    extents.last().map(|last| last.range.end()),
                    Some(SIZE as u64)
                );
                None
            }
            Err(DiskError::Map { source, .. }) => {
                let bad = source
                    .get_ref()
                    .and_then(|it| it.downcast_ref::<BadStatus>());
                assert!(bad.is_some(), "{source}");
                bad.copied()
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, expected);
    }
}

/// One byte at a time, a server could make us hold an extent for each of a disk's bytes.
#[test]
fn a_map_in_crumbs_is_given_up_before_it_fills_the_memory() {
    let dir = TempDir::new().expect("a directory");
    let server = liar(&dir, vec![1; 1 << 19]);
    let disk = at(&dir, "liar.sock", Access::Read).expect("opened");
    let error = disk
        .extents(ByteRange::new(0, SIZE as u64))
        .expect_err("given up");
    drop(disk);
    drop(server.join().expect("no panic"));
    let DiskError::Map { source, .. } = error else {
        panic!("{error}");
    };
    let bad = source.get_ref().and_then(|it| it.downcast_ref());
    assert_eq!(bad, Some(&BadStatus::TooMany));
}
