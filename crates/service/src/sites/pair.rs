//! Which VM may be the replica of which, and which disks pair: proposed from identity, names and
//! sizes, decided by the operator.

use model::{
    ApiError, DiskInfo, DiskKey, DiskPair, NewPair, SiteId, SiteRole, VmInfo, VmRef,
    view::{PairDisk, PairInput, PairProposal, PairQuery, PairView},
};

use super::{is_at, named};
use crate::{
    Service,
    estate::Estate,
    refusal::{invalid, not_found},
};

/// What replication tools put after a name.
const SUFFIXES: [&str; 4] = ["replica", "copy", "dr", "failover"];

impl Service {
    /// The form for one pair.
    ///
    /// # Errors
    /// When the VM is not there or is a replica already.
    pub async fn pair_view(&self, query: &PairQuery) -> Result<PairView, ApiError> {
        let estate = self.estate().await?;
        let vm = candidate(&estate, &query.vm)?;
        let originals = originals(&estate, vm);
        let chosen = if query.original.is_empty() {
            originals
                .first()
                .filter(|best| best.speaks())
                .map(|it| it.vm)
        } else {
            originals
                .iter()
                .map(|it| it.vm)
                .find(|it| text(&it.vm) == query.original)
        };
        let proposed = chosen
            .map(|original| propose(vm, original))
            .unwrap_or_default();
        Ok(PairView {
            vm: vm.vm.clone(),
            replica: named(&estate, &vm.vm),
            original: chosen.map(|it| text(&it.vm)),
            disks: vm
                .disks
                .iter()
                .map(|disk| PairDisk {
                    key: disk.key.clone(),
                    words: disk_words(disk),
                    choices: chosen.map(choices).unwrap_or_default(),
                    chosen: pair_of(&proposed, &disk.key),
                })
                .collect(),
            left_over: chosen
                .map(|it| left_over(it, &proposed))
                .unwrap_or_default(),
            originals: originals
                .iter()
                .map(|it| (text(&it.vm.vm), it.words(&estate)))
                .collect(),
        })
    }
}

/// The VMs that may be registered, each with its best original.
pub(super) fn proposals(estate: &Estate) -> Vec<PairProposal> {
    let at_dr = estate.vms().filter(|vm| may_be_replica(estate, &vm.vm));
    at_dr
        .map(|vm| {
            let originals = originals(estate, vm);
            let best = originals.first().filter(|best| best.speaks());
            PairProposal {
                vm: vm.vm.clone(),
                replica: named(estate, &vm.vm),
                original: best.map(|best| best.words(estate)),
            }
        })
        .collect()
}

/// Checks what a form sent.
pub(super) fn checked(estate: &Estate, input: &PairInput) -> Result<NewPair, ApiError> {
    let vm = candidate(estate, &input.vm)?;
    let originals = originals(estate, vm);
    let original = originals
        .iter()
        .map(|it| it.vm)
        .find(|it| text(&it.vm) == input.original);
    let original = original.ok_or_else(|| {
        invalid(
            "original",
            "No original is chosen.",
            "Choose the VM that this one is a copy of.",
        )
    })?;
    let mut pairs: Vec<DiskPair> = Vec::new();
    for line in input.disks.iter().filter(|line| !line.ends_with('=')) {
        let pair = disk_pair(vm, original, line)?;
        if pairs.iter().any(|it| it.production == pair.production) {
            return Err(invalid(
                "disks",
                format!("Disk {} of the original is chosen twice.", pair.production),
                "Pair each disk with another one.",
            ));
        }
        if pairs.iter().any(|it| it.replica == pair.replica) {
            return Err(invalid(
                "disks",
                format!("Disk {} of the replica is named twice.", pair.replica),
                "Load the page again, and pair each disk once.",
            ));
        }
        pairs.push(pair);
    }
    if pairs.is_empty() {
        return Err(invalid(
            "disks",
            "No disk has a pair.",
            "Pair at least one disk.",
        ));
    }
    Ok(NewPair {
        replica: vm.vm.clone(),
        original: original.vm.clone(),
        disk_pairs: pairs,
    })
}

fn disk_pair(vm: &VmInfo, original: &VmInfo, line: &str) -> Result<DiskPair, ApiError> {
    let unknown = || {
        invalid(
            "disks",
            format!("There is no pair {line}."),
            "Load the page again.",
        )
    };
    let (replica, production) = line.split_once('=').ok_or_else(unknown)?;
    let of = |vm: &VmInfo, key: &str| vm.disks.iter().find(|it| it.key.as_str() == key).cloned();
    let replica = of(vm, replica).ok_or_else(unknown)?;
    let production = of(original, production).ok_or_else(unknown)?;
    if replica.size != production.size {
        return Err(invalid(
            "disks",
            format!(
                "{} and {} differ in size, so neither is a copy of the other.",
                disk_words(&replica),
                disk_words(&production)
            ),
            "Pair disks of the same size, or leave this one without a pair.",
        ));
    }
    Ok(DiskPair {
        replica: replica.key,
        production: production.key,
    })
}

fn may_be_replica(estate: &Estate, vm: &VmRef) -> bool {
    is_at(estate, vm, SiteRole::DisasterRecovery) && !estate.is_replica(vm)
}

fn candidate<'a>(estate: &'a Estate, text: &str) -> Result<&'a VmInfo, ApiError> {
    let vm = parse(text).and_then(|vm| estate.vm(&vm));
    let vm = vm.filter(|vm| may_be_replica(estate, &vm.vm));
    vm.ok_or_else(|| {
        not_found(
            "There is no such VM that could be registered.",
            "Load the sites page again: it may be registered already, or gone.",
        )
    })
}

/// A VM that may be the original, and what speaks for it.
struct Original<'a> {
    vm: &'a VmInfo,
    identity: bool,
    name: bool,
    disks: bool,
}

impl Original<'_> {
    const fn speaks(&self) -> bool {
        self.identity || self.name
    }

    fn words(&self, estate: &Estate) -> String {
        let reasons = [
            (self.identity, "same identity"),
            (self.name, "same name"),
            (self.disks, "disks of the same sizes"),
        ];
        let reasons: Vec<&str> = reasons
            .into_iter()
            .filter_map(|(is, words)| is.then_some(words))
            .collect();
        let name = named(estate, &self.vm.vm);
        if reasons.is_empty() {
            return name;
        }
        format!("{name} ({})", reasons.join(", "))
    }
}

/// The VMs at production sites, the best first.
fn originals<'a>(estate: &'a Estate, replica: &VmInfo) -> Vec<Original<'a>> {
    let at_production = estate
        .vms()
        .filter(|vm| is_at(estate, &vm.vm, SiteRole::Production))
        .filter(|vm| estate.protected_by(&vm.vm).is_none());
    let mut originals: Vec<Original<'a>> = at_production
        .map(|vm| Original {
            identity: vm.identity.is_some() && vm.identity == replica.identity,
            name: bare(&vm.name) == bare(&replica.name),
            disks: sizes(vm) == sizes(replica),
            vm,
        })
        .collect();
    originals.sort_by_key(|it| (!it.identity, !it.name, !it.disks));
    originals
}

fn sizes(vm: &VmInfo) -> Vec<u64> {
    let mut sizes: Vec<u64> = vm.disks.iter().map(|disk| disk.size.0).collect();
    sizes.sort_unstable();
    sizes
}

/// A name without what replication tools put after it.
fn bare(name: &str) -> String {
    let name = name.to_lowercase();
    for suffix in SUFFIXES {
        let cut = name
            .strip_suffix(suffix)
            .map(|it| it.trim_end_matches(['-', '_', '.', ' ']));
        if let Some(cut) =
            cut.filter(|cut| !cut.is_empty() && cut.len() + suffix.len() < name.len())
        {
            return cut.to_owned();
        }
    }
    name
}

/// Disks pair by key where the sizes agree, then in order among those of the same size.
fn propose(replica: &VmInfo, original: &VmInfo) -> Vec<DiskPair> {
    let mut free: Vec<&DiskInfo> = original.disks.iter().collect();
    let mut pairs = Vec::new();
    let mut rest = Vec::new();
    for disk in &replica.disks {
        let same = |it: &&DiskInfo| it.key == disk.key && it.size == disk.size;
        match free.iter().position(same) {
            Some(at) => pairs.push(pair(disk, free.remove(at))),
            None => rest.push(disk),
        }
    }
    for disk in rest {
        if let Some(at) = free.iter().position(|it| it.size == disk.size) {
            pairs.push(pair(disk, free.remove(at)));
        }
    }
    pairs
}

fn pair(replica: &DiskInfo, production: &DiskInfo) -> DiskPair {
    DiskPair {
        replica: replica.key.clone(),
        production: production.key.clone(),
    }
}

fn pair_of(pairs: &[DiskPair], replica: &DiskKey) -> Option<DiskKey> {
    let found = pairs.iter().find(|pair| pair.replica == *replica);
    found.map(|pair| pair.production.clone())
}

fn choices(original: &VmInfo) -> Vec<(DiskKey, String)> {
    let disks = original.disks.iter();
    disks
        .map(|disk| (disk.key.clone(), disk_words(disk)))
        .collect()
}

fn left_over(original: &VmInfo, pairs: &[DiskPair]) -> Vec<String> {
    let free = original
        .disks
        .iter()
        .filter(|disk| pairs.iter().all(|pair| pair.production != disk.key));
    free.map(disk_words).collect()
}

fn disk_words(disk: &DiskInfo) -> String {
    format!("{}, {}", disk.name, disk.size)
}

/// A VM as forms send it.
pub(super) fn text(vm: &VmRef) -> String {
    format!("{}/{}", vm.site, vm.platform_id)
}

pub(super) fn parse(text: &str) -> Option<VmRef> {
    let (site, platform_id) = text.split_once('/')?;
    Some(VmRef {
        site: SiteId::new(site),
        platform_id: platform_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_put_after_a_name_is_no_part_of_it() {
        for (name, expected) in [
            ("Shop-01_replica", "shop-01"),
            ("shop-01", "shop-01"),
            ("db-dr", "db"),
            ("replica", "replica"),
            ("medr", "medr"),
        ] {
            assert_eq!(bare(name), expected, "{name}");
        }
    }
}
