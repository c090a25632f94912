//! Pick proxies: automatic, or lists by hand, with the rules for them.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Actor, ApiError, Compute, DraftId, ProxyChoice, ProxyId, ProxySettings, SiteId, VmInfo,
    view::{PickProxy, PickReach, PickSite, ProxyPickView},
};
use sched::{DiskEnd, Proxy, Refusal, Usage, check_list, fit, words};
use store::DraftBody;

use super::{modes_words, seen};
use crate::{
    LiveProxies, Service,
    estate::Estate,
    preflight::{self, Checked, Target},
    refusal::{failed, invalid},
};

/// Of many VMs that a proxy reaches alike, so many are named.
const NAMED: usize = 20;

impl Service {
    /// Step Destination, its part about proxies: any, or only the listed ones.
    ///
    /// # Errors
    /// When a list picked by hand lacks what the failback needs; the list is kept all the same.
    pub async fn draft_set_proxies(
        &self,
        actor: &Actor,
        id: &DraftId,
        by_hand: bool,
        listed: BTreeSet<ProxyId>,
    ) -> Result<(), ApiError> {
        crate::actor::authorise(actor)?;
        let settings = self.store().proxy_list().await.map_err(failed)?;
        // What is gone or was never there is not kept: nobody could take it off the list again.
        let known: BTreeSet<ProxyId> = settings.iter().map(|it| it.id.clone()).collect();
        let listed: BTreeSet<ProxyId> = listed.intersection(&known).cloned().collect();
        self.edit(id, |body| {
            body.proxies.by_hand = by_hand;
            body.proxies.listed.clone_from(&listed);
        })
        .await?;
        let body = self.draft(id).await?.body;
        let estate = self.estate().await?;
        let checked = preflight::check(&estate, &body);
        self.picked_ones_do(&estate, &body, &checked).await
    }

    /// Refuses a list picked by hand that lacks what the failback needs.
    ///
    /// # Errors
    /// With the first thing that it lacks.
    pub(crate) async fn picked_ones_do(
        &self,
        estate: &Estate,
        body: &DraftBody,
        checked: &[Checked],
    ) -> Result<(), ApiError> {
        let view = self.proxy_pick(estate, body, checked).await?;
        match view.refused.into_iter().next() {
            None => Ok(()),
            Some(why) => Err(invalid(
                "proxies",
                why,
                "Pick proxies on the Destination step, or leave the choice automatic.",
            )),
        }
    }

    /// The choice as the Destination step shows it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn proxy_pick(
        &self,
        estate: &Estate,
        body: &DraftBody,
        checked: &[Checked],
    ) -> Result<ProxyPickView, ApiError> {
        let settings = self.store().proxy_list().await.map_err(failed)?;
        let live = self.wired.live.proxies();
        Ok(view(estate, body, checked, &settings, &live))
    }
}

fn view(
    estate: &Estate,
    body: &DraftBody,
    checked: &[Checked],
    settings: &[ProxySettings],
    live: &LiveProxies,
) -> ProxyPickView {
    let proxies = seen(settings, live);
    let places = places(estate, body, checked);
    let routes: BTreeSet<(SiteId, SiteId)> = places
        .iter()
        .map(|place| (place.source.clone(), place.target.clone()))
        .collect();
    let names = Names {
        proxies: &proxies,
        estate,
    };
    let pick = &body.proxies;
    let (mut refused, mut warnings) = (Vec::new(), Vec::new());
    if pick.by_hand {
        for finding in check_list(&proxies, &pick.listed, &routes) {
            let words = words::finding(&finding, &names);
            if finding.refuses() {
                refused.push(words);
            } else {
                warnings.push(words);
            }
        }
    }
    let listed = settings.iter().filter(|it| pick.listed.contains(&it.id));
    let listed: Vec<&str> = listed.map(|it| it.name.as_str()).collect();
    ProxyPickView {
        by_hand: pick.by_hand,
        sites: sites(estate, &routes)
            .into_iter()
            .map(|(site, title)| PickSite {
                proxies: proxies
                    .iter()
                    .filter(|proxy| proxy.settings.site == site)
                    .map(|proxy| one(proxy, body, &places, live))
                    .collect(),
                site,
                title,
            })
            .collect(),
        refused,
        warnings,
        words: if pick.by_hand {
            format!("only {}", listed.join(", "))
        } else {
            "automatic".to_owned()
        },
    }
}

/// What operators call proxies and sites.
struct Names<'a> {
    proxies: &'a [Proxy],
    estate: &'a Estate,
}

impl words::Names for Names<'_> {
    fn proxy(&self, id: &ProxyId) -> String {
        self.proxies.proxy(id)
    }

    fn site(&self, id: &SiteId) -> String {
        self.estate.site_name(id)
    }
}

/// The sites in the order of the work, each with what its proxies do.
fn sites(estate: &Estate, routes: &BTreeSet<(SiteId, SiteId)>) -> Vec<(SiteId, String)> {
    let sources: BTreeSet<&SiteId> = routes.iter().map(|(source, _)| source).collect();
    let targets: BTreeSet<&SiteId> = routes.iter().map(|(_, target)| target).collect();
    let only_written = targets.iter().filter(|site| !sources.contains(*site));
    let all = sources.iter().chain(only_written);
    all.map(|site| {
        let does = match (sources.contains(site), targets.contains(site)) {
            (true, true) => "read the replicas' disks and write the production VMs'",
            (true, false) => "read the replicas' disks",
            (false, _) => "write the production VMs' disks",
        };
        let title = format!("{}: they {does}", estate.site_name(site));
        ((*site).clone(), title)
    })
    .collect()
}

fn one(proxy: &Proxy, body: &DraftBody, places: &[Place], live: &LiveProxies) -> PickProxy {
    let settings = &proxy.settings;
    let used = live
        .proxies
        .get(&settings.id)
        .map_or(0, |work| work.tasks.len());
    let mut facts = Vec::new();
    if !proxy.answers {
        facts.push("does not answer".to_owned());
    }
    if settings.state != model::ProxyState::Enabled {
        facts.push(settings.state.words().to_lowercase());
    }
    facts.push(modes_words(settings));
    facts.push(format!("{used} of {} slots in use", settings.slots));
    facts.push(proxy.rate.map_or_else(
        || "not measured yet".to_owned(),
        |rate| format!("{rate} per disk lately"),
    ));
    PickProxy {
        id: settings.id.clone(),
        name: settings.name.clone(),
        picked: body.proxies.listed.contains(&settings.id),
        facts: facts.join("; "),
        reach: reach(proxy, places),
    }
}

/// Chosen VMs by how the proxy reaches all their disks at its site, whoever works now.
fn reach(proxy: &Proxy, places: &[Place]) -> Vec<PickReach> {
    // Whether it may work is said once, not for each VM.
    let mut at_best = proxy.clone();
    at_best.answers = true;
    at_best.settings.state = model::ProxyState::Enabled;
    let mut groups: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
    for place in places {
        let ends = place.ends.iter();
        let here = ends.filter(|end| end.site == proxy.settings.site);
        let mut modes = BTreeSet::new();
        let mut why_not = None;
        for end in here {
            match fit(&at_best, end, &ProxyChoice::Automatic, &Usage::default()) {
                Ok(fit) => drop(modes.insert(fit.mode)),
                Err(Refusal::Elsewhere(_)) => {}
                Err(why) => why_not = Some(why),
            }
        }
        let how = match why_not {
            Some(why) => (false, words::refusal(&why)),
            None if modes.is_empty() => continue,
            None => {
                let modes: Vec<_> = modes.into_iter().map(model::TransportMode::words).collect();
                (true, format!("by {}", modes.join(" and ")))
            }
        };
        groups.entry(how).or_default().push(place.vm.clone());
    }
    let groups = groups.into_iter().rev();
    groups
        .map(|((reached, how), mut vms)| {
            let more = vms.len().saturating_sub(NAMED);
            vms.truncate(NAMED);
            PickReach {
                reached,
                how,
                vms,
                more,
            }
        })
        .collect()
}

/// Where a chosen VM's disks are read and written.
struct Place {
    vm: String,
    source: SiteId,
    target: SiteId,
    ends: Vec<DiskEnd>,
}

fn places(estate: &Estate, body: &DraftBody, checked: &[Checked]) -> Vec<Place> {
    let checked: BTreeMap<_, _> = checked.iter().map(|it| (&it.view.replica, it)).collect();
    let chosen = body.chosen.iter().filter_map(|id| estate.replica(id));
    chosen
        .map(|replica| {
            let checked = checked.get(&replica.id);
            let target = checked.and_then(|it| it.target.as_ref());
            let mut ends: Vec<DiskEnd> = estate
                .vm(&replica.vm)
                .map(|vm| ends(estate, vm))
                .unwrap_or_default();
            ends.extend(target.map(|it| target_ends(estate, it)).unwrap_or_default());
            // Where no VM to return to is chosen yet, most return to where the original is.
            let production = target.map_or_else(
                || estate.production_of(replica).site.clone(),
                |target| target.production.site.clone(),
            );
            Place {
                vm: estate.vm_name(&replica.vm),
                source: replica.vm.site.clone(),
                target: production,
                ends,
            }
        })
        .collect()
}

fn ends(estate: &Estate, vm: &VmInfo) -> Vec<DiskEnd> {
    let modes = modes(estate, &vm.vm.site);
    let disks = vm.disks.iter();
    disks
        .map(|disk| DiskEnd {
            site: vm.vm.site.clone(),
            host: vm.placement.host.clone(),
            datastore: disk.datastore.clone(),
            modes: modes.clone(),
        })
        .collect()
}

fn target_ends(estate: &Estate, target: &Target) -> Vec<DiskEnd> {
    let Some(spec) = &target.new_vm else {
        let vm = estate.vm(&target.production);
        return vm.map(|vm| ends(estate, vm)).unwrap_or_default();
    };
    let host = match &spec.compute {
        Compute::Host(host) => Some(host.clone()),
        // The cluster picks one when the VM is made.
        Compute::Cluster(_) => None,
    };
    let disks = spec.disks.iter();
    disks
        .map(|disk| DiskEnd {
            site: spec.vm.site.clone(),
            host: host.clone(),
            datastore: Some(disk.datastore.clone()),
            modes: modes(estate, &spec.vm.site),
        })
        .collect()
}

fn modes(estate: &Estate, site: &SiteId) -> Vec<model::TransportMode> {
    let site = estate.site(site);
    site.map(|(site, ..)| site.transport_modes.clone())
        .unwrap_or_default()
}
