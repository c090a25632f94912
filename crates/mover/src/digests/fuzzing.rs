//! What fuzzing needs of kept digests.

use blockmap::TreeShape;

use super::{
    header::HEADER,
    tree::{Layout, ROW},
};

/// A fuzzer's bytes as a file of the right length with right checksums.
pub(crate) fn sealed(shape: TreeShape, data: &[u8]) -> Vec<u8> {
    let layout = Layout::of(shape);
    let length = usize::try_from(layout.length).expect("a small disk");
    let mut bytes = data.to_vec();
    bytes.resize(length, 0);
    let sum = crc32c::crc32c(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&sum.to_le_bytes());
    // Rows lie at the end, without gaps, in the order of their checksums.
    let rows = (length - HEADER) / ROW;
    for number in 0..rows {
        let row = &bytes[length - (rows - number) * ROW..][..ROW];
        let sum = layout.sum(row).to_le_bytes();
        let at = HEADER + number * 4;
        bytes[at..at + 4].copy_from_slice(&sum);
    }
    bytes
}
