//! What an earlier try of the same task already proved.
//!
//! An append-only file: eight magic bytes, then frames of `length, payload, crc32c`, numbers little
//! endian. The first payload is the header (size, block size, task key). Each other one is a kind
//! and ranges. A frame that is cut off or damaged ends the journal: it and all after it are dropped.
//! Ranges are appended only after the target's flush of them has returned.
//!
//! However long a journal is, it is read frame by frame: what is kept of it are the ranges that its
//! own make together, and at most so many.

mod proved;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use blockmap::{BlockSize, RangeSet};
use model::{ByteCount, ByteRange};

use self::proved::Proved;
use crate::{Discarded, JournalStep, MoverError, Proof};

const MAGIC: &[u8; 8] = b"LFJRNL01";
/// No frame is longer: ranges of one batch, or a header.
const LONGEST: u32 = 1 << 20;
/// Ranges in one frame.
const RANGES: usize = 8192;

/// What a frame says of its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Read on both sides and found equal.
    Equal,
    /// Sent, written and proved.
    Copied,
    /// Made zero and proved.
    Zeroed,
    /// Differs though change tracking does not name it: the transfer is of the whole disk.
    Untold,
}

impl Mark {
    const fn code(self) -> u8 {
        match self {
            Self::Equal => 2,
            Self::Copied => 3,
            Self::Zeroed => 4,
            Self::Untold => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Equal, Self::Copied, Self::Zeroed, Self::Untold]
            .into_iter()
            .find(|mark| mark.code() == code)
    }
}

/// Which transfer a journal belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) task_key: &'a str,
    pub(crate) size: ByteCount,
    pub(crate) block: BlockSize,
    /// How what the journal names was proved: another proof asks for more, or for less.
    pub(crate) proof: Proof,
}

/// What a journal knew when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Whatever the mark, except for what was found different and left.
    pub(crate) proved: RangeSet,
    /// Proved as well, in more pieces than are kept: to be done again.
    pub(crate) forgotten: ByteCount,
    /// A block that the sampled check found different.
    pub(crate) untold: Option<ByteRange>,
    pub(crate) discarded: Option<Discarded>,
    /// An earlier try of the same transfer began it.
    pub(crate) continues: bool,
}

/// How much of what is proved was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) copied: ByteCount,
    pub(crate) zeroed: ByteCount,
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens a journal or makes one; one of another transfer is emptied.
    ///
    /// # Errors
    /// [`MoverError::Journal`].
    pub(crate) fn open(path: &Path, header: &Header<'_>) -> Result<(Self, Known), MoverError> {
        let failed = |step| move |source| failure(path, step, source);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed(JournalStep::Open))?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
        };
        let loaded = journal.load(header).map_err(failed(JournalStep::Load))?;
        let known = match loaded {
            Start::Known(known) => known,
            Start::Fresh(discarded) => {
                let begun = journal.begin(header);
                begun.map_err(failed(JournalStep::Open))?;
                Known {
                    discarded,
                    ..Known::default()
                }
            }
        };
        Ok((journal, known))
    }

    /// Adds ranges. They are in the file on return, and durable after [`Journal::sync`].
    ///
    /// # Errors
    /// [`MoverError::Journal`].
    pub(crate) fn append(&mut self, mark: Mark, ranges: &[ByteRange]) -> Result<(), MoverError> {
        let mut bytes = Vec::new();
        for ranges in ranges.chunks(RANGES) {
            let mut payload = vec![mark.code()];
            for range in ranges {
                payload.extend(range.start.to_le_bytes());
                payload.extend(range.len.to_le_bytes());
            }
            bytes.extend(frame(&payload));
        }
        let written = self.file.write_all(&bytes);
        written.map_err(|source| failure(&self.path, JournalStep::Append, source))
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// [`MoverError::Journal`].
    pub(crate) fn sync(&self) -> Result<(), MoverError> {
        let synced = self.file.sync_data();
        synced.map_err(|source| failure(&self.path, JournalStep::Sync, source))
    }

    /// Writes the header of an empty journal and makes file and name durable.
    fn begin(&mut self, header: &Header<'_>) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(MAGIC)?;
        self.file.write_all(&frame(&header_payload(header)))?;
        self.file.sync_all()?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Reads what is there, and cuts off a damaged end.
    fn load(&mut self, header: &Header<'_>) -> io::Result<Start> {
        let length = self.file.metadata()?.len();
        if length == 0 {
            return Ok(Start::Fresh(None));
        }
        let mut reader = BufReader::new(&self.file);
        let mut magic = [0; MAGIC.len()];
        if !fill(&mut reader, &mut magic)? || magic != *MAGIC {
            return Ok(Start::Fresh(Some(Discarded::Damaged)));
        }
        let Some(first) = read_frame(&mut reader)? else {
            return Ok(Start::Fresh(Some(Discarded::Damaged)));
        };
        if first != header_payload(header) {
            return Ok(Start::Fresh(Some(Discarded::OtherTask)));
        }
        let mut good = (MAGIC.len() + 8 + first.len()) as u64;
        let (mut proved, mut untold) = (Proved::default(), None);
        while let Some(payload) = read_frame(&mut reader)? {
            let Some((mark, ranges)) = parse(&payload, header.size) else {
                break;
            };
            match mark {
                Mark::Equal | Mark::Copied | Mark::Zeroed => proved.extend(&ranges),
                Mark::Untold => untold = untold.or(ranges.first().copied()),
            }
            good += payload.len() as u64 + 8;
        }
        if good < length {
            self.file.set_len(good)?;
            self.file.sync_all()?;
        }
        self.file.seek(SeekFrom::Start(good))?;
        let (proved, forgotten) = proved.finish();
        Ok(Start::Known(Known {
            proved,
            forgotten,
            untold,
            discarded: None,
            continues: true,
        }))
    }

    /// Reads once more how what is proved became equal: of each part, as far as `within` reaches.
    /// Shows each part to `see`.
    ///
    /// # Errors
    /// [`MoverError::Journal`].
    pub(crate) fn tally(
        &mut self,
        size: ByteCount,
        within: &RangeSet,
        see: impl FnMut(Mark, &RangeSet),
    ) -> Result<Tally, MoverError> {
        let counted = self.count(size, within, see);
        counted.map_err(|source| failure(&self.path, JournalStep::Load, source))
    }

    fn count(
        &mut self,
        size: ByteCount,
        within: &RangeSet,
        mut see: impl FnMut(Mark, &RangeSet),
    ) -> io::Result<Tally> {
        let end = self.file.stream_position()?;
        self.file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut reader = BufReader::new(&self.file);
        // The header, which was judged before.
        read_frame(&mut reader)?;
        let (mut copied, mut zeroed) = (ByteCount::ZERO, ByteCount::ZERO);
        while let Some((mark, ranges)) = read_frame(&mut reader)?
            .as_deref()
            .and_then(|payload| parse(payload, size))
        {
            let mut total = ByteCount::ZERO;
            for range in ranges {
                let part = within.within(range);
                total += part.total();
                see(mark, &part);
            }
            match mark {
                Mark::Equal | Mark::Untold => {}
                Mark::Copied => copied += total,
                Mark::Zeroed => zeroed += total,
            }
        }
        self.file.seek(SeekFrom::Start(end))?;
        // A range that is named twice is no more than it is.
        let copied = copied.min(within.total());
        let zeroed = zeroed.min(within.total().saturating_sub(copied));
        Ok(Tally { copied, zeroed })
    }
}

/// What an opened file turned out to be.
enum Start {
    /// Empty, or to be emptied.
    Fresh(Option<Discarded>),
    /// The journal of this transfer.
    Known(Known),
}

fn header_payload(header: &Header<'_>) -> Vec<u8> {
    let mut payload = vec![match header.proof {
        Proof::Cache => 0,
        Proof::Device => 1,
        Proof::Nothing => u8::MAX,
    }];
    payload.extend(header.size.0.to_le_bytes());
    payload.extend(header.block.bytes().to_le_bytes());
    payload.extend(header.task_key.as_bytes());
    payload
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(payload);
    bytes.extend(crc32c::crc32c(payload).to_le_bytes());
    bytes
}

/// The next payload; none at the end and at damage.
fn read_frame(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut word = [0; 4];
    if !fill(reader, &mut word)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(word);
    if length > LONGEST {
        return Ok(None);
    }
    let mut payload = vec![0; length as usize];
    if !fill(reader, &mut payload)? || !fill(reader, &mut word)? {
        return Ok(None);
    }
    let whole = u32::from_le_bytes(word) == crc32c::crc32c(&payload);
    Ok(whole.then_some(payload))
}

/// Fills the buffer; false when the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn parse(payload: &[u8], size: ByteCount) -> Option<(Mark, Vec<ByteRange>)> {
    let (code, rest) = payload.split_first()?;
    let mark = Mark::from_code(*code)?;
    let (pairs, odd) = rest.as_chunks::<16>();
    if !odd.is_empty() {
        return None;
    }
    let ranges = pairs
        .iter()
        .map(|pair| {
            let number = u128::from_le_bytes(*pair);
            let start = u64::try_from(number & u128::from(u64::MAX)).ok()?;
            let range = ByteRange::new(start, u64::try_from(number >> 64).ok()?);
            (range.end() <= size.0).then_some(range)
        })
        .collect::<Option<_>>()?;
    Some((mark, ranges))
}

fn failure(path: &Path, step: JournalStep, source: io::Error) -> MoverError {
    MoverError::Journal {
        step,
        path: path.to_owned(),
        source,
    }
}

/// What fuzzing needs of journals.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use super::{Header, MAGIC, frame, header_payload};
    use crate::fuzzing::next;

    /// A journal that begins as it should, with a fuzzer's bytes as frames with right checks.
    pub(crate) fn sealed(header: &Header<'_>, mut data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(frame(&header_payload(header)));
        while let Some((kind, payload)) = next(&mut data) {
            bytes.extend(frame(&[&[kind], payload].concat()));
        }
        bytes
    }
}
