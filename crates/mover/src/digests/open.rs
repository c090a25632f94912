//! Opening kept digests, and beginning new ones.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use blockmap::{Node, Rows as _, TreeShape};

use super::{
    Digests, Disbelieved,
    error::{StoreError, StoreStep},
    file::{Kept, folder_of, read_header},
    header::{Header, State},
    tree::Layout,
};

/// What became of opening kept digests.
#[derive(Debug)]
pub(crate) enum Opened {
    /// They may be believed.
    Believed(Box<Kept>),
    /// There are none to be believed; why, if there were some.
    Not(Option<Disbelieved>),
}

impl Kept {
    /// Opens what is kept of a disk, if it may be believed.
    ///
    /// # Errors
    /// [`StoreError`], also when another run changes it.
    pub(crate) fn open(of: &Digests, shape: TreeShape) -> Result<Opened, StoreError> {
        let failed = |step| move |source| failure(of, step, source);
        let opened = OpenOptions::new().read(true).write(true).open(&of.path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Not(None)),
            Err(error) => return Err(failed(StoreStep::Open)(error)),
        };
        lock(of, file.try_lock_shared())?;
        let layout = Layout::of(shape);
        let length = file.metadata().map_err(failed(StoreStep::Read))?.len();
        let header = match read_header(&file).map_err(failed(StoreStep::Read))? {
            Ok(header) => header,
            Err(why) => return Ok(Opened::Not(Some(why))),
        };
        let now = of.stamp.now().map_err(failed(StoreStep::Stamp))?;
        let root = match believe(&header, of, shape, &now) {
            Ok(root) if length == layout.length => root,
            Ok(_) => return Ok(Opened::Not(Some(Disbelieved::Damaged))),
            Err(why) => return Ok(Opened::Not(Some(why))),
        };
        let kept = Self::new(of, shape, file, Some(root), now);
        Ok(match kept.row(kept.top()) {
            Ok(_) => Opened::Believed(Box::new(kept)),
            Err(StoreError::Damaged { .. }) => Opened::Not(Some(Disbelieved::Damaged)),
            Err(error) => return Err(error),
        })
    }

    /// Begins new digests, of a disk of zeroes until leaves are put.
    ///
    /// # Errors
    /// [`StoreError`], also when another run makes them now.
    pub(crate) fn begin(of: &Digests, shape: TreeShape) -> Result<Self, StoreError> {
        Self::begin_from(of, shape, "", "")
    }

    /// As [`Kept::begin`]; with a base, a later try may carry over what was put.
    ///
    /// # Errors
    /// As [`Kept::begin`].
    pub(super) fn begin_from(
        of: &Digests,
        shape: TreeShape,
        base: &str,
        by: &str,
    ) -> Result<Self, StoreError> {
        let failed = |step| move |source| failure(of, step, source);
        let temporary = temporary(of);
        let file = loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&temporary)
                .map_err(failed(StoreStep::Open))?;
            lock(of, file.try_lock())?;
            // Whoever had it may have put it in its place meanwhile.
            let ours = file.metadata().map_err(failed(StoreStep::Open))?;
            let is_there = fs::metadata(&temporary)
                .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
            if is_there {
                break file;
            }
        };
        let emptied = file.set_len(0);
        let sized = emptied.and_then(|()| file.set_len(Layout::of(shape).length));
        sized.map_err(failed(StoreStep::Write))?;
        let now = of.stamp.now().map_err(failed(StoreStep::Stamp))?;
        let mut kept = Self::new(of, shape, file, None, now);
        kept.temporary = Some(temporary);
        base.clone_into(&mut kept.base);
        by.clone_into(&mut kept.by);
        kept.resumable = !base.is_empty();
        kept.write_header(State::Open)?;
        if kept.resumable {
            let synced = File::open(folder_of(&of.path)).and_then(|folder| folder.sync_all());
            synced.map_err(failed(StoreStep::Save))?;
        }
        disown(of)?;
        Ok(kept)
    }

    /// Opens what is kept of the content that `base` names, or what an earlier try of a task with
    /// this base had put, so that every block written since can be put; none where there is none.
    ///
    /// # Errors
    /// [`StoreError`], also when another run has it open.
    pub(super) fn carry(
        of: &Digests,
        shape: TreeShape,
        base: &str,
        by: &str,
    ) -> Result<Option<Self>, StoreError> {
        for (path, is_new) in [(temporary(of), true), (of.path.clone(), false)] {
            if let Some(mut kept) = Self::carry_file(of, &path, shape, (base, by))? {
                kept.temporary = is_new.then_some(path);
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    fn carry_file(
        of: &Digests,
        path: &Path,
        shape: TreeShape,
        (base, by): (&str, &str),
    ) -> Result<Option<Self>, StoreError> {
        let failed = |step| move |source| failure(of, step, source);
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(StoreStep::Open)(error)),
        };
        lock(of, file.try_lock())?;
        let length = file.metadata().map_err(failed(StoreStep::Read))?.len();
        let Ok(header) = read_header(&file).map_err(failed(StoreStep::Read))? else {
            return Ok(None);
        };
        let clean = match &header.state {
            State::Open => false,
            State::Clean { generation, .. } => {
                if generation != base && header.base != base {
                    return Ok(None);
                }
                true
            }
        };
        let is_ours = header.identity == of.identity
            && header.shape == shape
            && length == Layout::of(shape).length
            && (clean || header.base == base);
        if !is_ours {
            return Ok(None);
        }
        let now = of.stamp.now().map_err(failed(StoreStep::Stamp))?;
        let mut kept = Self::new(of, shape, file, None, now);
        base.clone_into(&mut kept.base);
        by.clone_into(&mut kept.by);
        kept.resumable = true;
        kept.carried = true;
        kept.uneven = !clean;
        kept.write_header(State::Open)?;
        Ok(Some(kept))
    }
}

/// Where new digests are until they are whole.
fn temporary(of: &Digests) -> PathBuf {
    let mut temporary = of.path.clone().into_os_string();
    temporary.push(".new");
    PathBuf::from(temporary)
}

/// Ends the belief in what is in the place of digests that are begun anew: the disk may be written
/// from now on, and nobody would say so there.
fn disown(of: &Digests) -> Result<(), StoreError> {
    disown_when(of, |_| true)
}

/// Ends the belief in what is kept where the header is as wanted.
pub(super) fn disown_when(of: &Digests, want: impl Fn(&Header) -> bool) -> Result<(), StoreError> {
    let failed = |step| move |source| failure(of, step, source);
    let file = match OpenOptions::new().read(true).write(true).open(&of.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(StoreStep::Open)(error)),
    };
    let Ok(header) = read_header(&file).map_err(failed(StoreStep::Read))? else {
        return Ok(());
    };
    if matches!(header.state, State::Open) || !want(&header) {
        return Ok(());
    }
    lock(of, file.try_lock())?;
    let open = Header {
        state: State::Open,
        ..header
    };
    let path = of.path.clone();
    let page = open.page().ok_or(StoreError::TooLong { path })?;
    file.write_all_at(&page, 0)
        .and_then(|()| file.sync_all())
        .map_err(failed(StoreStep::Write))
}

/// The root of digests that may be believed.
fn believe(
    header: &Header,
    of: &Digests,
    shape: TreeShape,
    now: &str,
) -> Result<Node, Disbelieved> {
    if header.identity != of.identity {
        return Err(Disbelieved::OtherDisk);
    }
    if header.shape.size != shape.size {
        return Err(Disbelieved::OtherSize);
    }
    if header.shape.block != shape.block {
        return Err(Disbelieved::OtherBlockSize);
    }
    match &header.state {
        State::Open => Err(Disbelieved::NotFinished),
        State::Clean { generation, .. } if generation != now => Err(Disbelieved::WrittenSince),
        State::Clean { root, .. } => Ok(*root),
    }
}

pub(super) fn lock(of: &Digests, locked: Result<(), TryLockError>) -> Result<(), StoreError> {
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let path = of.path.clone();
            Err(StoreError::InUse { path })
        }
        Err(TryLockError::Error(source)) => Err(failure(of, StoreStep::Open, source)),
    }
}

pub(super) fn failure(of: &Digests, step: StoreStep, source: io::Error) -> StoreError {
    let path = of.path.clone();
    StoreError::Io { step, path, source }
}
