//! The proxies page: what each does, and what may be done with it.

mod act;
pub(crate) mod pick;

use std::collections::BTreeMap;

use model::{
    ApiError, BytesPerSecond, DiskKey, ModeLimit, ProxySettings, ProxyState, Reach, SessionId,
    view::{ProxiesView, ProxyAction, ProxyTaskView, ProxyView, WaitingView},
};
use sched::Proxy;

use crate::{
    LiveProxies, LiveProxy, LiveTask, Service, estate::Estate, refusal::failed, start::counted,
};

impl Service {
    /// The proxies page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn proxies_view(&self) -> Result<ProxiesView, ApiError> {
        let settings = self.store().proxy_list().await.map_err(failed)?;
        let estate = self.estate().await?;
        let live = self.wired.live.proxies();
        let lab = self.wired.lab_directory.is_some();
        let names = DiskNames::of(&estate);
        let mut proxies: Vec<ProxyView> = settings
            .iter()
            .map(|proxy| {
                let work = live.proxies.get(&proxy.id).cloned().unwrap_or_default();
                ProxyView {
                    id: proxy.id.clone(),
                    name: proxy.name.clone(),
                    site: estate.site_name(&proxy.site),
                    state: proxy.state,
                    answers: !proxy.cut_off,
                    modes: modes_words(proxy),
                    slots: proxy.slots,
                    rate_now: BytesPerSecond(work.tasks.iter().map(|task| task.rate.0).sum()),
                    rate: work.rate,
                    actions: act::offered(proxy, &settings, &work, lab),
                    tasks: work.tasks.iter().map(|it| task(&names, it)).collect(),
                }
            })
            .collect();
        proxies.sort_by(|a, b| (&a.site, &a.name).cmp(&(&b.site, &b.name)));
        let sites = estate.sites.iter();
        Ok(ProxiesView {
            now: self.now(),
            headline: headline(&settings, &live),
            waiting: live
                .waiting
                .into_iter()
                .map(|(session, disk, why)| WaitingView {
                    what: names.of_disk(&session, &disk),
                    session,
                    why,
                })
                .collect(),
            proxies,
            sites: sites
                .map(|(site, ..)| (site.site.clone(), site.name.clone()))
                .collect(),
        })
    }
}

/// The proxies as the scheduler sees them.
pub(crate) fn seen(settings: &[ProxySettings], live: &LiveProxies) -> Vec<Proxy> {
    let all = settings.iter();
    all.map(|proxy| Proxy {
        settings: proxy.clone(),
        answers: !proxy.cut_off,
        rate: live.proxies.get(&proxy.id).and_then(|work| work.rate),
    })
    .collect()
}

fn headline(settings: &[ProxySettings], live: &LiveProxies) -> String {
    let works = |it: &&ProxySettings| it.state == ProxyState::Enabled && !it.cut_off;
    let able = settings.iter().filter(works).count();
    let disks: usize = live
        .proxies
        .values()
        .flat_map(|work| &work.tasks)
        .filter(|task| task.reads.is_some())
        .count();
    let mut words = format!(
        "{able} of {} at work; {} carried",
        counted(settings.len(), "proxy", "proxies"),
        counted(disks, "disk is", "disks are")
    );
    if !live.waiting.is_empty() {
        let waiting = counted(live.waiting.len(), "disk waits", "disks wait");
        words = format!("{words}, {waiting}");
    }
    format!("{words}.")
}

fn modes_words(proxy: &ProxySettings) -> String {
    let mut modes = proxy.modes.clone();
    modes.sort_by_key(|limit| limit.mode);
    let each: Vec<String> = modes.iter().map(mode_words).collect();
    let mut words = each.join(", then ");
    if modes.len() > 1 && !proxy.falls_back {
        words = format!("{words} (does not fall back)");
    }
    for (what, some) in [
        ("hosts", only(&proxy.hosts)),
        ("datastores", only(&proxy.datastores)),
    ] {
        if let Some(some) = some {
            words = format!("{words}; {what} {some} only");
        }
    }
    words
}

fn mode_words(limit: &ModeLimit) -> String {
    let words = limit.mode.words();
    limit.most.map_or_else(
        || words.to_owned(),
        |most| format!("{words} (at most {most} at a time)"),
    )
}

fn only<T: Ord + ToString>(reach: &Reach<T>) -> Option<String> {
    match reach {
        Reach::All => None,
        Reach::Only(some) => {
            let names: Vec<String> = some.iter().map(ToString::to_string).collect();
            Some(names.join(", "))
        }
    }
}

fn task(names: &DiskNames, task: &LiveTask) -> ProxyTaskView {
    let role = match (task.reads, task.writes) {
        (Some(mode), Some(_)) => format!("reads and writes by {}", mode.words()),
        (Some(mode), None) => format!("reads by {}", mode.words()),
        (None, Some(mode)) => format!("writes by {}", mode.words()),
        (None, None) => String::new(),
    };
    ProxyTaskView {
        session: task.session.clone(),
        what: names.of_disk(&task.session, &task.disk),
        role,
        rate: task.rate,
    }
}

/// Disks of the sessions at work, by the names that people know.
struct DiskNames(BTreeMap<(SessionId, DiskKey), String>);

impl DiskNames {
    fn of(estate: &Estate) -> Self {
        let sessions = estate.running().iter().map(|work| &work.row);
        let disks = sessions.flat_map(|row| {
            row.layout.iter().map(|disk| {
                let what = format!("{}, disk {}", row.vm_name, disk.name);
                ((row.id.clone(), disk.key.clone()), what)
            })
        });
        Self(disks.collect())
    }

    fn of_disk(&self, session: &SessionId, disk: &DiskKey) -> String {
        let found = self.0.get(&(session.clone(), disk.clone()));
        found.cloned().unwrap_or_else(|| format!("disk {disk}"))
    }
}

/// Whether an action has anything to do with a proxy as it is.
const fn applies(action: ProxyAction, proxy: &ProxySettings, lab: bool) -> bool {
    match (action, proxy.state) {
        (ProxyAction::Enable, ProxyState::Draining | ProxyState::Disabled)
        | (ProxyAction::Drain, ProxyState::Enabled)
        | (ProxyAction::Disable, ProxyState::Enabled | ProxyState::Draining) => true,
        (ProxyAction::Enable, ProxyState::Enabled)
        | (ProxyAction::Drain, ProxyState::Draining | ProxyState::Disabled)
        | (ProxyAction::Disable, ProxyState::Disabled) => false,
        (ProxyAction::CutOff, _) => lab && !proxy.cut_off,
        (ProxyAction::Reconnect, _) => proxy.cut_off,
    }
}

/// Proxies at the same site that could take tasks over.
fn stand_ins<'a>(
    proxy: &'a ProxySettings,
    all: &'a [ProxySettings],
) -> impl Iterator<Item = &'a ProxySettings> {
    all.iter().filter(|other| {
        other.id != proxy.id
            && other.site == proxy.site
            && other.state == ProxyState::Enabled
            && !other.cut_off
    })
}

fn carried(work: &LiveProxy) -> String {
    counted(work.tasks.len(), "disk", "disks")
}
