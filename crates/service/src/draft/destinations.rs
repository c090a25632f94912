//! The three destinations: what travels, what each needs, and why one cannot be chosen.

use model::{Destination, view::DestinationOption};

use crate::{estate::Estate, placement::World};

const ALL: [Destination; 3] = [
    Destination::OriginalVm,
    Destination::RecoveredVm,
    Destination::SpecifiedLocation,
];

/// The three options.
pub(super) fn options(estate: &Estate) -> Vec<DestinationOption> {
    ALL.into_iter()
        .map(|destination| {
            let (title, transfers, needs) = texts(destination);
            DestinationOption {
                destination,
                title: title.to_owned(),
                transfers: transfers.to_owned(),
                needs: needs.to_owned(),
                why_not: why_not(estate, destination).map(str::to_owned),
            }
        })
        .collect()
}

/// Why a destination cannot be chosen; none when it can.
pub(super) fn why_not(estate: &Estate, destination: Destination) -> Option<&'static str> {
    match destination {
        Destination::OriginalVm | Destination::RecoveredVm => None,
        Destination::SpecifiedLocation => World::of(estate)
            .sites
            .is_empty()
            .then_some("No production site's platform can make VMs."),
    }
}

const fn texts(destination: Destination) -> (&'static str, &'static str, &'static str) {
    match destination {
        Destination::OriginalVm => (
            "Original VM",
            "Only the blocks that differ from the original VM's disks. Addresses set inside the \
             guest travel with them; changes of virtual hardware made on the replica do not.",
            "The original VM is still there, with disks of the same sizes.",
        ),
        Destination::RecoveredVm => (
            "Recovered VM",
            "Only the blocks that differ from the recovered VM's disks. Changes of virtual \
             hardware made on the replica do not travel.",
            "The original VM was already restored somewhere else by other means, with disks of \
             the same sizes, and is off.",
        ),
        Destination::SpecifiedLocation => (
            "Specified location",
            "The configuration and whole disks; holes and zeroes are not sent as data.",
            "A host, a datastore and a network for a VM that is created anew.",
        ),
    }
}
