//! What is known of both sites, with the sessions at work, read from the store for one answer.

mod index;
mod kept;
mod names;

use std::{collections::HashSet, sync::Arc};

use model::{
    ApiError, ByteCount, PowerState, ReplicaId, ReplicaState, SessionId, SiteId, Timestamp,
    VisibleState, VmInfo, VmRef, view::ReplicaView,
};
use store::{ReplicaRow, SiteInventory, UnreadSite};

use self::{index::Index, kept::Running};
use crate::{Service, refusal::failed, session::Work};

pub(crate) use kept::Kept;
pub(crate) use names::Lookup;

/// Seconds after which what was read of a site is called old; readings follow each other in seconds.
const OLD: u64 = 120;

/// Everything that is known, of one moment. What did not change since it was asked for last is shared
/// with the answers before.
#[derive(Debug)]
pub(crate) struct Estate {
    now: Timestamp,
    pub(crate) sites: Vec<SiteRead>,
    pub(crate) unread: Vec<UnreadSite>,
    index: Arc<Index>,
    running: Arc<Running>,
}

/// A site's inventory, its age, and why the newest reading failed.
pub(crate) type SiteRead = (Arc<SiteInventory>, Timestamp, Option<String>);

impl Service {
    /// Reads what is new of the sites, and makes ready what it is looked for by: asked now and then,
    /// it spares that to whoever opens a page next.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read_ahead(&self) -> Result<(), ApiError> {
        self.estate().await?.index.make_ready();
        Ok(())
    }

    pub(crate) async fn estate(&self) -> Result<Estate, ApiError> {
        let unread = self.store().inventory_list_unread().await.map_err(failed)?;
        let (sites, index, running) = self.kept.read(self.store()).await?;
        Ok(Estate {
            now: self.now(),
            sites,
            unread,
            index,
            running,
        })
    }
}

impl Estate {
    /// All replicas, site by site.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &ReplicaRow> {
        self.sites
            .iter()
            .flat_map(|(inventory, ..)| &inventory.replicas)
    }

    pub(crate) fn replica(&self, id: &ReplicaId) -> Option<&ReplicaRow> {
        self.index.replica(id)
    }

    /// Whether a VM is the replica of another.
    pub(crate) fn is_replica(&self, vm: &VmRef) -> bool {
        self.index.is_replica(vm)
    }

    /// The replica of which a VM is the production VM, or was the original.
    pub(crate) fn protected_by(&self, vm: &VmRef) -> Option<&ReplicaRow> {
        self.index.protected_by(vm)
    }

    pub(crate) fn vm(&self, vm: &VmRef) -> Option<&VmInfo> {
        self.index.vm(vm)
    }

    /// All VMs of all sites.
    pub(crate) fn vms(&self) -> impl Iterator<Item = &VmInfo> {
        self.index.vms()
    }

    /// All replicas, site by site, each with what it may be found by, in lower case.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&ReplicaRow, &str)> {
        self.index.texts()
    }

    /// The names of a site's VMs in lower case.
    pub(crate) fn lower_names(&self, site: &SiteId) -> Arc<HashSet<String>> {
        self.index.lower_names(site)
    }

    /// The VMs that are no replicas, to be looked for by name or identity.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        Lookup::of(&self.index)
    }

    /// Sessions at work, newest first.
    pub(crate) fn running(&self) -> &[Arc<Work>] {
        &self.running.works
    }

    /// A VM's name; its platform's id for it when it cannot be found.
    pub(crate) fn vm_name(&self, vm: &VmRef) -> String {
        self.vm(vm)
            .map_or_else(|| vm.platform_id.clone(), |info| info.name.clone())
    }

    /// A site's name; its id before it was read.
    pub(crate) fn site_name(&self, id: &SiteId) -> String {
        self.index.site_name(id).to_owned()
    }

    pub(crate) fn site(&self, id: &SiteId) -> Option<&SiteRead> {
        self.sites
            .iter()
            .find(|(inventory, ..)| inventory.site == *id)
    }

    /// The VM that is the production VM of a replica now.
    pub(crate) fn production_of<'a>(&'a self, replica: &'a ReplicaRow) -> &'a VmRef {
        self.index.production_of(replica)
    }

    /// The name of a replica's production VM, also when the VM itself cannot be found.
    pub(crate) fn production_name(&self, replica: &ReplicaRow) -> String {
        self.production_name_of(replica).to_owned()
    }

    /// See [`Self::production_name`].
    pub(crate) fn production_name_of<'a>(&'a self, replica: &'a ReplicaRow) -> &'a str {
        self.index.production_name(replica)
    }

    pub(crate) fn session_on(&self, replica: &ReplicaId) -> Option<&Work> {
        let at = self.running.by_replica.get(replica)?;
        self.running.works.get(*at).map(Arc::as_ref)
    }

    /// The session at work that writes to a VM.
    pub(crate) fn session_to(&self, vm: &VmRef) -> Option<&Work> {
        let at = self.running.by_production.get(vm)?;
        self.running.works.get(*at).map(Arc::as_ref)
    }

    /// Why a session has not begun; none when it has.
    pub(crate) fn queued(&self, id: &SessionId) -> Option<String> {
        self.running.queued.get(id).cloned()
    }

    /// From where to where, in words.
    pub(crate) fn route(&self, from: &VmRef, to: &VmRef) -> String {
        self.route_to(from, &to.site)
    }

    /// From where to which site, in words.
    pub(crate) fn route_to(&self, from: &VmRef, to: &SiteId) -> String {
        if from.site == *to {
            return format!("within {}", self.site_name(&from.site));
        }
        format!("{} to {}", self.site_name(&from.site), self.site_name(to))
    }

    /// The state of a replica that people see: that of the session on it, where there is one.
    pub(crate) fn state_of(&self, replica: &ReplicaRow) -> VisibleState {
        self.session_on(&replica.id)
            .map_or_else(|| visible(replica.state), |work| work.session.visible())
    }

    /// A replica with everything that is shown of it.
    pub(crate) fn replica_view(&self, replica: &ReplicaRow) -> ReplicaView {
        let production = self.production_of(replica);
        let vm = self.vm(&replica.vm);
        let work = self.session_on(&replica.id);
        let state = self.state_of(replica);
        let authoritative = if production_is_authoritative(state) {
            &production.site
        } else {
            &replica.vm.site
        };
        ReplicaView {
            id: replica.id.clone(),
            name: self.vm_name(&replica.vm),
            production_name: self.production_name(replica),
            original_location: self.location(production, &self.production_name(replica)),
            replica_location: self.location(&replica.vm, &self.vm_name(&replica.vm)),
            state,
            authoritative: self.site_name(authoritative),
            power: vm.map_or(PowerState::Off, |vm| vm.power),
            production_power: self.vm(production).map(|vm| vm.power),
            size: vm.map_or(ByteCount::ZERO, size),
            allocated: vm.map_or(ByteCount::ZERO, allocated),
            restore_point: replica.restore_point.clone(),
            running_since: replica.running_since,
            job: self.job_words(replica),
            on_hold: replica.on_hold,
            session: work.map(|work| work.row.id.clone()),
            needs_attention: work.is_some_and(|work| work.session.attention.is_some()),
            operations: failback::replica_operations(replica.state, work.is_some()),
        }
    }

    pub(crate) fn location(&self, vm: &VmRef, name: &str) -> String {
        self.index.location(vm, name)
    }

    pub(crate) fn job_words(&self, replica: &ReplicaRow) -> String {
        self.index.job_words(replica)
    }

    /// Why what is known of a site may be out of date; none when the newest reading succeeded.
    pub(crate) fn staleness(&self, site: &SiteId) -> Option<String> {
        let (inventory, read_at, error) = self.site(site)?;
        if error.is_none() && self.now.seconds_since(*read_at) <= OLD {
            return None;
        }
        let read = format!("{} was last read at {}", inventory.name, read_at.utc_text());
        Some(match error {
            Some(error) => format!("{read} and cannot be read now: {error}"),
            None => format!("{read}, and no reading has ended since"),
        })
    }

    /// When the newest site was read.
    pub(crate) fn newest_reading(&self) -> Option<Timestamp> {
        self.sites.iter().map(|(_, read_at, _)| *read_at).max()
    }
}

const fn visible(state: ReplicaState) -> VisibleState {
    match state {
        ReplicaState::Ready => VisibleState::Ready,
        ReplicaState::Processing => VisibleState::Processing,
        ReplicaState::Failover => VisibleState::Failover,
    }
}

/// Until a switchover is verified the replica's content is the one that counts.
pub(crate) const fn production_is_authoritative(state: VisibleState) -> bool {
    match state {
        VisibleState::Ready
        | VisibleState::Processing
        | VisibleState::Failback
        | VisibleState::Committing => true,
        VisibleState::Failover
        | VisibleState::Synchronizing
        | VisibleState::ReadyToSwitch
        | VisibleState::Switching
        | VisibleState::Undoing
        | VisibleState::Cancelling => false,
    }
}

pub(crate) fn size(vm: &VmInfo) -> ByteCount {
    vm.disks.iter().map(|disk| disk.size).sum()
}

fn allocated(vm: &VmInfo) -> ByteCount {
    vm.disks.iter().map(|disk| disk.allocated).sum()
}
