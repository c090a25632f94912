//! What the steps of a specified location say.

use model::{
    ByteCount,
    view::{DatastoreSpace, WizardStep},
};

use super::counted;

/// What a step's choices mean, under its question.
pub const fn place_intro(step: WizardStep) -> &'static str {
    match step {
        WizardStep::Host => {
            "A VM is created for each replica, off until the switchover. The original VM stays as \
             it is. Undo removes the new one."
        }
        WizardStep::ResourcePool => {
            "Only pools and vApps of a VM's own host or cluster can take it."
        }
        WizardStep::Datastore => {
            "Configuration files and every disk may lie apart. Free space is counted over all \
             chosen VMs: thin disks as the replica's are allocated, thick disks in full. Where the \
             original is still there, a disk can begin with a copy of the original's, made at \
             production: then only what differs is sent."
        }
        WizardStep::Folder => "A standalone host has no folders. Tags are those of the replica.",
        WizardStep::Network => {
            "Each adapter is attached to a production network, or disconnected, and keeps the \
             replica's hardware address unless it is renewed. Addresses set inside the guest stay \
             as they are on the replica."
        }
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => "",
    }
}

/// The button that changes the rows that are ticked; before scripts run nobody knows how many.
pub fn change_rows(count: usize) -> String {
    if count == 0 {
        "Change the ticked rows".to_owned()
    } else {
        format!("Change {}", counted(count, "row"))
    }
}

/// What all choices take of a datastore.
pub fn space_words(space: &DatastoreSpace) -> String {
    let DatastoreSpace {
        name,
        free,
        takes,
        at_most,
        short,
    } = space;
    let taken = format!("{name}: all chosen VMs take {takes} of {free} free");
    if *short > ByteCount::ZERO {
        format!("{taken}, {short} too much")
    } else if at_most > free {
        format!("{taken}; thin disks may grow to {at_most}, more than that")
    } else {
        taken
    }
}
