//! The signing keys of a data directory, in one file: the one that signs, sealed by the master
//! key, and the public halves of those before it.
//!
//! The file is read anew each time a key is asked for, so that a rotation from the command line
//! holds for a console that runs.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use model::{DigestHex, Hex, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Fingerprint, MasterKey, MasterKeyError, PublicKey, SignError, SigningKey,
    master::{SEALED, save, sync_folder},
};

const FORMAT: &str = "landfall signing keys 1";
/// What the secret of a signing key is sealed as, followed by its public half.
const LABEL: &[u8] = b"landfall signing key 1\0";

/// Where a data directory's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStore {
    keys: PathBuf,
    master: PathBuf,
}

/// A key that signed, or signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its public half.
    pub key: PublicKey,
    /// When it was made.
    pub made_at: Timestamp,
    /// When another took its place; none of the one that signs.
    pub retired_at: Option<Timestamp>,
}

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The master key.
    #[error(transparent)]
    Master(#[from] MasterKeyError),
    /// There are no keys yet.
    #[error("there is no {} yet: keys are made when the console starts first", path.display())]
    NoKeys {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("read the signing keys {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold signing keys that this version knows", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file is damaged.
    #[error("the signing keys {} are damaged: put the file back from your backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("save the signing keys {}", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A key cannot be made.
    #[error("make a signing key")]
    Make(#[from] SignError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysRecord {
    format: String,
    keys: Vec<KeyRecord>,
}

/// Of a key that signs no more, the secret is gone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    public_key: DigestHex,
    made_at: Timestamp,
    retired_at: Option<Timestamp>,
    sealed: Option<Hex<SEALED>>,
}

impl KeyStore {
    /// The keys of a data directory; the master key lies in it unless it is elsewhere.
    #[must_use]
    pub fn of(data_dir: &Path, master: Option<&Path>) -> Self {
        Self {
            keys: data_dir.join("signing-keys.json"),
            master: master.map_or_else(|| data_dir.join("master.key"), Path::to_owned),
        }
    }

    /// Makes what is missing at the first start, and proves that the key can be used.
    ///
    /// # Errors
    /// [`KeyFileError`], also when keys are there without their master key.
    pub fn prepare(&self, now: Timestamp) -> Result<Fingerprint, KeyFileError> {
        if self.read()?.is_none() {
            let master = self.master_or_new()?;
            let (_, record) = new_key(&master, now)?;
            let text = self.spell(&[record])?;
            // Another process may have been first: its keys count.
            match save(&self.keys, text.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                saved => saved.map_err(|source| self.not_saved(source))?,
            }
        }
        Ok(self.signer()?.public().fingerprint())
    }

    /// The key that signs.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn signer(&self) -> Result<SigningKey, KeyFileError> {
        let records = self.read()?.ok_or_else(|| self.no_keys())?;
        let current = records.iter().find(|key| key.retired_at.is_none());
        let current = current.ok_or_else(|| self.damaged())?;
        let sealed = current.sealed.as_ref().ok_or_else(|| self.damaged())?;
        let missing = || MasterKeyError::Missing {
            path: self.master.clone(),
        };
        let master = MasterKey::read(&self.master)?.ok_or_else(missing)?;
        let seed = master.open(sealed, &label(current.public_key));
        let seed = seed.ok_or_else(|| MasterKeyError::Foreign {
            path: self.master.clone(),
        })?;
        let key = SigningKey::from_seed(seed)?;
        if key.public().0 == current.public_key {
            Ok(key)
        } else {
            Err(self.damaged())
        }
    }

    /// Every key that signed, oldest first.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn known(&self) -> Result<Vec<KnownKey>, KeyFileError> {
        let records = self.read()?.ok_or_else(|| self.no_keys())?;
        let known = records.iter().map(|record| KnownKey {
            key: PublicKey(record.public_key),
            made_at: record.made_at,
            retired_at: record.retired_at,
        });
        Ok(known.collect())
    }

    /// Lets a new key sign from now on. The old one's secret goes; what it signed stays valid. A
    /// master key that is lost is made anew: nothing else is sealed by it.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn rotate(&self, now: Timestamp) -> Result<PublicKey, KeyFileError> {
        let mut records = self.read()?.ok_or_else(|| self.no_keys())?;
        let master = self.master_or_new()?;
        for record in &mut records {
            record.retired_at.get_or_insert(now);
            record.sealed = None;
        }
        let (public, record) = new_key(&master, now)?;
        records.push(record);
        self.replace(&self.spell(&records)?)
            .map_err(|source| self.not_saved(source))?;
        Ok(public)
    }

    fn master_or_new(&self) -> Result<MasterKey, MasterKeyError> {
        match MasterKey::read(&self.master)? {
            Some(key) => Ok(key),
            None => MasterKey::make(&self.master),
        }
    }

    fn read(&self) -> Result<Option<Vec<KeyRecord>>, KeyFileError> {
        let path = || self.keys.clone();
        let text = match fs::read(&self.keys) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = path();
                return Err(KeyFileError::Read { path, source });
            }
        };
        let parsed: KeysRecord = serde_json::from_slice(&text).map_err(|source| {
            let path = path();
            KeyFileError::Parse { path, source }
        })?;
        if parsed.format == FORMAT {
            Ok(Some(parsed.keys))
        } else {
            Err(self.damaged())
        }
    }

    fn spell(&self, keys: &[KeyRecord]) -> Result<String, KeyFileError> {
        let spelled = serde_json::json!({ "format": FORMAT, "keys": keys });
        serde_json::to_string_pretty(&spelled).map_err(|source| KeyFileError::Parse {
            path: self.keys.clone(),
            source,
        })
    }

    /// Puts a text in the file's place, whole.
    fn replace(&self, text: &str) -> io::Result<()> {
        let mut beside = self.keys.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                io::Write::write_all(&mut file, text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&beside, &self.keys));
        if let Err(error) = written {
            drop(fs::remove_file(&beside));
            return Err(error);
        }
        sync_folder(&self.keys)
    }

    fn no_keys(&self) -> KeyFileError {
        let path = self.keys.clone();
        KeyFileError::NoKeys { path }
    }

    fn damaged(&self) -> KeyFileError {
        let path = self.keys.clone();
        KeyFileError::Damaged { path }
    }

    fn not_saved(&self, source: io::Error) -> KeyFileError {
        let path = self.keys.clone();
        KeyFileError::Save { path, source }
    }
}

fn new_key(master: &MasterKey, made_at: Timestamp) -> Result<(PublicKey, KeyRecord), SignError> {
    let key = SigningKey::generate()?;
    let public = key.public();
    let sealed = master.seal(key.seed(), &label(public.0))?;
    let record = KeyRecord {
        public_key: public.0,
        made_at,
        retired_at: None,
        sealed: Some(sealed),
    };
    Ok((public, record))
}

fn label(public: DigestHex) -> Vec<u8> {
    [LABEL, &public.0].concat()
}
