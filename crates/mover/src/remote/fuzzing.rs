//! What fuzzing needs of frames.

use super::frame::{Frame, seal};
use crate::fuzzing::next;

/// A fuzzer's bytes as frames with right checks.
pub(crate) fn sealed(mut data: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    while let Some((kind, payload)) = next(&mut data) {
        wire.extend(seal(kind, payload));
    }
    wire
}

/// Reads frames until the bytes end or are none; each says the same when it is written again.
/// Returns how many there were.
pub(crate) fn read_all(mut wire: &[u8]) -> usize {
    let mut frames = 0;
    while let Ok(Some(frame)) = Frame::read(&mut wire) {
        let mut again = Vec::new();
        let written = frame
            .write(&mut again)
            .expect("what was read can be written");
        assert!(written == again.len() as u64, "another length");
        let read = Frame::read(&mut again.as_slice()).expect("what was written can be read");
        assert!(read == Some(frame), "a frame changed");
        frames += 1;
    }
    frames
}
