//! Blocks that the near end cannot read as a whole: what can be read of them is written, and the rest
//! stays as it is and has no part in the root.

use model::ByteRange;

use super::Apply;
use crate::remote::{
    far::{failed, unheard},
    fault::{FarError, FarStep},
};

impl Apply<'_> {
    /// Takes note of a block that the near end cannot read as a whole: it has no part in the root.
    pub(in crate::remote) fn left(&mut self, start: u64, len: u32) -> Result<(), FarError> {
        let range = ByteRange::new(start, u64::from(len));
        self.check(range, 1)?;
        if self.far.kept.is_some() {
            return Err(FarError::LeftWithDigests);
        }
        self.note(range, None)?;
        self.left.insert(start, range);
        Ok(())
    }

    /// Writes what can be read of a block that was left, and reads it back.
    pub(in crate::remote) fn part(&mut self, start: u64, bytes: &[u8]) -> Result<(), FarError> {
        let range = ByteRange::new(start, bytes.len() as u64);
        let block = self.left.range(..=start).next_back();
        if bytes.is_empty() || block.is_none_or(|(_, block)| range.end() > block.end()) {
            return Err(unheard("the near end sent a part of no block that is left"));
        }
        self.may_write()?;
        let target = &*self.far.target;
        for last in [false, true] {
            let written = target.write_at(start, bytes);
            written.map_err(failed(FarStep::Write, range))?;
            self.buffer.resize(bytes.len());
            let read = if self.far.terms.device {
                let flushed = target.flush();
                flushed.map_err(|source| FarError::Flush { source })?;
                target.read_device(start, &mut self.buffer)
            } else {
                target.read_at(start, &mut self.buffer)
            };
            read.map_err(failed(FarStep::ReadBack, range))?;
            self.outcome.reread += range.len;
            if *self.buffer == *bytes {
                break;
            }
            if last {
                return Err(FarError::Mismatch { range });
            }
            self.is_repaired(range);
        }
        self.outcome.written += range.len;
        self.outcome.verified += range.len;
        Ok(())
    }
}
