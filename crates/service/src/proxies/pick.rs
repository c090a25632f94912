//! Pick proxies: automatic, or lists by hand, with the rules for them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use model::{
    Actor, ApiError, Compute, Destination, DraftId, NewVm, ProxyChoice, ProxyId, SiteId, VmInfo,
    view::{PickProxy, PickReach, PickSite, ProxyPickView},
};
use sched::{DiskEnd, Proxy, Refusal, Usage, check_list, fit, words};
use store::{DraftBody, ReplicaRow};

use super::{modes_words, seen};
use crate::{
    LiveProxies, Service,
    estate::Estate,
    placement::{self, Placed, Plan},
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
        let plan = placement::of(&estate, &body);
        self.picked_ones_do(&estate, &body, plan.as_ref()).await
    }

    /// Refuses a list picked by hand that lacks what the failback needs.
    ///
    /// # Errors
    /// With the first thing that it lacks.
    pub(crate) async fn picked_ones_do(
        &self,
        estate: &Estate,
        body: &DraftBody,
        plan: Option<&Plan<'_>>,
    ) -> Result<(), ApiError> {
        let view = self.proxy_pick(estate, body, plan, false).await?;
        match view.refused.into_iter().next() {
            None => Ok(()),
            Some(why) => Err(invalid(
                "proxies",
                why,
                "Pick proxies on the Destination step, or leave the choice automatic.",
            )),
        }
    }

    /// The choice as the Destination step shows it; what each proxy reaches only where it is asked
    /// for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn proxy_pick(
        &self,
        estate: &Estate,
        body: &DraftBody,
        plan: Option<&Plan<'_>>,
        with_reach: bool,
    ) -> Result<ProxyPickView, ApiError> {
        let settings = self.store().proxy_list().await.map_err(failed)?;
        let live = self.wired.live.proxies();
        let proxies = seen(&settings, &live);
        let aims = aims(estate, body, plan);
        let routes = routes(&aims);
        let mut view = view(estate, body, &proxies, &routes);
        if with_reach {
            let places: Vec<Place> = aims.iter().map(|aim| place(estate, aim)).collect();
            view.sites = sites(estate, &routes)
                .into_iter()
                .map(|(site, title)| PickSite {
                    proxies: proxies
                        .iter()
                        .filter(|proxy| proxy.settings.site == site)
                        .map(|proxy| one(proxy, body, &places, &live))
                        .collect(),
                    site,
                    title,
                })
                .collect();
        }
        Ok(view)
    }
}

/// What a list picked by hand lacks, and the choice in words.
fn view(
    estate: &Estate,
    body: &DraftBody,
    proxies: &[Proxy],
    routes: &BTreeSet<(SiteId, SiteId)>,
) -> ProxyPickView {
    let names = Names { proxies, estate };
    let pick = &body.proxies;
    let (mut refused, mut warnings) = (Vec::new(), Vec::new());
    if pick.by_hand {
        for finding in check_list(proxies, &pick.listed, routes) {
            let words = words::finding(&finding, &names);
            if finding.refuses() {
                refused.push(words);
            } else {
                warnings.push(words);
            }
        }
    }
    let settings = proxies.iter().map(|proxy| &proxy.settings);
    let listed = settings.filter(|it| pick.listed.contains(&it.id));
    let listed: Vec<&str> = listed.map(|it| it.name.as_str()).collect();
    ProxyPickView {
        by_hand: pick.by_hand,
        sites: Vec::new(),
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

/// Where a chosen replica goes.
struct Aim<'a> {
    replica: &'a ReplicaRow,
    site: &'a SiteId,
    to: To<'a>,
}

/// To what.
enum To<'a> {
    /// A VM that is there; none while none is chosen, or it cannot be found.
    Vm(Option<&'a VmInfo>),
    /// One to be made.
    Place(&'a Placed<'a>),
}

fn aims<'a>(estate: &'a Estate, body: &'a DraftBody, plan: Option<&'a Plan<'a>>) -> Vec<Aim<'a>> {
    let places = placement::places(plan);
    let chosen = body.chosen.iter().filter_map(|id| estate.replica(id));
    chosen
        .map(|replica| {
            // Where nothing is chosen yet, most return to where the original is.
            let original = estate.production_of(replica);
            let (site, to) = match body.destination {
                None | Some(Destination::OriginalVm) => {
                    (&original.site, To::Vm(estate.vm(original)))
                }
                Some(Destination::RecoveredVm) => {
                    let chosen = body.targets.get(&replica.id);
                    let vm = chosen.and_then(|vm| estate.vm(vm));
                    (&chosen.unwrap_or(original).site, To::Vm(vm))
                }
                Some(Destination::SpecifiedLocation) => match places.get(&replica.id) {
                    Some(placed) => (
                        placed.site.map_or(&original.site, |site| &site.site),
                        To::Place(placed),
                    ),
                    None => (&original.site, To::Vm(None)),
                },
            };
            Aim { replica, site, to }
        })
        .collect()
}

/// From which sites to which the chosen VMs go.
fn routes(aims: &[Aim<'_>]) -> BTreeSet<(SiteId, SiteId)> {
    let routes = aims.iter().map(|aim| (&aim.replica.vm.site, aim.site));
    let routes: HashSet<(&SiteId, &SiteId)> = routes.collect();
    let routes = routes.into_iter();
    routes.map(|(a, b)| (a.clone(), b.clone())).collect()
}

/// Where a chosen VM's disks are read and written.
struct Place {
    vm: String,
    ends: Vec<DiskEnd>,
}

fn place(estate: &Estate, aim: &Aim<'_>) -> Place {
    let source = estate.vm(&aim.replica.vm);
    let mut all = source.map(|vm| ends(estate, vm)).unwrap_or_default();
    match &aim.to {
        To::Vm(vm) => all.extend(vm.iter().flat_map(|vm| ends(estate, vm))),
        To::Place(placed) => all.extend(placed.spec().iter().flat_map(|it| new_ends(estate, it))),
    }
    Place {
        vm: estate.vm_name(&aim.replica.vm),
        ends: all,
    }
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

/// The ends of a VM to be made.
fn new_ends(estate: &Estate, spec: &NewVm) -> Vec<DiskEnd> {
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
