//! The name of each VM: the chosen one, else the original's, with an addition where it is taken.
//! Names are compared without case, within a site.

use std::collections::BTreeMap;

use model::SiteId;
use store::PlacementChoice;

use super::{Finding, Pick, Placed, Row, Subject, World, problem::Problem};

/// The longest name that every platform takes.
const CHARACTERS: usize = 80;
/// What the name of the original gets where it is taken.
const ADDITION: &str = "-failback";

/// Who has a name, or will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    There,
    Promised,
    /// The chosen VM of this index.
    Chosen(usize),
}

type Names = BTreeMap<(SiteId, String), Holder>;

/// Names every VM that has a site. Chosen names go first, so that proposals avoid them.
pub(super) fn give(
    world: &World<'_>,
    vms: &mut [Placed<'_>],
    choices: &[(Subject<'_>, &PlacementChoice)],
) {
    let mut names = taken(world);
    for index in 0..vms.len() {
        let (_, choice) = choices[index];
        if let (Some(name), Some(site)) = (&choice.name, vms[index].site) {
            let key = (site.site.clone(), name.to_lowercase());
            match names.get(&key).cloned() {
                Some(holder) => {
                    let problem = clash(&holder, name, &site.name, vms);
                    vms[index].findings.push(Finding {
                        row: Row::Vm,
                        problem,
                    });
                }
                None => drop(names.insert(key, Holder::Chosen(index))),
            }
        }
    }
    for (index, (vm, (subject, choice))) in vms.iter_mut().zip(choices).enumerate() {
        let site = vm.site.map(|site| &site.site);
        vm.name = Pick::of(choice.name.as_ref(), || {
            let site = site?;
            let name = free_name(&names, site, subject.name);
            let key = (site.clone(), name.to_lowercase());
            names.insert(key, Holder::Chosen(index));
            Some(name)
        });
    }
}

fn taken(world: &World<'_>) -> Names {
    let mut names = Names::new();
    for (site, name) in &world.promised {
        names.insert((site.clone(), name.to_lowercase()), Holder::Promised);
    }
    for site in &world.sites {
        for vm in &site.vms {
            let key = (site.site.clone(), vm.name.to_lowercase());
            names.insert(key, Holder::There);
        }
    }
    names
}

fn clash(holder: &Holder, name: &str, site: &str, vms: &[Placed<'_>]) -> Problem {
    let (name, site) = (name.to_owned(), site.to_owned());
    match holder {
        Holder::There => Problem::NameTaken { name, site },
        Holder::Promised => Problem::NamePromised { name, site },
        Holder::Chosen(index) => Problem::NameTwice {
            name,
            other: vms[*index].subject.source.name.clone(),
        },
    }
}

fn free_name(names: &Names, site: &SiteId, wanted: &str) -> String {
    let is_free = |name: &str| !names.contains_key(&(site.clone(), name.to_lowercase()));
    if is_free(wanted) {
        return wanted.to_owned();
    }
    let mut number = 1_usize;
    loop {
        let end = match number {
            1 => ADDITION.to_owned(),
            _ => format!("{ADDITION}-{number}"),
        };
        let room = CHARACTERS.saturating_sub(end.len());
        let name: String = wanted.chars().take(room).chain(end.chars()).collect();
        if is_free(&name) {
            return name;
        }
        number += 1;
    }
}

/// Why a text cannot be a VM's name, with the next step.
pub(crate) fn why_not(name: &str) -> Option<(&'static str, &'static str)> {
    if name.is_empty() {
        return Some(("A name is missing.", "Give the new VM a name."));
    }
    if name.chars().count() > CHARACTERS {
        return Some(("A name is longer than 80 characters.", "Shorten it."));
    }
    let is_bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%');
    name.contains(is_bad).then_some((
        "A name holds a character that platforms do not take.",
        "Leave out slashes, percent signs and control characters.",
    ))
}
