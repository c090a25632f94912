//! The file: a header, a checksum per row, and the rows of the tree level by level, leaves first.
//!
//! Rows of zeroes are holes in the file, and so are their checksums. Nothing is resident but a bit
//! per leaf row for what changed and one row per level. What a clean file says is checked row by
//! row against the row above and so against the root in its header, whatever became of it.
//!
//! A new file is written beside its place and renamed into it when it is whole. A kept one is
//! marked open, durably, before the disk is written, and clean only once disk and file are durable.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use blockmap::{FAN_OUT, Node, RowAt, Rows, TreeShape, parent, raise};

use super::{
    Blake3, Digests, Disbelieved,
    error::{StoreError, StoreStep},
    header::{HEADER, Header, State},
    open::lock,
    tree::{Changed, Layout, ROW},
};

/// Kept digests, believed or being made.
#[derive(Debug)]
pub(crate) struct Kept {
    of: Digests,
    shape: TreeShape,
    layout: Layout,
    file: File,
    /// Of believed ones, as of the opening.
    root: Option<Node>,
    /// Of the disk, as of the opening.
    stamp: String,
    /// This run writes the disk.
    written: AtomicBool,
    /// Where a new file is until it is whole.
    pub(super) temporary: Option<PathBuf>,
    /// A new file that does not become whole stays for a later try.
    pub(super) resumable: bool,
    /// What is not put is carried over.
    pub(super) carried: bool,
    /// Nodes above the leaves may be those of other leaves.
    pub(super) uneven: bool,
    /// What the header says until this run says otherwise.
    pub(super) base: String,
    /// Which task this is.
    pub(super) by: String,
    /// More was written than the base accounts for.
    baseless: AtomicBool,
    changes: RwLock<Changes>,
    /// Of believed ones, the last row checked on each level.
    checked: Mutex<Vec<Option<Checked>>>,
}

/// The number of a row, and its nodes.
type Checked = (u64, Vec<Node>);

#[derive(Debug)]
struct Changes {
    /// The file says that it is not to be believed.
    open: bool,
    leaf_rows: Changed,
}

impl Kept {
    pub(super) fn new(
        of: &Digests,
        shape: TreeShape,
        file: File,
        root: Option<Node>,
        stamp: String,
    ) -> Self {
        Self {
            of: of.clone(),
            shape,
            layout: Layout::of(shape),
            file,
            root,
            stamp,
            written: AtomicBool::new(false),
            temporary: None,
            resumable: false,
            carried: false,
            uneven: false,
            base: String::new(),
            by: String::new(),
            baseless: AtomicBool::new(false),
            changes: RwLock::new(Changes {
                open: root.is_none(),
                leaf_rows: Changed::new(shape.rows(0)),
            }),
            checked: Mutex::new(vec![None; shape.levels() as usize]),
        }
    }

    /// Whether they say what the disk holds, and not only what it will.
    pub(crate) fn is_believed(&self) -> bool {
        self.root.is_some()
    }

    /// Whether leaves that are not put are those of an earlier time.
    pub(crate) fn is_carried(&self) -> bool {
        self.carried
    }

    /// Says, durably where the file says otherwise, that more changes than the base accounts for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn forget_base(&self) -> Result<(), StoreError> {
        self.baseless.store(true, Ordering::SeqCst);
        let changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        if changes.open {
            self.write_header(State::Open)?;
        }
        Ok(())
    }

    /// Makes what was put durable, so that a later try may carry it over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn save_put(&self) -> Result<(), StoreError> {
        if self.is_changed() {
            self.sync()?;
        }
        Ok(())
    }

    /// Whether sealing would say something new.
    pub(crate) fn is_changed(&self) -> bool {
        self.read_changes().open
    }

    /// Of believed digests, the root as of the opening.
    pub(crate) fn root(&self) -> Option<Node> {
        self.root
    }

    pub(crate) fn shape(&self) -> TreeShape {
        self.shape
    }

    /// Consecutive leaves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn leaves(&self, first: u64, count: u64) -> Result<Vec<Node>, StoreError> {
        let mut leaves = Vec::new();
        let end = first.saturating_add(count).min(self.shape.count(0));
        let mut at = first;
        while at < end {
            let row = at / FAN_OUT;
            let nodes = self.row(RowAt { level: 0, row })?;
            let until = end.min((row + 1) * FAN_OUT);
            let (from, to) = (slot(at), slot(until - 1));
            leaves.extend(nodes.get(from..=to).unwrap_or_default());
            at = until;
        }
        Ok(leaves)
    }

    /// Whether a row of leaves that this run did not change is known to be of zeroes, at the price
    /// of no read for most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn is_zero_row(&self, row: u64) -> Result<bool, StoreError> {
        let at = RowAt { level: 0, row };
        match self.above(at)? {
            Some(above) => Ok(above == Node::ZERO),
            None => Ok(self.row(at)?.iter().all(|leaf| *leaf == Node::ZERO)),
        }
    }

    /// Says, durably, that the file is not to be believed: before the disk is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn begin_changes(&self) -> Result<(), StoreError> {
        self.written.store(true, Ordering::SeqCst);
        self.open_file()
    }

    fn open_file(&self) -> Result<(), StoreError> {
        if self.read_changes().open {
            return Ok(());
        }
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        if changes.open {
            return Ok(());
        }
        let before = read_header(&self.file).map_err(self.failed(StoreStep::Read))?;
        lock(&self.of, self.file.try_lock())?;
        // Locks are not exchanged in one step.
        let after = read_header(&self.file).map_err(self.failed(StoreStep::Read))?;
        if before != after {
            let path = self.of.path.clone();
            return Err(StoreError::InUse { path });
        }
        self.write_header(State::Open)?;
        changes.open = true;
        Ok(())
    }

    /// Puts leaves in their places.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn put(&self, leaves: &[(u64, Node)]) -> Result<(), StoreError> {
        if leaves.is_empty() {
            return Ok(());
        }
        self.open_file()?;
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        for part in leaves.chunk_by(|a, b| a.0 / FAN_OUT == b.0 / FAN_OUT) {
            let row = part.first().map_or(0, |(index, _)| index / FAN_OUT);
            if self.set(RowAt { level: 0, row }, part)? {
                changes.leaf_rows.mark(row);
            }
        }
        Ok(())
    }

    /// Brings the tree up to date and says that it may be believed, with the disk's stamp of now:
    /// the disk must be durable. Returns the root.
    ///
    /// # Errors
    /// [`StoreError`]; the digests are then not believed the next time.
    pub(crate) fn seal(&mut self) -> Result<Node, StoreError> {
        let changes = self
            .changes
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let (false, Some(root)) = (changes.open, self.root) {
            return Ok(root);
        }
        let mut changed = std::mem::replace(&mut changes.leaf_rows, Changed::new(0));
        if self.uneven {
            changed = Changed::all(self.shape.rows(0));
        }
        let raw = Raw(self);
        let root = raise::<Blake3, _>(self.shape, &raw, changed.iter(), |at, nodes| {
            self.set(at, nodes).map(|_| ())
        })?;
        self.sync()?;
        let generation = self.of.stamp.now();
        let generation = generation.map_err(self.failed(StoreStep::Stamp))?;
        let own = self.written.load(Ordering::SeqCst) && self.of.stamp.moves_with_own_writes();
        if generation != self.stamp && !own {
            let path = self.of.path.clone();
            return Err(StoreError::NotAlone { path });
        }
        let clean = State::Clean {
            generation: generation.clone(),
            root,
        };
        self.write_header(clean)?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.of.path).map_err(self.failed(StoreStep::Save))?;
            self.temporary = None;
            let folder = folder_of(&self.of.path);
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(self.failed(StoreStep::Save))?;
        }
        self.root = Some(root);
        self.stamp = generation;
        (self.carried, self.uneven) = (false, false);
        let shape = self.shape;
        let changes = self
            .changes
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        *changes = Changes {
            open: false,
            leaf_rows: Changed::new(shape.rows(0)),
        };
        let checked = self.checked.get_mut();
        checked.unwrap_or_else(PoisonError::into_inner).fill(None);
        Ok(root)
    }

    /// Says that they are not to be believed the next time.
    pub(crate) fn distrust(&self) {
        if let Err(error) = self.open_file() {
            tracing::warn!(path = %self.of.path.display(), %error, "wrong digests stay behind");
        }
    }

    /// Lets the disk have another stamp from now on.
    #[cfg(test)]
    pub(crate) fn restamp(&mut self, of: &Digests) {
        self.of.stamp = of.stamp.clone();
        self.stamp = self.of.stamp.now().unwrap();
    }

    pub(crate) fn top(&self) -> RowAt {
        let level = self.shape.levels() - 1;
        RowAt { level, row: 0 }
    }

    /// Sets nodes of one row; whether that changed it.
    fn set(&self, at: RowAt, nodes: &[(u64, Node)]) -> Result<bool, StoreError> {
        let mut row = self.read_row(at)?;
        let before = row.clone();
        for (index, node) in nodes {
            let place = row.get_mut(slot(*index));
            *place.expect("leaves are of this disk") = *node;
        }
        // A new file's holes are rows of zeroes.
        if row == before {
            return Ok(false);
        }
        let mut page: Vec<u8> = row.iter().flat_map(|node| node.0).collect();
        page.resize(ROW, 0);
        let sum = self.layout.sum(&page).to_le_bytes();
        let written = self
            .file
            .write_all_at(&page, self.layout.row(at))
            .and_then(|()| self.file.write_all_at(&sum, self.layout.sum_of(at)));
        written.map_err(self.failed(StoreStep::Write))?;
        Ok(true)
    }

    /// A row as its checksum confirms it.
    fn read_row(&self, at: RowAt) -> Result<Vec<Node>, StoreError> {
        let (mut page, mut sum) = (vec![0; ROW], [0; 4]);
        let read = self
            .file
            .read_exact_at(&mut page, self.layout.row(at))
            .and_then(|()| self.file.read_exact_at(&mut sum, self.layout.sum_of(at)));
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damaged());
            }
            Err(error) => return Err(self.failed(StoreStep::Read)(error)),
        }
        if self.layout.sum(&page) != u32::from_le_bytes(sum) {
            return Err(self.damaged());
        }
        let (nodes, _) = page.as_chunks::<32>();
        let nodes = nodes.iter().take(self.shape.row_nodes(at));
        Ok(nodes.map(|node| Node(*node)).collect())
    }

    /// The node above a row that did not change, checked up to the root; none for the last.
    fn above(&self, at: RowAt) -> Result<Option<Node>, StoreError> {
        if at == self.top() {
            return Ok(None);
        }
        let (level, row) = (at.level + 1, at.row / FAN_OUT);
        let index = level as usize;
        {
            let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Some((known, nodes))) = checked.get(index)
                && *known == row
            {
                return Ok(nodes.get(slot(at.row)).copied());
            }
        }
        let nodes = self.checked_row(RowAt { level, row })?;
        let node = nodes.get(slot(at.row)).copied();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = checked.get_mut(index) {
            *place = Some((row, nodes));
        }
        Ok(node)
    }

    fn checked_row(&self, at: RowAt) -> Result<Vec<Node>, StoreError> {
        let above = self.above(at)?;
        if above == Some(Node::ZERO) {
            return Ok(vec![Node::ZERO; self.shape.row_nodes(at)]);
        }
        let nodes = self.read_row(at)?;
        let right = match above {
            Some(above) => parent::<Blake3>(&nodes) == above,
            None => {
                let top = nodes.first().copied().unwrap_or(Node::ZERO);
                self.root == Some(self.shape.root::<Blake3>(top))
            }
        };
        if right {
            Ok(nodes)
        } else {
            Err(self.damaged())
        }
    }

    pub(super) fn write_header(&self, state: State) -> Result<(), StoreError> {
        let header = Header {
            shape: self.shape,
            identity: self.of.identity.clone(),
            base: match self.baseless.load(Ordering::SeqCst) {
                true => String::new(),
                false => self.base.clone(),
            },
            by: self.by.clone(),
            state,
        };
        let path = || self.of.path.clone();
        let page = header
            .page()
            .ok_or_else(|| StoreError::TooLong { path: path() })?;
        let written = self.file.write_all_at(&page, 0);
        written.map_err(self.failed(StoreStep::Write))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(self.failed(StoreStep::Save))
    }

    fn read_changes(&self) -> std::sync::RwLockReadGuard<'_, Changes> {
        self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, step: StoreStep) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.of.path.clone();
        move |source| StoreError::Io { step, path, source }
    }

    fn damaged(&self) -> StoreError {
        let path = self.of.path.clone();
        StoreError::Damaged { path }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Some(temporary), false) = (&self.temporary, self.resumable) {
            // What never became whole is of no use.
            drop(fs::remove_file(temporary));
        }
    }
}

/// Believed rows are checked up to the root, unless this run changed them.
impl Rows for Kept {
    type Error = StoreError;

    fn row(&self, at: RowAt) -> Result<Vec<Node>, StoreError> {
        // Held while reading, so that no row is seen half written.
        let changes = self.read_changes();
        let changed = at.level == 0 && changes.leaf_rows.is_marked(at.row);
        if changed || !self.is_believed() {
            self.read_row(at)
        } else {
            self.checked_row(at)
        }
    }
}

/// Rows as they are while the tree is brought up to date.
struct Raw<'a>(&'a Kept);

impl Rows for Raw<'_> {
    type Error = StoreError;

    fn row(&self, at: RowAt) -> Result<Vec<Node>, StoreError> {
        self.0.read_row(at)
    }
}

pub(super) fn read_header(file: &File) -> io::Result<Result<Header, Disbelieved>> {
    let mut page = vec![0; HEADER];
    match file.read_exact_at(&mut page, 0) {
        Ok(()) => Ok(Header::parse(&page)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(Err(Disbelieved::NotDigests))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The place of a node in its row.
fn slot(index: u64) -> usize {
    usize::try_from(index % FAN_OUT).expect("a row has 256 nodes at most")
}
