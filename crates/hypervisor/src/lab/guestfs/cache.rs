//! A partition as a seekable stream, with a write-back cache of pages.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom, Write},
    rc::Rc,
    sync::Arc,
};

use disk::Disk;
use model::ByteRange;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4_096;
/// The same as a length in memory.
const PAGE_LEN: usize = 4_096;
/// Pages kept before they are written back: 8 MiB.
const LIMIT: usize = 2_048;
/// Runs of zero pages that cover this many bytes become holes.
const HOLE: u64 = 65_536;

static ZERO_PAGE: [u8; PAGE_LEN] = [0; PAGE_LEN];

/// A partition of a disk with its cached pages, by page number in the partition.
#[derive(Debug)]
pub(super) struct Partition {
    disk: Arc<dyn Disk>,
    start: u64,
    len: u64,
    pages: BTreeMap<u64, Page>,
}

struct Page {
    data: Box<[u8]>,
    dirty: bool,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("dirty", &self.dirty)
            .finish_non_exhaustive()
    }
}

impl Partition {
    /// The partition `start..start + len` of a disk.
    pub(super) fn new(disk: Arc<dyn Disk>, start: u64, len: u64) -> Self {
        Self {
            disk,
            start,
            len: len / PAGE * PAGE,
            pages: BTreeMap::new(),
        }
    }

    /// Writes back and makes durable. Pages stay dirty until the disk confirmed them.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.write_back()?;
        self.disk.flush().map_err(io::Error::other)?;
        for page in self.pages.values_mut() {
            page.dirty = false;
        }
        Ok(())
    }

    /// Writes runs of dirty pages in the order of the disk.
    fn write_back(&self) -> io::Result<()> {
        let mut run = Run::default();
        for (index, page) in self.pages.iter().filter(|(_, page)| page.dirty) {
            let zero = page.data[..] == ZERO_PAGE[..];
            if !run.takes(*index, zero) {
                self.write_run(&run)?;
                run = Run::default();
            }
            run.add(*index, &page.data, zero);
        }
        self.write_run(&run)
    }

    fn write_run(&self, run: &Run) -> io::Result<()> {
        if run.count == 0 {
            return Ok(());
        }
        let start = self.start + run.first * PAGE;
        let len = run.count * PAGE;
        if run.zero {
            self.write_zero_run(start, len)
        } else {
            self.write_data(start, &run.data)
        }
    }

    /// Holes where whole aligned stretches are zero, zeroes at their edges.
    fn write_zero_run(&self, start: u64, len: u64) -> io::Result<()> {
        let end = start + len;
        let first = start.next_multiple_of(HOLE).min(end);
        let last = (end / HOLE * HOLE).max(first);
        self.write_zero_data(start, first)?;
        if last > first {
            let range = ByteRange::new(first, last - first);
            self.disk.write_zeroes(range).map_err(io::Error::other)?;
        }
        self.write_zero_data(last, end)
    }

    fn write_zero_data(&self, start: u64, end: u64) -> io::Result<()> {
        (start..end)
            .step_by(PAGE_LEN)
            .try_for_each(|at| self.write_data(at, &ZERO_PAGE))
    }

    fn write_data(&self, at: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write_at(at, data).map_err(io::Error::other)
    }

    /// Makes room: everything dirty goes to the disk, and the cache starts anew.
    fn make_room(&mut self) -> io::Result<()> {
        if self.pages.len() < LIMIT {
            return Ok(());
        }
        self.write_back()?;
        self.pages.clear();
        Ok(())
    }

    /// The page `index`; `fresh` when all of it will be overwritten.
    fn page(&mut self, index: u64, fresh: bool) -> io::Result<&mut Page> {
        if !self.pages.contains_key(&index) {
            self.make_room()?;
            let mut data = vec![0; PAGE_LEN].into_boxed_slice();
            if !fresh {
                let at = self.start + index * PAGE;
                self.disk.read_at(at, &mut data).map_err(io::Error::other)?;
            }
            self.pages.insert(index, Page { data, dirty: false });
        }
        self.pages
            .get_mut(&index)
            .ok_or_else(|| io::Error::other("the page cache lost a page"))
    }

    /// How much of `wanted` bytes at `position` lies in one page: page, offset in it, length.
    fn piece(&self, position: u64, wanted: usize) -> (u64, usize, usize) {
        let left = usize::try_from(self.len.saturating_sub(position)).unwrap_or(usize::MAX);
        let offset = usize::try_from(position % PAGE).unwrap_or_default();
        (
            position / PAGE,
            offset,
            wanted.min(left).min(PAGE_LEN - offset),
        )
    }

    fn read(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (index, offset, len) = self.piece(position, buffer.len());
        if len > 0 {
            let page = self.page(index, false)?;
            buffer[..len].copy_from_slice(&page.data[offset..offset + len]);
        }
        Ok(len)
    }

    fn write(&mut self, position: u64, data: &[u8]) -> io::Result<usize> {
        let (index, offset, len) = self.piece(position, data.len());
        if len > 0 {
            let page = self.page(index, len == PAGE_LEN)?;
            page.data[offset..offset + len].copy_from_slice(&data[..len]);
            page.dirty = true;
        }
        Ok(len)
    }
}

/// Adjoining dirty pages, all zero or none.
#[derive(Default)]
struct Run {
    first: u64,
    count: u64,
    zero: bool,
    data: Vec<u8>,
}

impl Run {
    fn takes(&self, index: u64, zero: bool) -> bool {
        self.count == 0 || (self.first + self.count == index && self.zero == zero)
    }

    fn add(&mut self, index: u64, data: &[u8], zero: bool) {
        if self.count == 0 {
            (self.first, self.zero) = (index, zero);
        }
        self.count += 1;
        if !zero {
            self.data.extend_from_slice(data);
        }
    }
}

/// The stream that the file system works on. Its flush does nothing: the volume says when to sync.
#[derive(Debug)]
pub(super) struct SharedPartition {
    partition: Rc<RefCell<Partition>>,
    position: u64,
}

impl SharedPartition {
    /// A stream at the partition's beginning.
    pub(super) fn new(partition: Rc<RefCell<Partition>>) -> Self {
        Self {
            partition,
            position: 0,
        }
    }
}

impl Read for SharedPartition {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.partition.borrow_mut().read(self.position, buffer)?;
        self.position += len as u64;
        Ok(len)
    }
}

impl Write for SharedPartition {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut partition = self.partition.borrow_mut();
        let mut written = 0;
        while written < data.len() {
            let len = partition.write(self.position, &data[written..])?;
            if len == 0 {
                break;
            }
            written += len;
            self.position += len as u64;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SharedPartition {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let to = match position {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.partition.borrow().len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = to.ok_or_else(|| io::Error::other("seek before the partition's start"))?;
        Ok(self.position)
    }
}
