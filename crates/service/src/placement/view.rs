//! A plan as the steps show it.

mod options;

use std::ops::Range;

use model::{
    MacChoice,
    view::{
        DatastoreSpace, PlaceChoice, PlaceFinding, PlacedAdapter, PlacedFile, PlacedVm,
        PlacementView,
    },
};
use store::{FolderChoice, NetworkChoice, PoolChoice};

use super::{
    Pick, Placed, PlacedDisk, Plan, Row, Space,
    find::host_name,
    space::{CONFIG_FILES, disk_takes},
    value::{disk_type_words, mac_words, seed_words},
};

impl Plan<'_> {
    /// What the steps show, with the VMs at these places.
    pub(crate) fn view(&self, shown: Range<usize>) -> PlacementView {
        let vms = self.vms.iter().skip(shown.start).take(shown.len());
        PlacementView {
            vms: vms.map(Placed::view).collect(),
            hosts: options::hosts(self),
            pools: options::pools(self),
            datastores: options::datastores(self),
            folders: options::folders(self),
            networks: options::networks(self),
            space: self.space.iter().map(space).collect(),
        }
    }
}

fn space(space: &Space<'_>) -> DatastoreSpace {
    DatastoreSpace {
        name: space.datastore.name.clone(),
        free: space.datastore.free,
        takes: space.takes,
        at_most: space.at_most,
        short: space.takes.saturating_sub(space.datastore.free),
    }
}

fn choice<T>(pick: &Pick<T>, words: impl FnOnce(&T) -> String) -> PlaceChoice {
    PlaceChoice {
        words: pick.value.as_ref().map_or_else(String::new, words),
        chosen: pick.chosen,
    }
}

/// The name of one of a site's resources; its id when it is not there.
fn name_of<'a, T>(
    all: &'a [T],
    is_it: impl Fn(&T) -> bool,
    name: impl Fn(&'a T) -> &'a str,
    id: &'a str,
) -> String {
    let found = all.iter().find(|it| is_it(it));
    found.map_or(id, name).to_owned()
}

impl Placed<'_> {
    fn view(&self) -> PlacedVm {
        PlacedVm {
            replica: self.subject.replica.clone(),
            name: self.subject.source.name.clone(),
            new_name: choice(&self.name, Clone::clone),
            host: choice(&self.compute, |_| host_name(self)),
            pool: choice(&self.pool, |it| self.pool_words(it)),
            folder: choice(&self.folder, |it| self.folder_words(it)),
            tags: self.subject.source.tags.clone(),
            restore_tags: choice(&self.restore_tags, |it| self.tags_words(*it)),
            files: self.files(),
            adapters: self.adapter_views(),
            findings: self
                .findings
                .iter()
                .map(|finding| PlaceFinding {
                    step: finding.problem.step(),
                    row: finding.row.key(self.subject.replica),
                    blocks: finding.problem.blocks(),
                    what: finding.problem.words(),
                })
                .collect(),
        }
    }

    /// Everything that was chosen, as names and choices.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let view = self.view();
        let mut facts = vec![
            ("New VM".to_owned(), view.new_name.words),
            ("Host".to_owned(), view.host.words),
            ("Resource pool".to_owned(), view.pool.words),
            ("Folder".to_owned(), view.folder.words),
        ];
        if !view.tags.is_empty() {
            facts.push(("Tags".to_owned(), view.restore_tags.words));
        }
        // The configuration files come first, and begin with nothing.
        let seeds = self.disks.iter().map(PlacedDisk::seed);
        let files = view
            .files
            .into_iter()
            .zip(std::iter::once(None).chain(seeds));
        facts.extend(files.map(|(file, seed)| {
            let mut words = file.datastore.words;
            if let Some(disk_type) = file.disk_type {
                words = format!("{words}, {}", disk_type.words.to_lowercase());
            }
            if let (Some(_), Some(begins)) = (seed, file.seed) {
                words = format!("{words}, begins with {}", begins.words.to_lowercase());
            }
            (file.name, words)
        }));
        let adapters = view.adapters.into_iter().zip(&self.adapters);
        facts.extend(adapters.map(|(adapter, picks)| {
            let renewed = match picks.mac.value {
                Some(MacChoice::Renew) => ", with a new hardware address",
                Some(MacChoice::Keep) | None => "",
            };
            (
                adapter.name,
                format!("{} to {}{renewed}", adapter.source, adapter.network.words),
            )
        }));
        facts
    }

    fn pool_words(&self, pool: &PoolChoice) -> String {
        match pool {
            PoolChoice::Top => "None".to_owned(),
            PoolChoice::In(id) => {
                let all = self.site.map_or(&[][..], |site| &site.resources.pools);
                name_of(all, |it| it.id == *id, |it| &it.name, id.as_str())
            }
        }
    }

    fn folder_words(&self, folder: &FolderChoice) -> String {
        match folder {
            FolderChoice::Top => "None".to_owned(),
            FolderChoice::In(id) => {
                let all = self.site.map_or(&[][..], |site| &site.resources.folders);
                name_of(all, |it| it.id == *id, |it| &it.path, id.as_str())
            }
        }
    }

    fn tags_words(&self, restore: bool) -> String {
        match (self.subject.source.tags.is_empty(), restore) {
            (true, _) => "The replica has none".to_owned(),
            (false, true) => format!("{}, restored", self.subject.source.tags.join(", ")),
            (false, false) => "Not restored".to_owned(),
        }
    }

    fn datastore_choice(&self, pick: &Pick<model::DatastoreId>) -> PlaceChoice {
        let all = self.site.map_or(&[][..], |site| &site.resources.datastores);
        choice(pick, |id| {
            name_of(all, |it| it.id == *id, |it| &it.name, id.as_str())
        })
    }

    fn files(&self) -> Vec<PlacedFile> {
        let replica = self.subject.replica;
        let config = PlacedFile {
            row: Row::Config.key(replica),
            name: "Configuration files".to_owned(),
            size: None,
            takes: CONFIG_FILES,
            datastore: self.datastore_choice(&self.config),
            disk_type: None,
            seed: None,
        };
        let disks = self.disks.iter().map(|disk| PlacedFile {
            row: Row::Disk(disk.source.key.clone()).key(replica),
            name: format!("Disk {}", disk.source.name),
            size: Some(disk.source.size),
            takes: disk_takes(disk),
            datastore: self.datastore_choice(&disk.datastore),
            disk_type: Some(choice(&disk.disk_type, |it| {
                disk_type_words(*it).to_owned()
            })),
            seed: Some(choice(&disk.seed, |it| seed_words(*it).to_owned())),
        });
        std::iter::once(config).chain(disks).collect()
    }

    fn adapter_views(&self) -> Vec<PlacedAdapter> {
        let all = self.site.map_or(&[][..], |site| &site.resources.networks);
        let adapters = self.subject.source.adapters.iter().zip(&self.adapters);
        adapters
            .zip(1..)
            .map(|((source, picks), number)| PlacedAdapter {
                row: Row::Adapter(source.mac.clone()).key(self.subject.replica),
                name: format!("Adapter {number}"),
                mac: source.mac.clone(),
                source: source
                    .network
                    .clone()
                    .unwrap_or_else(|| "Disconnected".to_owned()),
                address: choice(&picks.mac, |it| mac_words(*it).to_owned()),
                network: choice(&picks.network, |it| match it {
                    NetworkChoice::Disconnected => "Disconnected".to_owned(),
                    NetworkChoice::To(id) => {
                        name_of(all, |it| it.id == *id, |it| &it.name, id.as_str())
                    }
                }),
            })
            .collect()
    }
}
