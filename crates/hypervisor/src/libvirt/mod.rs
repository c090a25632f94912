//! QEMU hosts under libvirt as a platform.
//!
//! - `uri` checks an address, `virsh` calls the client, `process` ends what hangs, `ssh` is a host that is
//!   not this machine, `images` does what is to be done to image files, here or there; `domain` reads XML, `edit` changes it.
//! - `record` is what Landfall keeps of a VM, in its domain's metadata; `cell` is one VM while a call
//!   is at work on it: what libvirt says, the record, and saving both in one step.
//! - `power` starts, stops and holds; `freeze` takes points, `points` drops and reverts to them and
//!   answers what was written; `layers` makes and drops overlays, `merge` merges them; `epoch` tells
//!   foreign writes.
//! - `events` listens to a host; `inventory` reads a site, `resources` what it offers to place VMs in; `replicas` keeps pairs;
//!   `create` makes and removes VMs.
//!
//! Points and layers are qcow2 overlays beside the images, as libvirt's external snapshots are. What
//! an overlay holds is what was written since it began, so the record of writes survives whatever
//! happens to a QEMU.

mod alike;
mod cell;
mod create;
mod domain;
mod edit;
mod epoch;
mod events;
mod firmware;
mod freeze;
mod images;
mod inventory;
mod layers;
mod merge;
mod platform_impl;
mod points;
mod power;
mod process;
mod record;
mod replicas;
mod resources;
mod ssh;
mod test_connection;
mod uri;
mod virsh;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use model::{ReplicaId, SiteId, SiteRole, VmRef};
use uuid::Uuid;

use self::{
    events::Events,
    images::Images,
    ssh::Ssh,
    virsh::{Virsh, VirshError},
};
pub use self::{
    test_connection::{ConnectionReport, test_connection},
    uri::{ConnectionUri, ConnectionUriError},
};
use crate::{Inventory, PlatformError};

/// How long a guest may take to shut down, unless it is said otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Reading a site starts two processes.
const REREAD_AFTER: Duration = Duration::from_secs(5);

/// A site that is a libvirt host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibvirtSite {
    /// Its id.
    pub id: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// Where it is.
    pub uri: ConnectionUri,
}

/// How the platform works, the same for all of its sites.
#[derive(Clone, Debug)]
pub struct LibvirtSettings {
    /// The client.
    pub virsh: PathBuf,
    /// The program that merges overlays of a VM that is off, where its images are files of this machine.
    pub qemu_img: PathBuf,
    /// The program that reaches other hosts.
    pub ssh: PathBuf,
    /// How long a guest may take to shut down before it is powered off.
    pub shutdown_timeout: Duration,
    /// How old what was read of a site may be when it is asked for again; what Landfall changes there
    /// itself is read anew, and so is what the host says has happened; while it does, this is six times as
    /// long. One that did not answer is not asked for as long, either.
    pub reread_after: Duration,
}

impl Default for LibvirtSettings {
    fn default() -> Self {
        Self {
            virsh: "virsh".into(),
            qemu_img: "qemu-img".into(),
            ssh: "ssh".into(),
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            reread_after: REREAD_AFTER,
        }
    }
}

impl LibvirtSettings {
    /// The images of a host: by ssh where its libvirt is reached so, else as files of this machine.
    fn images(&self, site: &SiteId, uri: &ConnectionUri) -> Images {
        match uri.ssh() {
            Some(address) => Images::there(site.clone(), Ssh::new(self.ssh.clone(), address)),
            None => Images::Here(self.qemu_img.clone()),
        }
    }
}

/// The platform: libvirt hosts, each a site. Clones are the same.
#[derive(Clone, Debug)]
pub struct Libvirt {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: LibvirtSettings,
    sites: Mutex<BTreeMap<SiteId, Arc<Site>>>,
    /// Where each replica was seen last.
    replicas: Mutex<BTreeMap<ReplicaId, VmRef>>,
}

/// A site and what is known of it while the platform is open.
#[derive(Debug)]
struct Site {
    config: LibvirtSite,
    virsh: Virsh,
    images: Images,
    /// One operation at a time changes a VM.
    operations: Mutex<BTreeMap<Uuid, Arc<Mutex<()>>>>,
    events: Events,
    /// What was read last, or why it could not be, and when.
    read: Mutex<Option<(Instant, Result<Inventory, String>)>>,
}

impl Libvirt {
    /// A platform with no sites yet.
    #[must_use]
    pub fn new(settings: LibvirtSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                sites: Mutex::default(),
                replicas: Mutex::default(),
            }),
        }
    }

    /// How it works.
    #[must_use]
    pub fn settings(&self) -> &LibvirtSettings {
        &self.inner.settings
    }

    /// Adds a site, or changes the one of that id. Nothing is connected to yet.
    pub fn put_site(&self, config: LibvirtSite) {
        let settings = &self.inner.settings;
        let site = Arc::new(Site {
            virsh: Virsh::new(settings.virsh.clone(), config.uri.clone()),
            images: settings.images(&config.id, &config.uri),
            config,
            operations: Mutex::default(),
            events: Events::default(),
            read: Mutex::default(),
        });
        Events::listen(&site);
        let before = lock(&self.inner.sites).insert(site.config.id.clone(), site);
        // What it has at work takes its time to end: nobody waits for that.
        drop(before);
    }

    /// Forgets a site; nothing at it is changed.
    pub fn remove_site(&self, id: &SiteId) {
        let site = lock(&self.inner.sites).remove(id);
        drop(site);
    }

    fn site_ids(&self) -> Vec<SiteId> {
        lock(&self.inner.sites).keys().cloned().collect()
    }

    fn site(&self, id: &SiteId) -> Result<Arc<Site>, PlatformError> {
        let found = lock(&self.inner.sites).get(id).cloned();
        found.ok_or_else(|| PlatformError::NoSite(id.clone()))
    }
}

impl Site {
    /// The lock of a VM's operations.
    fn operation(&self, domain: Uuid) -> Arc<Mutex<()>> {
        let mut operations = lock(&self.operations);
        Arc::clone(operations.entry(domain).or_default())
    }

    /// A failed call as an error of the platform.
    fn failed(&self, vm: Option<&VmRef>, error: VirshError) -> PlatformError {
        let site = self.config.id.clone();
        match (error, vm) {
            (VirshError::NoDomain, Some(vm)) => PlatformError::NoVm(vm.clone()),
            (VirshError::Unreachable(cause), _) => PlatformError::Unreachable { site, cause },
            (error @ VirshError::TimedOut { .. }, _) => PlatformError::Unreachable {
                site,
                cause: error.to_string(),
            },
            (VirshError::Start { program, source }, _) => PlatformError::Io {
                operation: format!(
                    "start {program}, which Landfall reaches libvirt with. Install libvirt's \
                     clients (Debian: libvirt-clients)"
                ),
                source,
            },
            (error @ (VirshError::NoDomain | VirshError::Refused { .. }), _) => {
                PlatformError::Refused {
                    site,
                    cause: error.to_string(),
                }
            }
        }
    }
}

/// The domain that a platform id names: its UUID, or the one that a VM made under that id has.
fn domain_uuid(platform_id: &str) -> Uuid {
    Uuid::parse_str(platform_id)
        .unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, platform_id.as_bytes()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
