//! From the places of VMs to the tables and lists of the steps Host to Network.

use model::view::{
    PlaceChoice, PlaceFinding, PlaceOption, PlacedFile, PlacedVm, PlacementView, WizardStep,
};

/// A list above the table, whose choice goes to the rows that are ticked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chooser {
    /// The name that the form sends and errors carry.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What can be chosen.
    pub options: Vec<PlaceOption>,
}

/// A line of a step's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRow {
    /// Its name in the form.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// The VM that it is a part of; none for a VM.
    pub part_of: Option<String>,
    /// How many rows ticking it changes.
    pub changes: usize,
    /// The new VM's name, to be typed.
    pub name: Option<PlaceChoice>,
    /// What is chosen, one per column after the first and the name.
    pub cells: Vec<PlaceChoice>,
    /// What is to be known about it.
    pub findings: Vec<PlaceFinding>,
}

/// The columns of a step's table, without that of the boxes.
pub const fn columns(step: WizardStep) -> &'static [&'static str] {
    match step {
        WizardStep::Host => &["Replica", "New name", "Host or cluster"],
        WizardStep::ResourcePool => &["Replica", "Pool or vApp"],
        WizardStep::Datastore => &[
            "File",
            "Size",
            "Takes",
            "Datastore",
            "Disk type",
            "Begins with",
        ],
        WizardStep::Folder => &["Replica", "Folder", "Tags"],
        WizardStep::Network => &["Adapter", "DR network", "Production network", "MAC"],
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => &[],
    }
}

/// The lists above a step's table.
pub fn choosers(step: WizardStep, view: &PlacementView) -> Vec<Chooser> {
    let of = |name, label, options: &[PlaceOption]| Chooser {
        name,
        label,
        options: options.to_vec(),
    };
    match step {
        WizardStep::Host => vec![of("compute", "Host or cluster", &view.hosts)],
        WizardStep::ResourcePool => {
            vec![of("pool", "Pool or vApp", &or_none("None", &view.pools))]
        }
        WizardStep::Datastore => vec![
            of("datastore", "Datastore", &view.datastores),
            of("disk_type", "Disk type", &disk_types()),
            of("seed", "Begins with", &seeds()),
        ],
        WizardStep::Folder => vec![
            of("folder", "Folder", &or_none("None", &view.folders)),
            of("tags", "Tags", &tags()),
        ],
        WizardStep::Network => {
            let options = or_none("Disconnected", &view.networks);
            vec![
                of("network", "Production network", &options),
                of("mac", "Hardware address (MAC)", &macs()),
            ]
        }
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => Vec::new(),
    }
}

fn option(value: &str, label: &str) -> PlaceOption {
    PlaceOption {
        value: value.to_owned(),
        label: label.to_owned(),
    }
}

fn or_none(label: &str, options: &[PlaceOption]) -> Vec<PlaceOption> {
    let mut all = vec![option("none", label)];
    all.extend_from_slice(options);
    all
}

fn disk_types() -> Vec<PlaceOption> {
    vec![
        option("as_source", "As source"),
        option("thin", "Thin"),
        option("thick_lazy_zeroed", "Thick, lazy zeroed"),
        option("thick_eager_zeroed", "Thick, eager zeroed"),
    ]
}

fn seeds() -> Vec<PlaceOption> {
    vec![
        option("nothing", "Nothing: all data is sent"),
        option(
            "original",
            "A copy of the original's disk: what differs is sent",
        ),
    ]
}

fn tags() -> Vec<PlaceOption> {
    vec![option("yes", "Restore"), option("no", "Do not restore")]
}

fn macs() -> Vec<PlaceOption> {
    vec![
        option("keep", "Keep the replica's"),
        option("renew", "Renew: the platform gives another"),
    ]
}

/// The lines of a step's table: a VM each, with its files or adapters below where they are chosen
/// one by one.
pub fn rows(step: WizardStep, view: &PlacementView) -> Vec<PlaceRow> {
    view.vms.iter().flat_map(|vm| rows_of(step, vm)).collect()
}

fn rows_of(step: WizardStep, vm: &PlacedVm) -> Vec<PlaceRow> {
    let whole = |cells: Vec<&PlaceChoice>| {
        row(
            step,
            vm,
            vm.replica.as_str(),
            vm.name.clone(),
            cells.into_iter().cloned().collect(),
        )
    };
    match step {
        WizardStep::Host => vec![PlaceRow {
            name: Some(vm.new_name.clone()),
            ..whole(vec![&vm.host])
        }],
        WizardStep::ResourcePool => vec![whole(vec![&vm.pool])],
        WizardStep::Folder => vec![whole(vec![&vm.folder, &vm.restore_tags])],
        WizardStep::Datastore => {
            let files = vm.files.iter();
            let parts = files.map(|file| part(step, vm, &file.row, &file.name, file_cells(file)));
            with_parts(whole(Vec::new()), parts.collect())
        }
        WizardStep::Network => {
            let adapters = vm.adapters.iter();
            let parts = adapters.map(|adapter| {
                let label = format!("{}, {}", adapter.name, adapter.mac);
                let cells = vec![
                    fact(&adapter.source),
                    adapter.network.clone(),
                    adapter.address.clone(),
                ];
                part(step, vm, &adapter.row, &label, cells)
            });
            with_parts(whole(Vec::new()), parts.collect())
        }
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => Vec::new(),
    }
}

fn row(
    step: WizardStep,
    vm: &PlacedVm,
    key: &str,
    label: String,
    cells: Vec<PlaceChoice>,
) -> PlaceRow {
    let findings = vm.findings.iter();
    PlaceRow {
        key: key.to_owned(),
        label,
        part_of: None,
        changes: 1,
        name: None,
        cells,
        findings: findings
            .filter(|it| it.step == step && it.row == key)
            .cloned()
            .collect(),
    }
}

fn part(
    step: WizardStep,
    vm: &PlacedVm,
    key: &str,
    label: &str,
    cells: Vec<PlaceChoice>,
) -> PlaceRow {
    PlaceRow {
        part_of: Some(vm.name.clone()),
        ..row(step, vm, key, label.to_owned(), cells)
    }
}

/// Ticking a VM changes its parts.
fn with_parts(whole: PlaceRow, parts: Vec<PlaceRow>) -> Vec<PlaceRow> {
    let mut rows = vec![PlaceRow {
        changes: parts.len(),
        ..whole
    }];
    rows.extend(parts);
    rows
}

fn file_cells(file: &PlacedFile) -> Vec<PlaceChoice> {
    let size = file.size.map_or_else(String::new, |size| size.to_string());
    let disk_type = file.disk_type.clone();
    vec![
        fact(&size),
        fact(&file.takes.to_string()),
        file.datastore.clone(),
        disk_type.unwrap_or_else(|| fact("")),
        file.seed.clone().unwrap_or_else(|| fact("")),
    ]
}

/// What is not a choice.
fn fact(words: &str) -> PlaceChoice {
    PlaceChoice {
        words: words.to_owned(),
        chosen: true,
    }
}

/// How many rows the rows that are ticked change: a VM's parts count once, whether it is ticked
/// itself or not.
pub fn count_changes<'a>(rows: &[(String, usize)], is_ticked: impl Fn(&str) -> bool + 'a) -> usize {
    let vm_of = |key: &str| key.split_once('/').map(|(vm, _)| vm.to_owned());
    rows.iter()
        .filter(|(key, _)| is_ticked(key) && !vm_of(key).is_some_and(|vm| is_ticked(&vm)))
        .map(|(_, changes)| changes)
        .sum()
}

#[cfg(test)]
mod tests;
