//! What is known of both sites, with the sessions at work, read from the store for one answer.

use std::collections::BTreeMap;

use model::{
    ApiError, ByteCount, Job, JobId, PowerState, ProtectedVmId, ReplicaId, ReplicaState, SessionId,
    SiteId, Timestamp, VisibleState, VmInfo, VmRef, view::ReplicaView,
};
use store::{InventoryRow, ProtectedVmRow, ReplicaRow, UnreadSite};

use crate::{Service, queue, refusal::failed, session::Work};

/// Everything that is known, of one moment.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) sites: Vec<InventoryRow>,
    pub(crate) unread: Vec<UnreadSite>,
    vms: BTreeMap<VmRef, VmInfo>,
    protected: BTreeMap<ProtectedVmId, ProtectedVmRow>,
    jobs: BTreeMap<JobId, Job>,
    /// Sessions at work, newest first.
    pub(crate) running: Vec<Work>,
    /// Sessions that have not begun, with why.
    queued: BTreeMap<SessionId, String>,
}

impl Service {
    pub(crate) async fn estate(&self) -> Result<Estate, ApiError> {
        let store = self.store();
        let sites = store.inventory_list().await.map_err(failed)?;
        let unread = store.inventory_list_unread().await.map_err(failed)?;
        let protected = store.protected_vm_list().await.map_err(failed)?;
        let running = store.session_list_active().await.map_err(failed)?;
        let running: Vec<_> = running
            .into_iter()
            .map(Work::of)
            .collect::<Result<_, _>>()?;
        let inventories = || sites.iter().map(|(inventory, ..)| inventory);
        Ok(Estate {
            vms: inventories()
                .flat_map(|inventory| &inventory.vms)
                .map(|vm| (vm.vm.clone(), vm.clone()))
                .collect(),
            jobs: inventories()
                .flat_map(|inventory| &inventory.jobs)
                .map(|job| (job.id.clone(), job.clone()))
                .collect(),
            protected: protected
                .into_iter()
                .map(|row| (row.id.clone(), row))
                .collect(),
            queued: queue::reasons(&running),
            running,
            unread,
            sites,
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
        self.replicas().find(|replica| replica.id == *id)
    }

    pub(crate) fn vm(&self, vm: &VmRef) -> Option<&VmInfo> {
        self.vms.get(vm)
    }

    /// All VMs of all sites.
    pub(crate) fn vms(&self) -> impl Iterator<Item = &VmInfo> {
        self.vms.values()
    }

    /// A VM's name; its platform's id for it when it cannot be found.
    pub(crate) fn vm_name(&self, vm: &VmRef) -> String {
        self.vm(vm)
            .map_or_else(|| vm.platform_id.clone(), |info| info.name.clone())
    }

    /// A site's name; its id before it was read.
    pub(crate) fn site_name(&self, id: &SiteId) -> String {
        self.site(id)
            .map_or_else(|| id.to_string(), |(inventory, ..)| inventory.name.clone())
    }

    pub(crate) fn site(&self, id: &SiteId) -> Option<&InventoryRow> {
        self.sites
            .iter()
            .find(|(inventory, ..)| inventory.site == *id)
    }

    /// The VM that is the production VM of a replica now.
    pub(crate) fn production_of<'a>(&'a self, replica: &'a ReplicaRow) -> &'a VmRef {
        self.protected
            .get(&replica.protected)
            .map_or(&replica.original, |row| &row.production)
    }

    /// The name of a replica's production VM, also when the VM itself cannot be found.
    pub(crate) fn production_name(&self, replica: &ReplicaRow) -> String {
        self.production_name_of(replica).to_owned()
    }

    /// See [`Self::production_name`].
    pub(crate) fn production_name_of<'a>(&'a self, replica: &'a ReplicaRow) -> &'a str {
        let production = self.production_of(replica);
        match (self.vm(production), self.protected.get(&replica.protected)) {
            (Some(vm), _) => &vm.name,
            (None, Some(row)) => &row.name,
            (None, None) => &production.platform_id,
        }
    }

    pub(crate) fn session_on(&self, replica: &ReplicaId) -> Option<&Work> {
        self.running
            .iter()
            .find(|work| work.row.replica == *replica)
    }

    /// Why a session has not begun; none when it has.
    pub(crate) fn queued(&self, id: &SessionId) -> Option<String> {
        self.queued.get(id).cloned()
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

    pub(crate) fn replica_views(&self) -> Vec<ReplicaView> {
        self.replicas()
            .map(|replica| self.replica_view(replica))
            .collect()
    }

    fn replica_view(&self, replica: &ReplicaRow) -> ReplicaView {
        let production = self.production_of(replica);
        let vm = self.vm(&replica.vm);
        let work = self.session_on(&replica.id);
        let state = work.map_or_else(|| visible(replica.state), |work| work.session.visible());
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

    fn location(&self, vm: &VmRef, name: &str) -> String {
        let found = if self.vm(vm).is_some() {
            ""
        } else {
            ", not found"
        };
        format!("{name} at {}{found}", self.site_name(&vm.site))
    }

    fn job_words(&self, replica: &ReplicaRow) -> String {
        let job = self.jobs.get(&replica.job);
        let name = job.map_or(replica.job.as_str(), |job| job.name.as_str());
        match (job.is_some_and(|job| job.held), replica.on_hold) {
            (true, _) => format!("{name} (held as a whole)"),
            (false, true) => format!("{name} (on hold for this VM)"),
            (false, false) => name.to_owned(),
        }
    }

    /// Why what is known of a site may be out of date; none when the newest reading succeeded.
    pub(crate) fn staleness(&self, site: &SiteId) -> Option<String> {
        let (inventory, read_at, error) = self.site(site)?;
        let error = error.as_deref()?;
        Some(format!(
            "{} was last read at {} and cannot be read now: {error}",
            inventory.name,
            read_at.utc_text()
        ))
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
