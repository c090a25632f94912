//! The network of each adapter: one of the same name, else the first that the host reaches.

use model::Adapter;
use store::{NetworkChoice, PlacementChoice};

use super::{
    Pick, Placed, Row,
    find::{host_name, tell},
    problem::Problem,
    reach::Reach,
};

/// Attaches the adapters.
pub(super) fn place(vm: &mut Placed<'_>, choice: &PlacementChoice, reach: Option<&Reach<'_>>) {
    for adapter in &vm.subject.source.adapters {
        let chosen = choice.networks.get(&adapter.mac);
        let pick = Pick::of(chosen, || reach.and_then(|reach| proposal(reach, adapter)));
        let row = Row::Adapter(adapter.mac.clone());
        for problem in problems(vm, adapter, &pick, reach) {
            tell(vm, row.clone(), problem);
        }
        vm.adapters.push(pick);
    }
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
