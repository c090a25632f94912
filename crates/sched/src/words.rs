//! Reasons as sentences for an operator.

use model::{ProxyId, SiteId, TransportMode};

use crate::{
    Assignment, Block, Blocked, End, LeaveWhy, Leaving, ListFinding, Loser, Lost, Obstacle, Proxy,
    Refusal, Seat, Waiting,
};

/// What operators call proxies and sites.
pub trait Names {
    /// A proxy's name.
    fn proxy(&self, id: &ProxyId) -> String;
    /// A site's name.
    fn site(&self, id: &SiteId) -> String;
}

/// Proxies by their settings, sites by their ids.
impl Names for [Proxy] {
    fn proxy(&self, id: &ProxyId) -> String {
        let found = self.iter().find(|proxy| proxy.id() == id);
        found.map_or_else(|| id.to_string(), |proxy| proxy.settings.name.clone())
    }

    fn site(&self, id: &SiteId) -> String {
        id.to_string()
    }
}

/// Who reads and who writes, and why nobody else.
pub fn reasons<N: Names + ?Sized>(assignment: &Assignment, names: &N) -> Vec<String> {
    let Assignment { source, target, .. } = assignment;
    let mut all = vec![taken(End::Source, source, names)];
    all.push(taken(End::Target, target, names));
    if source.proxy == target.proxy {
        let name = names.proxy(&source.proxy);
        all.push(format!("{name} serves both ends and takes one slot."));
    }
    let losers = assignment.losers.iter();
    all.extend(losers.map(|loser| lost(loser, names)));
    all
}

fn taken<N: Names + ?Sized>(end: End, seat: &Seat, names: &N) -> String {
    let passed_over: String = seat
        .passed_over
        .iter()
        .map(|(mode, what)| format!(" Not by {}: {}.", mode.words(), obstacle(what)))
        .collect();
    format!(
        "{} through {} by {}, {} of {} slots in use with this disk.{passed_over}",
        verb(end),
        names.proxy(&seat.proxy),
        seat.mode.words(),
        seat.running,
        seat.slots
    )
}

fn lost<N: Names + ?Sized>(loser: &Loser, names: &N) -> String {
    let why = match &loser.why {
        Lost::Refused(why) => refusal(why),
        Lost::WorseMode(mode) => format!("it can use {} only", mode.words()),
        Lost::TakesASecond => "one proxy alone serves both ends".to_owned(),
        Lost::Busier { running, slots } => {
            format!("it carries more, with {running} of {slots} slots in use")
        }
        Lost::Slower(rate) => format!("its tasks were slower, with {rate}"),
        Lost::Later => "it is as good, and comes later in order".to_owned(),
    };
    let purpose = match loser.end {
        End::Source => "to read",
        End::Target => "to write",
    };
    format!(
        "{} was not taken {purpose}: {why}.",
        names.proxy(&loser.proxy)
    )
}

/// Why a disk waits.
pub fn waiting<N: Names + ?Sized>(waiting: &Waiting, names: &N) -> String {
    let each: Vec<String> = waiting
        .blocked
        .iter()
        .map(|blocked| nobody(blocked, names))
        .collect();
    each.join(" ")
}

fn nobody<N: Names + ?Sized>(blocked: &Blocked, names: &N) -> String {
    let purpose = match blocked.end {
        End::Source => "read the source disk",
        End::Target => "write the target disk",
    };
    let site = names.site(&blocked.site);
    match &blocked.why {
        Block::NoProxy => {
            format!("{site} has no proxy that could {purpose}: add one on the proxies page.")
        }
        Block::NoneCan(refused) => {
            let each: Vec<String> = refused
                .iter()
                .map(|(id, why)| format!("{}: {}", names.proxy(id), refusal(why)))
                .collect();
            format!("No proxy at {site} can {purpose} now. {}.", each.join("; "))
        }
    }
}

/// Why a proxy cannot serve, to be read after its name and a colon.
#[must_use]
pub fn refusal(why: &Refusal) -> String {
    match why {
        Refusal::Elsewhere(_) => "it stands at another site".to_owned(),
        Refusal::NotListed => "it was not picked for this failback".to_owned(),
        Refusal::Disabled => "it is disabled".to_owned(),
        Refusal::Draining => "it is draining and gets no new tasks".to_owned(),
        Refusal::Silent => "it does not answer".to_owned(),
        Refusal::NoMode { tried, untried } => no_mode(tried, untried),
        Refusal::NoFreeSlot { running, slots } => {
            format!("it has no free slot, with {running} of {slots} in use")
        }
    }
}

fn no_mode(tried: &[(TransportMode, Obstacle)], untried: &[TransportMode]) -> String {
    if tried.is_empty() {
        return "it has no transport mode".to_owned();
    }
    let each: Vec<String> = tried
        .iter()
        .map(|(mode, what)| format!("not by {}, {}", mode.words(), obstacle(what)))
        .collect();
    let each = each.join(", ");
    if untried.is_empty() {
        return format!("it cannot reach the disk now ({each})");
    }
    format!("it cannot reach the disk now ({each}) and does not fall back to another mode")
}

fn obstacle(what: &Obstacle) -> String {
    match what {
        Obstacle::NotOffered => "which the platform does not offer".to_owned(),
        Obstacle::Host(host) => format!("which does not reach host {host}"),
        Obstacle::HostUnknown => "as the VM's host is not known".to_owned(),
        Obstacle::Datastore(datastore) => format!("which does not reach datastore {datastore}"),
        Obstacle::DatastoreUnknown => "as the disk's datastore is not known".to_owned(),
        Obstacle::Full { running, most } => {
            format!("which {running} tasks use and {most} may")
        }
    }
}

/// Why a task leaves a proxy, as a sentence.
pub fn leaving<N: Names + ?Sized>(leaving: &Leaving, names: &N) -> String {
    let name = names.proxy(&leaving.proxy);
    match leaving.why {
        LeaveWhy::Disabled => format!("{name} was disabled."),
        LeaveWhy::Silent => format!("{name} does not answer any more."),
        LeaveWhy::Gone => format!("{name} was removed."),
    }
}

/// What a list picked by hand lacks, with the next step.
pub fn finding<N: Names + ?Sized>(finding: &ListFinding, names: &N) -> String {
    match finding {
        ListFinding::Unknown(id) => format!(
            "The proxy {} is not there any more. Take it off the list.",
            names.proxy(id)
        ),
        ListFinding::None { end, site } => {
            let what = match end {
                End::Source => "read the replicas' disks",
                End::Target => "write the production VMs' disks",
            };
            let site = names.site(site);
            format!("No proxy at {site} is picked, and one must {what} there.")
        }
        ListFinding::Few { site, listed } => format!(
            "Only {listed} proxy at {} is picked: when it fails, the failback stands still. Pick \
             two.",
            names.site(site)
        ),
    }
}

const fn verb(end: End) -> &'static str {
    match end {
        End::Source => "Read",
        End::Target => "Written",
    }
}
