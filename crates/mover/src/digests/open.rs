//! Opening kept digests, and beginning new ones.

use std::{
    fs::{self, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::PathBuf,
};

use blockmap::{Node, Rows as _, TreeShape};

use super::{
    Digests, Disbelieved,
    error::{StoreError, StoreStep},
    file::{Kept, read_header},
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
        let failed = |step| move |source| failure(of, step, source);
        let mut temporary = of.path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
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
        kept.write_header(State::Open)?;
        disown(of)?;
        Ok(kept)
    }
}

/// Ends the belief in what is in the place of digests that are begun anew: the disk may be written
/// from now on, and nobody would say so there.
fn disown(of: &Digests) -> Result<(), StoreError> {
    let failed = |step| move |source| failure(of, step, source);
    let file = match OpenOptions::new().read(true).write(true).open(&of.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(StoreStep::Open)(error)),
    };
    let Ok(header) = read_header(&file).map_err(failed(StoreStep::Read))? else {
        return Ok(());
    };
    if matches!(header.state, State::Open) {
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
