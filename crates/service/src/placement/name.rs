//! The name of each VM: the chosen one, else the original's, with an addition where it is taken.
//! Names are compared without case, within a site.

use std::collections::HashMap;

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

/// The names that are not free, in lower case.
struct Names<'a> {
    world: &'a World<'a>,
    /// Those of VMs that are not there.
    given: HashMap<(&'a SiteId, String), Holder>,
}

impl<'a> Names<'a> {
    fn of(world: &'a World<'a>) -> Self {
        let promised = world.promised.iter();
        let promised = promised.map(|(site, name)| ((site, name.to_lowercase()), Holder::Promised));
        Self {
            world,
            given: promised.collect(),
        }
    }

    fn holder(&self, site: &'a SiteId, lower: String) -> Option<Holder> {
        let there = self.world.names.get(site);
        if there.is_some_and(|names| names.contains(&lower)) {
            return Some(Holder::There);
        }
        self.given.get(&(site, lower)).cloned()
    }

    fn give(&mut self, site: &'a SiteId, name: &str, to: usize) {
        let key = (site, name.to_lowercase());
        self.given.insert(key, Holder::Chosen(to));
    }
}

/// Names every VM that has a site. Chosen names go first, so that proposals avoid them.
pub(super) fn give<'w, 'a: 'w>(
    world: &'w World<'a>,
    vms: &mut [Placed<'a>],
    choices: &[(Subject<'_>, &PlacementChoice)],
) {
    let mut names = Names::of(world);
    for index in 0..vms.len() {
        let (_, choice) = choices[index];
        if let (Some(name), Some(site)) = (&choice.name, vms[index].site) {
            match names.holder(&site.site, name.to_lowercase()) {
                Some(holder) => {
                    let problem = clash(&holder, name, &site.name, vms);
                    vms[index].findings.push(Finding {
                        row: Row::Vm,
                        problem,
                    });
                }
                None => names.give(&site.site, name, index),
            }
        }
    }
    for (index, (vm, (subject, choice))) in vms.iter_mut().zip(choices).enumerate() {
        let site = vm.site.map(|site| &site.site);
        vm.name = Pick::of(choice.name.as_ref(), || {
            let site = site?;
            let name = free_name(&names, site, subject.name);
            names.give(site, &name, index);
            Some(name)
        });
    }
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

fn free_name<'a>(names: &Names<'a>, site: &'a SiteId, wanted: &str) -> String {
    let is_free = |name: &str| names.holder(site, name.to_lowercase()).is_none();
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
