//! The sites page: what is connected, which pairs are registered, and asking for changes of both.

mod ask;
mod pair;

use model::{
    ApiError, DiskPair, SiteRole, SiteSettings, VmRef,
    view::{ConnectedSite, RegisteredPair, SitesView},
};
use store::{IntentRow, ReplicaRow};

use crate::{Service, estate::Estate, lists::first, refusal::failed};

/// Intents that are looked at for the newest result.
const RECENT: u32 = 20;
/// Proposals that are listed.
const LISTED: usize = 100;
/// The platform whose sites are connected by their address.
const LIBVIRT: &str = "libvirt";

impl Service {
    /// The sites page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sites_view(&self) -> Result<SitesView, ApiError> {
        let estate = self.estate().await?;
        let connected = self.store().site_list().await.map_err(failed)?;
        let recent = self.estate_intents().await?;
        let proposals = pair::proposals(&estate);
        let (proposals, more) = first(proposals.into_iter(), LISTED);
        Ok(SitesView {
            sites: sites(&estate, &connected),
            at_work: recent.iter().any(|intent| intent.done_at.is_none()),
            last_result: recent.iter().find_map(|intent| intent.result.clone()),
            pairs: pairs(&estate),
            proposals,
            more,
        })
    }

    async fn estate_intents(&self) -> Result<Vec<IntentRow>, ApiError> {
        self.store()
            .intent_list_estate(RECENT)
            .await
            .map_err(failed)
    }
}

fn sites(estate: &Estate, connected: &[SiteSettings]) -> Vec<ConnectedSite> {
    let mut sites: Vec<ConnectedSite> = estate
        .sites
        .iter()
        .map(|(inventory, read_at, error)| ConnectedSite {
            id: inventory.site.clone(),
            name: inventory.name.clone(),
            role: inventory.role,
            uri: None,
            vms: Some(inventory.vms.len()),
            read_at: Some(*read_at),
            error: error.clone(),
            keep_why: None,
        })
        .collect();
    for site in connected {
        let unread = estate.unread.iter().find(|it| it.site == site.id);
        let found = sites.iter_mut().find(|known| known.id == site.id);
        match found {
            Some(known) => known.uri = Some(site.uri.clone()),
            None => sites.push(ConnectedSite {
                id: site.id.clone(),
                name: site.name.clone(),
                role: site.role,
                uri: Some(site.uri.clone()),
                vms: None,
                read_at: None,
                error: unread.map(|it| it.error.clone()),
                keep_why: None,
            }),
        }
    }
    for site in sites.iter_mut().filter(|site| site.uri.is_some()) {
        site.keep_why = keep_site_why(estate, &site.id);
    }
    sites.sort_by(|a, b| (a.role, &a.name).cmp(&(b.role, &b.name)));
    sites
}

/// Why a site cannot be forgotten.
fn keep_site_why(estate: &Estate, site: &model::SiteId) -> Option<String> {
    let uses = |vm: &VmRef| vm.site == *site;
    let at_work = estate
        .running()
        .iter()
        .any(|work| uses(&work.row.replica_vm) || uses(&work.row.production_vm));
    if at_work {
        return Some("A session is at work there. Commit, undo or cancel it first.".to_owned());
    }
    let paired = estate
        .replicas()
        .any(|replica| uses(&replica.vm) || uses(estate.production_of(replica)));
    paired.then(|| "VMs there are registered as a pair. Forget the pairs first.".to_owned())
}

fn pairs(estate: &Estate) -> Vec<RegisteredPair> {
    let connected = estate.replicas().filter(|it| is_at_libvirt(estate, &it.vm));
    connected
        .map(|replica| RegisteredPair {
            vm: replica.vm.clone(),
            replica: named(estate, &replica.vm),
            original: named(estate, estate.production_of(replica)),
            disks: disks_words(&replica.disk_pairs),
            keep_why: keep_pair_why(estate, replica),
        })
        .collect()
}

fn keep_pair_why(estate: &Estate, replica: &ReplicaRow) -> Option<String> {
    let session = estate.session_on(&replica.id);
    session.map(|_| "A session is at work on it. Commit, undo or cancel it first.".to_owned())
}

fn disks_words(pairs: &[DiskPair]) -> String {
    let words = |pair: &DiskPair| {
        if pair.replica.as_str() == pair.production.as_str() {
            pair.replica.to_string()
        } else {
            format!("{} to {}", pair.replica, pair.production)
        }
    };
    pairs.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Whether a VM is at a site that was connected by its address.
fn is_at_libvirt(estate: &Estate, vm: &VmRef) -> bool {
    let site = estate.site(&vm.site);
    site.is_some_and(|(site, ..)| site.platform == LIBVIRT)
}

/// Whether it is at a site of a role, connected by its address.
fn is_at(estate: &Estate, vm: &VmRef, role: SiteRole) -> bool {
    let site = estate.site(&vm.site);
    site.is_some_and(|(site, ..)| site.platform == LIBVIRT && site.role == role)
}

/// "shop-01 at Hamburg".
fn named(estate: &Estate, vm: &VmRef) -> String {
    estate.location(vm, &estate.vm_name(vm))
}
