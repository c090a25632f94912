//! The network of each adapter: one of the same name, else the first that the host reaches.

use model::{Adapter, MacChoice};
use store::{NetworkChoice, PlacementChoice};

use super::{
    Pick, Placed, PlacedAdapter, Row,
    find::{host_name, tell},
    problem::Problem,
    reach::Reach,
};

/// Attaches the adapters.
pub(super) fn place(vm: &mut Placed<'_>, choice: &PlacementChoice, reach: Option<&Reach<'_>>) {
    for adapter in &vm.subject.source.adapters {
        let chosen = choice.networks.get(&adapter.mac);
        let pick = Pick::of(chosen, || reach.and_then(|reach| proposal(reach, adapter)));
        let mac = Pick::of(choice.macs.get(&adapter.mac), || Some(MacChoice::Keep));
        let row = Row::Adapter(adapter.mac.clone());
        let found = problems(vm, adapter, &pick, reach);
        for problem in found.into_iter().chain(twice(vm, adapter, &mac)) {
            tell(vm, row.clone(), problem);
        }
        vm.adapters.push(PlacedAdapter { network: pick, mac });
    }
}

/// A kept address that the original has too, where both would be seen.
fn twice(vm: &Placed<'_>, adapter: &Adapter, mac: &Pick<MacChoice>) -> Option<Problem> {
    let original = vm.subject.original?;
    let kept = mac.value == Some(MacChoice::Keep);
    let has_it = |other: &Adapter| other.mac.eq_ignore_ascii_case(&adapter.mac);
    let both = kept
        && vm.site.is_some_and(|site| site.site == original.vm.site)
        && original.adapters.iter().any(has_it);
    both.then(|| Problem::AddressTwice {
        mac: adapter.mac.clone(),
        original: original.name.clone(),
    })
}

fn proposal(reach: &Reach<'_>, adapter: &Adapter) -> Option<NetworkChoice> {
    let Some(source) = &adapter.network else {
        return Some(NetworkChoice::Disconnected);
    };
    let same = reach.networks().find(|it| it.name == *source);
    let found = same.or_else(|| reach.networks().next())?;
    Some(NetworkChoice::To(found.id.clone()))
}

fn problems(
    vm: &Placed<'_>,
    adapter: &Adapter,
    pick: &Pick<NetworkChoice>,
    reach: Option<&Reach<'_>>,
) -> Vec<Problem> {
    let (Some(site), Some(reach)) = (vm.site, reach) else {
        return Vec::new();
    };
    let host = host_name(vm);
    let mut found = Vec::new();
    match &pick.value {
        None => found.push(Problem::NoNetwork { host }),
        Some(NetworkChoice::Disconnected) => {}
        Some(NetworkChoice::To(id)) => {
            match site.resources.networks.iter().find(|it| it.id == *id) {
                None => found.push(Problem::NetworkGone { id: id.to_string() }),
                Some(network) if !reach.reaches_network(id) => {
                    found.push(Problem::NetworkElsewhere {
                        network: network.name.clone(),
                        host,
                    });
                }
                Some(network) => {
                    let source = adapter.network.as_ref();
                    if let Some(source) = source.filter(|it| **it != network.name && !pick.chosen) {
                        found.push(Problem::NetworkOther {
                            source: source.clone(),
                            site: site.name.clone(),
                        });
                    }
                }
            }
        }
    }
    if let Some(address) = &adapter.address {
        found.push(Problem::AddressStays {
            address: address.clone(),
        });
    }
    found
}
