//! Pool, folder, files and adapters of a VM whose host is known.

use store::{FolderChoice, PlacementChoice, PoolChoice};

use super::{
    Finding, Pick, Placed, Row, files, network,
    problem::Problem,
    reach::{Reach, compute_name},
};

/// Fills in everything but host and name.
pub(super) fn the_rest(vm: &mut Placed<'_>, choice: &PlacementChoice) {
    let site = vm.site;
    let compute = vm.compute.value.clone();
    let reach = site
        .zip(compute.as_ref())
        .and_then(|(site, compute)| Reach::of(&site.resources, compute));
    pool(vm, choice, reach.as_ref());
    folder(vm, choice, reach.as_ref());
    let tagged = !vm.subject.source.tags.is_empty();
    vm.restore_tags = Pick::of(choice.restore_tags.as_ref(), || Some(tagged));
    files::place(vm, choice, reach.as_ref());
    network::place(vm, choice, reach.as_ref());
}

/// What operators call the chosen host or cluster.
pub(crate) fn host_name(vm: &Placed<'_>) -> String {
    match (vm.site, &vm.compute.value) {
        (Some(site), Some(compute)) => compute_name(&site.resources, compute).to_owned(),
        (None, _) | (_, None) => "no host".to_owned(),
    }
}

pub(super) fn tell(vm: &mut Placed<'_>, row: Row, problem: Problem) {
    vm.findings.push(Finding { row, problem });
}

/// The original's pool where it applies, else none.
fn pool(vm: &mut Placed<'_>, choice: &PlacementChoice, reach: Option<&Reach<'_>>) {
    let pools = vm.site.map_or(&[][..], |site| &site.resources.pools);
    let of_original = vm
        .subject
        .original
        .and_then(|vm| vm.placement.pool.as_ref());
    vm.pool = Pick::of(choice.pool.as_ref(), || {
        let reach = reach?;
        let same = pools
            .iter()
            .find(|pool| Some(&pool.id) == of_original && reach.offers_pool(pool));
        Some(same.map_or(PoolChoice::Top, |pool| PoolChoice::In(pool.id.clone())))
    });
    let (Some(PoolChoice::In(id)), Some(site)) = (&choice.pool, vm.site) else {
        return;
    };
    let problem = match pools.iter().find(|pool| pool.id == *id) {
        None => Some(Problem::PoolGone { id: id.to_string() }),
        Some(pool) if reach.is_some_and(|reach| !reach.offers_pool(pool)) => {
            Some(Problem::PoolElsewhere {
                pool: pool.name.clone(),
                of: compute_name(&site.resources, &pool.of).to_owned(),
                host: host_name(vm),
            })
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        tell(vm, Row::Vm, problem);
    }
}

/// The original's folder where it is still there, else none. A standalone host has none, and what
/// was chosen for another waits.
fn folder(vm: &mut Placed<'_>, choice: &PlacementChoice, reach: Option<&Reach<'_>>) {
    let folders = vm.site.map_or(&[][..], |site| &site.resources.folders);
    if reach.is_some_and(Reach::is_standalone) {
        vm.folder = Pick {
            value: Some(FolderChoice::Top),
            chosen: true,
        };
        if let Some(FolderChoice::In(id)) = &choice.folder {
            let known = folders.iter().find(|folder| folder.id == *id);
            let folder = known.map_or_else(|| id.to_string(), |it| it.path.clone());
            let host = host_name(vm);
            tell(vm, Row::Vm, Problem::FolderUnused { folder, host });
        }
        return;
    }
    let of_original = vm
        .subject
        .original
        .and_then(|vm| vm.placement.folder.as_ref());
    vm.folder = Pick::of(choice.folder.as_ref(), || {
        reach?;
        let same = folders.iter().find(|it| Some(&it.id) == of_original);
        Some(same.map_or(FolderChoice::Top, |it| FolderChoice::In(it.id.clone())))
    });
    if let (Some(FolderChoice::In(id)), true) = (&choice.folder, vm.site.is_some())
        && !folders.iter().any(|folder| folder.id == *id)
    {
        tell(vm, Row::Vm, Problem::FolderGone { id: id.to_string() });
    }
}
