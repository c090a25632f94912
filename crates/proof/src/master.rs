//! The master key: 32 random bytes in a file that only its owner reads. It seals the signing key.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use model::Hex;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{SignError, sign::random};

/// What sealed things are: 12 bytes of nonce, the secret of 32 bytes, and a tag of 16.
pub(crate) const SEALED: usize = 12 + 32 + 16;

/// The key that seals others.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A master key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// There is none, and something was sealed by it.
    #[error(
        "the master key {} is missing, and the signing key is sealed by it: put it back from \
         your backup, or name it with --master-key-file. If it is lost, `landfall certificate \
         rotate` makes a new pair of keys; certificates of before stay valid",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others may read it.
    #[error(
        "others may read the master key {} (its mode is {mode:03o}): run `chmod 600` on it, and \
         rotate the signing key if somebody may have read it",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} is not a master key: it holds something else than 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// It is the key of another data directory.
    #[error(
        "the master key {} is not the one that sealed the signing key: name the right one with \
         --master-key-file",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("read the master key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be made.
    #[error("make the master key {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("make the master key")]
    Random(#[source] SignError),
}

impl MasterKey {
    /// Reads the key of a file; none when there is no such file.
    ///
    /// # Errors
    /// [`MasterKeyError::Open`], [`MasterKeyError::Malformed`], [`MasterKeyError::Read`].
    pub fn read(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let failed = |source| MasterKeyError::Read {
            path: path.to_owned(),
            source,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(MasterKeyError::Open { path, mode });
        }
        let mut text = Zeroizing::new(String::new());
        // A master key is short, whatever else may be there.
        match file.take(128).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
            Err(error) => return Err(failed(error)),
        }
        let mut key: Hex<32> = text.trim_end().parse().map_err(|_| {
            let path = path.to_owned();
            MasterKeyError::Malformed { path }
        })?;
        let read = Self(Zeroizing::new(key.0));
        key.0.zeroize();
        Ok(Some(read))
    }

    /// Makes a new key in a file that must not exist, which only its owner may read.
    ///
    /// # Errors
    /// [`MasterKeyError::Make`], [`MasterKeyError::Random`].
    pub fn make(path: &Path) -> Result<Self, MasterKeyError> {
        let mut key = Zeroizing::new([0; 32]);
        random(&mut *key).map_err(MasterKeyError::Random)?;
        let text = Zeroizing::new(format!("{}\n", Hex(*key)));
        save(path, text.as_bytes()).map_err(|source| MasterKeyError::Make {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(key))
    }

    /// Seals a secret; `label` says what it is, and opens it again.
    pub(crate) fn seal(&self, secret: &[u8; 32], label: &[u8]) -> Result<Hex<SEALED>, SignError> {
        let mut nonce = [0; 12];
        random(&mut nonce)?;
        let mut text = Zeroizing::new(secret.to_vec());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(nonce_used, Aad::from(label), &mut text)
            .map_err(|_| SignError::Seed)?;
        let mut sealed = [0; SEALED];
        let parts = nonce.iter().chain(text.iter()).chain(tag.as_ref());
        for (to, from) in sealed.iter_mut().zip(parts) {
            *to = *from;
        }
        Ok(Hex(sealed))
    }

    /// Opens what was sealed under a label; none when another key did, or it was changed.
    pub(crate) fn open(&self, sealed: &Hex<SEALED>, label: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let (nonce, rest) = sealed.0.split_first_chunk::<12>()?;
        let mut text = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .cipher()
            .open_in_place(nonce, Aad::from(label), &mut text);
        let secret: &[u8] = opened.ok()?;
        let mut seed = Zeroizing::new([0; 32]);
        if secret.len() != seed.len() {
            return None;
        }
        seed.copy_from_slice(secret);
        Some(seed)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.0);
        LessSafeKey::new(key.expect("the key is as long as the cipher's"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Writes a new file that only its owner may read, durably, and never a part of it.
pub(crate) fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text)?;
            file.sync_all()
        })
        // Unlike a rename, this never replaces what somebody else put there.
        .and_then(|()| fs::hard_link(&beside, path));
    drop(fs::remove_file(&beside));
    written?;
    sync_folder(path)
}

pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
