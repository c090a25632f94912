//! Small files beside images, read and written whole.

use std::{
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::VmRef;

use super::{Images, there::There};
use crate::PlatformError;

/// Nothing for a file that is not there; one that may not be looked at is another matter.
const READ: &str = r#"
if words=$(ls -d -- "$1" 2>&1 > /dev/null); then printf x && base64 < "$1"; exit; fi
case $words in *'No such file'*) exit 0 ;; esac
printf '%s\n' "$words" >&2
exit 1
"#;
/// The old one or the new one, and never a part. It stays whose it is; folders may be entered by whom
/// libvirt makes the owner of what is in them, and one that was made for nothing goes again.
const WRITE: &str = r#"
folder=$(dirname -- "$1") new=$1.landfall-new made=
if [ ! -d "$folder" ]; then
    mkdir -p -m 711 -- "$(dirname -- "$folder")" && mkdir -m 711 -- "$folder" || exit 1
    made=$folder
fi
write() {
    (umask 077 && cat > "$new") || return 1
    if [ -e "$1" ]; then
        chown "$(stat -c %u:%g -- "$1")" "$new" && chmod "$(stat -c %a -- "$1")" "$new" || return 1
    fi
    { sync -- "$new" 2>/dev/null || sync; } && mv -- "$new" "$1" &&
        { sync -- "$folder" 2>/dev/null || sync; }
}
write "$1" && exit 0
rm -f -- "$new"
[ -z "$made" ] || rmdir -- "$made"
exit 1
"#;

impl Images {
    /// What a file holds; none where there is none.
    pub(in crate::libvirt) fn read_file(
        &self,
        vm: &VmRef,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, PlatformError> {
        let operation = || format!("read {}", path.display());
        let there = match self {
            Self::There(there) => there,
            Self::Here(_) => {
                return match fs::read(path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    read => read.map(Some).map_err(|source| PlatformError::Io {
                        operation: operation(),
                        source,
                    }),
                };
            }
        };
        let said = there.small(vm, &operation(), READ, path, &[])?;
        let Some(text) = said.strip_prefix('x') else {
            return Ok(None);
        };
        let text: String = text.split_whitespace().collect();
        let decoded = STANDARD.decode(text);
        decoded.map(Some).map_err(|error| PlatformError::Io {
            operation: operation(),
            source: io::Error::other(error),
        })
    }

    /// Makes a file hold this, durably. A new one is only this user's until libvirt gives it away.
    pub(in crate::libvirt) fn write_file(
        &self,
        vm: &VmRef,
        path: &Path,
        content: &[u8],
    ) -> Result<(), PlatformError> {
        let operation = || format!("write {}", path.display());
        match self {
            Self::There(there) => {
                let written = there.small(vm, &operation(), WRITE, path, content);
                written.map(drop)
            }
            Self::Here(_) => write_here(path, content).map_err(|source| PlatformError::Io {
                operation: operation(),
                source,
            }),
        }
    }
}

fn write_here(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = !folder.is_dir();
    if made {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o711).create(folder)?;
    }
    // Only this user's, and gone where it does not come to take its place.
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut new| {
        new.write_all(content)?;
        if let Ok(old) = fs::metadata(path) {
            std::os::unix::fs::chown(new.path(), Some(old.uid()), Some(old.gid()))?;
            new.as_file().set_permissions(old.permissions())?;
        }
        new.as_file().sync_all()?;
        new.persist(path)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() && made {
        // The cause is what is told.
        drop(fs::remove_dir(folder));
    }
    written
}

impl There {
    /// Runs a script on a file, with what it reads from its standard input.
    fn small(
        &self,
        vm: &VmRef,
        what: &str,
        script: &str,
        path: &Path,
        input: &[u8],
    ) -> Result<String, PlatformError> {
        let fed = || {
            let mut file = tempfile::tempfile()?;
            file.write_all(input)?;
            file.rewind()?;
            Ok(file)
        };
        let file = fed().map_err(|source| PlatformError::Io {
            operation: what.to_owned(),
            source,
        })?;
        let path = super::text(path);
        let said = self
            .ssh
            .feed(script, &[&path], file, super::there::PATIENCE);
        said.map_err(|error| self.failed(vm, what, error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use model::SiteId;

    use super::*;

    #[test]
    fn a_file_is_this_users_alone_and_stays_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::Here("qemu-img".into());
        let vm = VmRef {
            site: SiteId::new("s"),
            platform_id: "v".to_owned(),
        };
        let path = folder.path().join("u/tpm2/state");
        assert_eq!(images.read_file(&vm, &path).unwrap(), None);
        images.write_file(&vm, &path, b"12345").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("u")), 0o711);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        images.write_file(&vm, &path, &[0, 255]).unwrap();
        assert_eq!(images.read_file(&vm, &path).unwrap(), Some(vec![0, 255]));
        assert_eq!(mode(&path), 0o640);
        assert!(images.read_file(&vm, folder.path()).is_err());
        // What cannot take its place leaves nothing.
        let taken = folder.path().join("taken/state");
        fs::create_dir_all(taken.join("full")).unwrap();
        images.write_file(&vm, &taken, b"1").unwrap_err();
        assert_eq!(
            fs::read_dir(folder.path().join("taken")).unwrap().count(),
            1
        );
    }
}
