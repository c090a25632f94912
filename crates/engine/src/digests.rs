//! The digests of disks between a dry run, phase 1 and the switchover: of production one store per
//! disk of what its newest layer holds, tied to the VM's write epoch; of the replica one per disk
//! and session of what it holds at the newest pass's point, tied to the epoch that point opened.
//!
//! The write epoch does not move with what Landfall itself does. A transfer keeps its disk's store
//! up to date; before anything else that changes what the newest layer holds, the stores of the VM
//! are removed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hypervisor::Platform;
use model::{DiskKey, EpochId, PowerState, SessionId, VmRef};
use mover::{Digests, Disbelieved, Note, Side, Stamp};

use crate::names::component;

/// Where digests of what the newest layer holds are, beside those of points.
const NEWEST: &str = "newest";

/// The digests of a disk's newest layer, as somebody reads it who holds the VM under a name, or with
/// nobody at all holding it; the folder is made. What was read before another took hold of it and is
/// to be kept only after that would not be what the VM holds by then.
///
/// # Errors
/// When the folder cannot be made.
pub(crate) fn of_newest(
    data_dir: &Path,
    platform: &Arc<dyn Platform>,
    vm: &VmRef,
    disk: &DiskKey,
    holder: Option<&str>,
) -> io::Result<Digests> {
    let folder = folder(data_dir, vm).join(component(disk.as_str()));
    std::fs::create_dir_all(&folder)?;
    Ok(Digests {
        path: folder.join(NEWEST),
        identity: format!("{}/{}/{disk}", vm.site, vm.platform_id),
        stamp: Arc::new(WriteEpoch {
            platform: Arc::clone(platform),
            vm: vm.clone(),
            holder: holder.map(str::to_owned),
        }),
        base: None,
    })
}

/// The digests of a replica's disk at the point that opened an epoch; the folder is made.
///
/// # Errors
/// When the folder cannot be made.
pub(crate) fn of_point(
    data_dir: &Path,
    vm: &VmRef,
    disk: &DiskKey,
    session: &SessionId,
    at: EpochId,
) -> io::Result<Digests> {
    let folder = folder(data_dir, vm).join(component(disk.as_str()));
    std::fs::create_dir_all(&folder)?;
    Ok(Digests {
        path: folder.join(component(session.as_str())),
        identity: format!("{}/{}/{disk} in {session}", vm.site, vm.platform_id),
        stamp: Arc::new(epoch(at)),
        base: None,
    })
}

/// Names the content of a replica's disks at the point that opened an epoch.
pub(crate) fn epoch(epoch: EpochId) -> String {
    format!("epoch {epoch}")
}

/// Removes what is kept of a VM, because its content changes or it is of no more use.
///
/// # Errors
/// When it cannot be removed: it would be believed.
pub(crate) fn remove(data_dir: &Path, vm: &VmRef) -> io::Result<()> {
    let folder = folder(data_dir, vm);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        done => done?,
    }
    // A power cut must not bring them back.
    match folder.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Whether a note is one that people should not miss, and not only how the work was done.
pub(crate) fn is_warning(note: &Note) -> bool {
    !matches!(
        note,
        Note::DigestsBelieved { .. }
            | Note::DigestsNotMade { .. }
            // Phase 1 again reads the replica at another point.
            | Note::DigestsDiscarded {
                side: Side::Source,
                why: Disbelieved::WrittenSince,
            }
    )
}

fn folder(data_dir: &Path, vm: &VmRef) -> PathBuf {
    data_dir
        .join("digests")
        .join(component(vm.site.as_str()))
        .join(component(&vm.platform_id))
}

/// A VM's write epoch, of a VM that is off and held by nobody else: one that runs writes on within
/// an epoch, and a session that holds it does, too.
#[derive(Debug)]
struct WriteEpoch {
    platform: Arc<dyn Platform>,
    vm: VmRef,
    holder: Option<String>,
}

impl Stamp for WriteEpoch {
    fn now(&self) -> io::Result<String> {
        // Read before the power state: a start in between is then seen in one of the two.
        let epoch = self
            .platform
            .write_epoch(&self.vm)
            .map_err(io::Error::other)?;
        let vm = self.platform.vm(&self.vm).map_err(io::Error::other)?;
        if vm.power != PowerState::Off {
            return Err(io::Error::other(format!(
                "{} runs, so its disks change while they are read: power it off and try again",
                vm.name
            )));
        }
        if vm.held_by != self.holder {
            return Err(io::Error::other(format!(
                "{} is held by {}, which may write to it",
                vm.name,
                vm.held_by.as_deref().unwrap_or("nobody")
            )));
        }
        Ok(format!("write epoch {epoch}"))
    }
}

#[cfg(test)]
mod tests {
    //! Names become folders of their own; what may change meanwhile is not kept.

    use std::sync::Arc;

    use hypervisor::{
        Platform,
        lab::{Lab, LabSettings, Scale},
    };
    use model::{DiskKey, SiteId, VmRef};

    use super::of_newest;
    use crate::names::component;

    #[test]
    fn what_was_read_before_another_took_hold_is_not_kept() {
        let data = tempfile::tempdir().unwrap();
        let lab = Lab::open(data.path(), LabSettings::default()).unwrap();
        lab.reset(Scale::Tiny).unwrap();
        let lab: Arc<dyn Platform> = Arc::new(lab);
        let vm = VmRef {
            site: SiteId::new("production"),
            platform_id: "tiny-a".to_owned(),
        };
        let kept = |holder: Option<&str>| {
            let disk = DiskKey::new("system");
            let digests = of_newest(data.path(), &lab, &vm, &disk, holder).unwrap();
            digests.stamp.now().map_err(|error| error.to_string())
        };
        let (dry_run, session) = (None, Some("session"));
        let stamp = kept(dry_run).unwrap();
        assert!(kept(session).is_err(), "it does not hold it yet");
        lab.hold(&vm, "session").unwrap();
        assert!(kept(dry_run).unwrap_err().contains("is held by session"));
        assert_eq!(
            kept(session).unwrap(),
            stamp,
            "what was kept before is believed"
        );
    }

    #[test]
    fn no_name_leads_out_of_its_folder_or_into_another() {
        assert_eq!(component("web-01"), "web-01");
        assert_eq!(component(".."), "%2e%2e");
        assert_eq!(component("a/b"), "a%2fb");
        assert_ne!(component("A"), component("a"));
        assert_ne!(component("%41"), component("A"));
    }
}
