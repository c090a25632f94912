//! Which existing VM a replica may return to in place of its original, and which match it.

use model::{LayoutFinding, PowerState, VmInfo, VmRef};
use store::ReplicaRow;

use super::{layout, pairing};
use crate::estate::{Estate, Lookup};

/// Why a replica cannot return to a VM, with the next step; none when it can. Disks are compared
/// apart from this.
pub(crate) fn why_not(estate: &Estate, replica: &ReplicaRow, vm: &VmInfo) -> Option<String> {
    let name = &vm.name;
    if estate.is_replica(&vm.vm) {
        return Some(format!(
            "{name} is itself a replica. Choose a VM that was restored."
        ));
    }
    if *estate.production_of(replica) == vm.vm || replica.original == vm.vm {
        return Some(format!(
            "{name} is the original VM. Choose \"Original VM\" at Destination to return to it."
        ));
    }
    if let Some(other) = estate.protected_by(&vm.vm) {
        return Some(format!(
            "{name} is the production VM of {}. Choose a VM that was restored from the original.",
            estate.vm_name(&other.vm)
        ));
    }
    if let Some(work) = estate.session_to(&vm.vm) {
        return Some(format!(
            "A failback of {} to {name} is at work already. Wait until it is over.",
            work.row.vm_name
        ));
    }
    if vm.power != PowerState::Off {
        return Some(format!(
            "{name} runs, and its content would be overwritten. Power it off at its platform first."
        ));
    }
    vm.held_by
        .as_ref()
        .map(|holder| format!("{name} is held by {holder}. Release it at its platform first."))
}

/// The disks of a replica against those of a VM, disk by disk.
pub(crate) fn layout(replica: &VmInfo, vm: &VmInfo) -> Vec<LayoutFinding> {
    layout::check(replica, vm, &pairing::by_layout(replica, vm)).findings
}

/// What a VM has in common with the VM that a replica was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) identity: bool,
    pub(crate) name: bool,
    pub(crate) layout: bool,
}

impl Match {
    /// Whether there is enough to propose the VM: that the disks fit alone says little.
    pub(crate) const fn is_proposable(self) -> bool {
        self.layout && (self.identity || self.name)
    }

    pub(crate) const fn is_none(self) -> bool {
        !self.identity && !self.name && !self.layout
    }

    /// "identity, name and disk layout".
    pub(crate) fn words(self) -> String {
        let parts = [
            (self.identity, "identity"),
            (self.name, "name"),
            (self.layout, "disk layout"),
        ];
        let said: Vec<&str> = parts
            .into_iter()
            .filter_map(|(matches, what)| matches.then_some(what))
            .collect();
        match said.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [all @ .., last] => format!("{} and {last}", all.join(", ")),
        }
    }
}

/// A replica as VMs are matched with it.
pub(crate) struct Wanted<'a> {
    vm: &'a VmInfo,
    identity: Option<&'a str>,
    name: String,
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(estate: &'a Estate, replica: &'a ReplicaRow) -> Option<Self> {
        let vm = estate.vm(&replica.vm)?;
        let original = estate.vm(&replica.original);
        Some(Self {
            vm,
            identity: original.unwrap_or(vm).identity.as_deref(),
            name: estate.production_name(replica).to_lowercase(),
        })
    }

    pub(crate) fn vm(&self) -> &VmInfo {
        self.vm
    }

    /// The VMs that match it by name or identity, each with what it has in common.
    pub(crate) fn alike(&self, among: Lookup<'a>) -> impl Iterator<Item = (Match, &'a VmInfo)> {
        let may_match = among.like(&self.name, self.identity);
        let matched = may_match.map(|(vm, name)| (self.matched(vm, name), vm));
        matched.filter(|(matched, _)| !matched.is_none())
    }

    /// What a VM, whose name in lower case is given too, has in common with it. The disks of VMs
    /// that have nothing else in common are not looked at.
    fn matched(&self, vm: &VmInfo, lower_name: &str) -> Match {
        let identity = self.identity.is_some() && self.identity == vm.identity.as_deref();
        let name = names(&self.name, lower_name);
        let layout = (identity || name) && self.fits(vm);
        Match {
            identity,
            name,
            layout,
        }
    }

    /// Whether the disks fit.
    pub(crate) fn fits(&self, vm: &VmInfo) -> bool {
        pairing::fits(self.vm, vm)
    }
}

/// Whether a name holds another as a word of its own: `web-01-restored` holds `web-01`, and
/// `web-010` does not.
fn names(wanted: &str, name: &str) -> bool {
    let ends = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    !wanted.is_empty()
        && name.match_indices(wanted).any(|(at, _)| {
            ends(name[..at].chars().next_back()) && ends(name[at + wanted.len()..].chars().next())
        })
}

/// A VM as a form sends it: `site/platform id`.
pub(crate) fn parse(text: &str) -> Option<VmRef> {
    let (site, platform_id) = text.split_once('/')?;
    Some(VmRef {
        site: model::SiteId::new(site),
        platform_id: platform_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_as_a_word_of_its_own() {
        for (name, holds) in [
            ("web-01", true),
            ("web-01-restored", true),
            ("restored web-01 (2)", true),
            ("web-010", false),
            ("myweb-01", false),
            ("web-02", false),
            ("", false),
        ] {
            assert_eq!(names("web-01", name), holds, "{name}");
        }
        assert!(!names("", "web-01"));
    }

    #[test]
    fn what_matched_reads_as_a_list() {
        let all = Match {
            identity: true,
            name: true,
            layout: true,
        };
        assert_eq!(all.words(), "identity, name and disk layout");
        let one = Match {
            layout: true,
            ..Match::default()
        };
        assert_eq!(
            (one.words().as_str(), one.is_proposable()),
            ("disk layout", false)
        );
        assert!(Match::default().is_none() && Match::default().words().is_empty());
    }
}
