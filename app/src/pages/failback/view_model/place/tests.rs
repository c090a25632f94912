//! The steps' tables and lists.

use model::{
    ByteCount, ReplicaId,
    view::{DatastoreSpace, PlacedAdapter},
};

use super::*;
use crate::words;

const PLACES: [WizardStep; 5] = [
    WizardStep::Host,
    WizardStep::ResourcePool,
    WizardStep::Datastore,
    WizardStep::Folder,
    WizardStep::Network,
];

fn chosen(words: &str) -> PlaceChoice {
    PlaceChoice {
        words: words.to_owned(),
        chosen: true,
    }
}

fn proposed(words: &str) -> PlaceChoice {
    PlaceChoice {
        chosen: false,
        ..chosen(words)
    }
}

fn file(row: &str, name: &str, size: Option<u64>) -> PlacedFile {
    PlacedFile {
        row: row.to_owned(),
        name: name.to_owned(),
        size: size.map(ByteCount),
        takes: ByteCount(1 << 20),
        datastore: proposed("Fast"),
        seed: size.map(|_| proposed("Nothing")),
        disk_type: size.map(|_| chosen("Thin")),
    }
}

fn view() -> PlacementView {
    let vm = PlacedVm {
        replica: ReplicaId::new("r"),
        name: "web-replica".to_owned(),
        new_name: proposed("web"),
        host: chosen("h1"),
        pool: proposed("None"),
        folder: proposed("Web"),
        tags: vec!["gold".to_owned()],
        restore_tags: proposed("gold, restored"),
        files: vec![
            file("r/", "Configuration files", None),
            file("r/system", "Disk system", Some(1 << 30)),
        ],
        adapters: vec![PlacedAdapter {
            row: "r/52:54".to_owned(),
            name: "Adapter 1".to_owned(),
            mac: "52:54".to_owned(),
            source: "DR".to_owned(),
            network: proposed("LAN"),
            address: proposed("Kept"),
        }],
        findings: vec![PlaceFinding {
            step: WizardStep::Datastore,
            row: "r/system".to_owned(),
            blocks: true,
            what: "Too small.".to_owned(),
        }],
    };
    PlacementView {
        vms: vec![vm],
        networks: vec![option("p/lan", "LAN")],
        ..PlacementView::default()
    }
}

#[test]
fn each_step_has_a_row_per_thing_to_choose_and_a_cell_per_column() {
    let view = view();
    for (step, keys) in PLACES.into_iter().zip([
        &["r"][..],
        &["r"],
        &["r", "r/", "r/system"],
        &["r"],
        &["r", "r/52:54"],
    ]) {
        let rows = rows(step, &view);
        let found: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(found, keys, "{step:?}");
        for row in rows
            .iter()
            .filter(|row| row.part_of.is_some() || keys.len() == 1)
        {
            let cells = 1 + row.cells.len() + usize::from(row.name.is_some());
            assert_eq!(cells, columns(step).len(), "{step:?}");
        }
        assert!(!words::place_intro(step).is_empty());
        assert!(!choosers(step, &view).is_empty());
    }
    assert!(rows(WizardStep::Summary, &view).is_empty());
    assert!(columns(WizardStep::Summary).is_empty());
}

#[test]
fn a_finding_stands_at_its_own_row_of_its_own_step() {
    let with_finding = |step| -> Vec<String> {
        let rows = rows(step, &view()).into_iter();
        let found = rows.filter(|row| !row.findings.is_empty());
        found.map(|row| row.key).collect()
    };
    assert_eq!(with_finding(WizardStep::Datastore), ["r/system"]);
    assert!(with_finding(WizardStep::Host).is_empty());
}

#[test]
fn an_adapter_can_be_disconnected() {
    let lists = choosers(WizardStep::Network, &view());
    let values: Vec<_> = lists[0]
        .options
        .iter()
        .map(|it| it.value.as_str())
        .collect();
    assert_eq!(values, ["none", "p/lan"]);
}

#[test]
fn a_vm_and_its_parts_are_counted_once() {
    let rows: Vec<(String, usize)> = [("r", 2), ("r/", 1), ("r/system", 1), ("s", 1)]
        .map(|(key, changes)| (key.to_owned(), changes))
        .to_vec();
    for (ticked, count) in [
        (&[][..], 0),
        (&["r/"], 1),
        (&["r/", "r/system"], 2),
        (&["r", "r/"], 2),
        (&["r", "s"], 3),
    ] {
        assert_eq!(
            count_changes(&rows, |key| ticked.contains(&key)),
            count,
            "{ticked:?}"
        );
    }
    assert_eq!(words::change_rows(0), "Change the ticked rows");
    assert_eq!(words::change_rows(1), "Change 1 row");
    assert_eq!(words::change_rows(3), "Change 3 rows");
}

#[test]
fn space_says_what_is_short_and_what_thin_disks_may_need() {
    let gib = |count: u64| ByteCount(count << 30);
    let space = |takes: u64, at_most: u64| DatastoreSpace {
        name: "Fast".to_owned(),
        free: gib(10),
        takes: gib(takes),
        at_most: gib(at_most),
        short: gib(takes).saturating_sub(gib(10)),
    };
    for (space, says) in [
        (
            space(2, 4),
            "Fast: all chosen VMs take 2 GiB of 10 GiB free",
        ),
        (
            space(2, 40),
            "Fast: all chosen VMs take 2 GiB of 10 GiB free; thin disks may grow to 40 GiB, more \
             than that",
        ),
        (
            space(12, 40),
            "Fast: all chosen VMs take 12 GiB of 10 GiB free, 2 GiB too much",
        ),
    ] {
        assert_eq!(words::space_words(&space), says);
    }
}
