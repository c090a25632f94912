//! Remembers of which inputs a result was made, so that no second run repeats it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// A file beside a result that holds the fingerprint of its inputs.
#[derive(Debug)]
pub(crate) struct Stamp {
    path: PathBuf,
    fingerprint: String,
}

impl Stamp {
    /// The stamp at `path` for these inputs. Nothing is written yet.
    pub(crate) fn new(path: PathBuf, inputs: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        inputs.hash(&mut hasher);
        Self {
            path,
            fingerprint: format!("{:016x}\n", hasher.finish()),
        }
    }

    /// Whether the result was made of exactly these inputs.
    pub(crate) fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|stored| stored == self.fingerprint)
    }

    /// Says that it is now.
    pub(crate) fn write(&self) -> Result<()> {
        write(&self.path, self.fingerprint.as_bytes())
    }
}

/// Writes a file and makes the folders above it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}
