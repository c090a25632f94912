//! From the answers about sites and pairs to what the pages show and ask.

use model::{
    DiskKey, SiteId, SiteRole, Timestamp, VmRef,
    view::{ConnectedSite, PairQuery, SitesView},
};

use crate::{
    components::{error_summary::field_id, list_nav::types::address},
    words,
};

/// The page.
pub const PLACE: &str = "/sites";
/// How often it asks again while a request is at work.
const SOON_SECONDS: u32 = 2;
/// How often it asks again otherwise.
const SELDOM_SECONDS: u32 = 5;

/// A confirmation that the address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Forget a site.
    Site {
        /// Which.
        id: SiteId,
        /// Its name.
        name: String,
    },
    /// Forget a pair.
    Pair {
        /// The VM at the DR site.
        vm: VmRef,
        /// Its name and site.
        replica: String,
        /// The original's name and site.
        original: String,
    },
}

/// The question of an address; none when it is not possible now.
pub fn question(
    view: &SitesView,
    confirm: Option<&str>,
    site: Option<&str>,
    vm: Option<&str>,
) -> Option<Question> {
    match confirm? {
        "forget-site" => {
            let mut sites = view.sites.iter().filter(|it| why_kept(it).is_none());
            let found = sites.find(|it| Some(it.id.as_str()) == site)?;
            Some(Question::Site {
                id: found.id.clone(),
                name: found.name.clone(),
            })
        }
        "forget-pair" => {
            let mut pairs = view.pairs.iter().filter(|it| it.keep_why.is_none());
            let found = pairs.find(|it| Some(it.vm.to_string().as_str()) == vm)?;
            Some(Question::Pair {
                vm: found.vm.clone(),
                replica: found.replica.clone(),
                original: found.original.clone(),
            })
        }
        _ => None,
    }
}

/// The address that asks whether to forget a site.
pub fn forget_site_href(id: &SiteId) -> String {
    ask_href("forget-site", "site", id.to_string())
}

/// The address that asks whether to forget a pair.
pub fn forget_pair_href(vm: &VmRef) -> String {
    ask_href("forget-pair", "vm", vm.to_string())
}

fn ask_href(confirm: &str, field: &str, value: String) -> String {
    let fields = [("confirm", confirm.to_owned()), (field, value)];
    address(PLACE, fields.map(|(name, value)| (name.to_owned(), value)))
}

/// The address of the form that registers a VM.
pub fn pair_href(vm: &VmRef) -> String {
    address("/sites/pair", [("vm".to_owned(), vm.to_string())])
}

/// Which form for a pair an address asks for.
pub fn pair_query(vm: Option<&str>, original: Option<&str>) -> PairQuery {
    PairQuery {
        vm: vm.unwrap_or_default().to_owned(),
        original: original.unwrap_or_default().to_owned(),
    }
}

/// The state of the whole: `3 sites, 1 cannot be read; 2 pairs are registered.`
pub fn headline(view: &SitesView) -> String {
    let sites = words::counted(view.sites.len(), "site");
    let unread = view.sites.iter().filter(|it| it.error.is_some()).count();
    let unread = match unread {
        0 => String::new(),
        count => format!(", {} cannot be read", words::grouped(count)),
    };
    let are = if view.pairs.len() == 1 { "is" } else { "are" };
    let pairs = words::counted(view.pairs.len(), "pair");
    format!("{sites}{unread}; {pairs} {are} registered.")
}

/// What is at work, or how the newest request ended: a symbol and words.
pub fn status(view: &SitesView) -> Option<(&'static str, String)> {
    if view.at_work {
        let words = "The request is at work. This takes some seconds.";
        return Some(("working", words.to_owned()));
    }
    let ended = match view.last_result.as_ref()? {
        Ok(done) => ("done", done.clone()),
        Err(cause) => ("attention", format!("The newest request failed: {cause}")),
    };
    Some(ended)
}

/// How many seconds later the page asks again.
pub const fn refresh_seconds(at_work: bool) -> u32 {
    if at_work {
        SOON_SECONDS
    } else {
        SELDOM_SECONDS
    }
}

/// What a site is for.
pub const fn role_words(role: SiteRole) -> &'static str {
    match role {
        SiteRole::Production => "Production",
        SiteRole::DisasterRecovery => "Disaster recovery",
    }
}

/// What the form sends for it.
pub const fn role_value(role: SiteRole) -> &'static str {
    match role {
        SiteRole::Production => "production",
        SiteRole::DisasterRecovery => "disaster_recovery",
    }
}

/// How many VMs a site has.
pub fn vms_words(site: &ConnectedSite) -> String {
    site.vms
        .map_or_else(|| "not known yet".to_owned(), words::grouped)
}

/// When a site was read last.
pub fn read_words(read_at: Option<Timestamp>) -> String {
    read_at.map_or_else(|| "not read yet".to_owned(), Timestamp::utc_text)
}

/// Why a site cannot be forgotten; none when it can.
pub fn why_kept(site: &ConnectedSite) -> Option<String> {
    match site.uri {
        Some(_) => site.keep_why.clone(),
        None => Some("It is part of the lab.".to_owned()),
    }
}

/// The best original of a VM, in words.
pub fn proposed_words(original: Option<&str>) -> String {
    original.map_or_else(
        || "None stands out. Choose it in the form.".to_owned(),
        str::to_owned,
    )
}

/// A disk of the replica and what it is paired with, as the form sends it; without the latter it has
/// no pair.
pub fn pair_value(replica: &DiskKey, original: Option<&DiskKey>) -> String {
    let original = original.map_or("", DiskKey::as_str);
    format!("{replica}={original}")
}

/// The id of the field of a disk. The error summary leads to the first of them.
pub fn disk_id(index: usize) -> String {
    match index {
        0 => field_id("disks"),
        _ => format!("{}-{index}", field_id("disks")),
    }
}

#[cfg(test)]
mod tests {
    use model::view::RegisteredPair;

    use super::*;

    fn vm(id: &str) -> VmRef {
        VmRef {
            site: SiteId::new("s-2"),
            platform_id: id.to_owned(),
        }
    }

    fn site(id: &str, uri: Option<&str>) -> ConnectedSite {
        ConnectedSite {
            id: SiteId::new(id),
            name: format!("Site {id}"),
            role: SiteRole::DisasterRecovery,
            uri: uri.map(str::to_owned),
            vms: Some(1_200),
            read_at: Some(Timestamp(0)),
            error: None,
            keep_why: None,
        }
    }

    fn pair() -> RegisteredPair {
        RegisteredPair {
            vm: vm("a b"),
            replica: "shop-01 at Lyon".to_owned(),
            original: "shop-01 at Hamburg".to_owned(),
            disks: "vda".to_owned(),
            keep_why: None,
        }
    }

    fn view() -> SitesView {
        SitesView {
            sites: vec![site("s-1", None), site("s-2", Some("qemu:///system"))],
            at_work: false,
            last_result: None,
            pairs: vec![pair()],
            proposals: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn only_what_is_possible_is_asked() {
        let mut view = view();
        let of_site = |view: &SitesView, id| question(view, Some("forget-site"), Some(id), None);
        let of_pair = |view: &SitesView, vm| question(view, Some("forget-pair"), None, Some(vm));
        assert_eq!(question(&view, None, Some("s-2"), None), None);
        assert_eq!(question(&view, Some("nonsense"), Some("s-2"), None), None);
        assert_eq!(of_site(&view, "s-1"), None, "a site of the lab");
        assert_eq!(of_site(&view, "s-3"), None);
        assert_eq!(of_pair(&view, "s-2/c"), None);
        let asked = Question::Site {
            id: SiteId::new("s-2"),
            name: "Site s-2".to_owned(),
        };
        assert_eq!(of_site(&view, "s-2"), Some(asked));
        let asked = Question::Pair {
            vm: vm("a b"),
            replica: "shop-01 at Lyon".to_owned(),
            original: "shop-01 at Hamburg".to_owned(),
        };
        assert_eq!(of_pair(&view, "s-2/a b"), Some(asked));
        let in_use = Some("A session is at work.".to_owned());
        view.sites[1].keep_why.clone_from(&in_use);
        view.pairs[0].keep_why = in_use;
        assert_eq!(of_site(&view, "s-2"), None);
        assert_eq!(of_pair(&view, "s-2/a b"), None);
    }

    #[test]
    fn addresses_carry_whatever_ids_hold() {
        assert_eq!(
            forget_site_href(&SiteId::new("s-2")),
            "/sites?confirm=forget-site&site=s-2"
        );
        assert_eq!(
            forget_pair_href(&vm("a b")),
            "/sites?confirm=forget-pair&vm=s-2%2Fa%20b"
        );
        assert_eq!(pair_href(&vm("a&b")), "/sites/pair?vm=s-2%2Fa%26b");
        let asked = pair_query(Some("s-2/a"), None);
        assert_eq!((asked.vm.as_str(), asked.original.as_str()), ("s-2/a", ""));
    }

    #[test]
    fn the_headline_counts_sites_pairs_and_what_cannot_be_read() {
        let mut view = view();
        assert_eq!(headline(&view), "2 sites; 1 pair is registered.");
        view.sites[1].error = Some("The link is down.".to_owned());
        view.pairs.clear();
        assert_eq!(
            headline(&view),
            "2 sites, 1 cannot be read; 0 pairs are registered."
        );
    }

    #[test]
    fn work_hides_the_older_result_and_is_looked_at_more_often() {
        let mut view = view();
        assert_eq!(status(&view), None);
        view.last_result = Some(Ok("Lyon is connected.".to_owned()));
        assert_eq!(
            status(&view),
            Some(("done", "Lyon is connected.".to_owned()))
        );
        view.last_result = Some(Err("it cannot be reached".to_owned()));
        let failed = "The newest request failed: it cannot be reached".to_owned();
        assert_eq!(status(&view), Some(("attention", failed)));
        view.at_work = true;
        assert_eq!(status(&view).map(|(symbol, _)| symbol), Some("working"));
        assert_eq!([true, false].map(refresh_seconds), [2, 5]);
    }

    #[test]
    fn a_site_says_what_is_known_of_it() {
        let mut site = site("s-2", Some("qemu:///system"));
        assert_eq!(role_words(site.role), "Disaster recovery");
        assert_eq!(vms_words(&site), "1,200");
        assert_eq!(read_words(site.read_at), "1970-01-01 00:00:00 UTC");
        assert_eq!(why_kept(&site), None);
        site.vms = None;
        site.uri = None;
        assert_eq!(vms_words(&site), "not known yet");
        assert_eq!(read_words(None), "not read yet");
        assert_eq!(why_kept(&site).as_deref(), Some("It is part of the lab."));
    }

    #[test]
    fn disks_are_sent_with_what_they_pair_with() {
        let (replica, original) = (DiskKey::new("vda"), DiskKey::new("sda"));
        assert_eq!(pair_value(&replica, Some(&original)), "vda=sda");
        assert_eq!(pair_value(&replica, None), "vda=");
        assert_eq!([disk_id(0), disk_id(2)], ["field-disks", "field-disks-2"]);
    }
}
