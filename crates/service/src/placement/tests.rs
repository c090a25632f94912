//! Proposals, stale choices and sums as tables; and whatever is chosen, a spec keeps the rules.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use model::{
    ByteCount, ClusterId, Compute, DatastoreId, DiskKey, DiskPair, DiskType, FolderId, HostId,
    MacChoice, NetworkId, NewVm, PoolId, ReplicaId, SeedDisk, SiteId, VmInfo, VmRef,
    view::WizardStep,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use store::{
    DiskChoice, FolderChoice, NetworkChoice, PlacementChoice, PoolChoice, SeedChoice, SiteInventory,
};

use super::{Placed, Plan, STEPS, Subject, World, change::proposed, plan, space};
use crate::tests::fixture::{GIB, disk, dr, production, resources};

type Choices = BTreeMap<ReplicaId, PlacementChoice>;

/// A production site with resources, and replicas of its VMs.
struct Estate {
    sites: Vec<SiteInventory>,
    replicas: Vec<(ReplicaId, VmInfo, String)>,
    home: SiteId,
    /// Of the first replica.
    original: Option<VmInfo>,
    pairs: Vec<DiskPair>,
}

impl Estate {
    fn new() -> Self {
        let mut site = production();
        site.resources = resources();
        site.vms.retain(|vm| vm.name != "web-01");
        let replicas = dr().vms.into_iter().take(3);
        Self {
            home: site.site.clone(),
            original: None,
            pairs: Vec::new(),
            sites: vec![site],
            replicas: replicas
                .map(|vm| {
                    let name = vm.name.trim_end_matches("-replica").to_owned();
                    (ReplicaId::new(format!("r-{name}")), vm, name)
                })
                .collect(),
        }
    }

    fn site(&mut self) -> &mut SiteInventory {
        &mut self.sites[0]
    }

    fn plan(&self, choices: &Choices) -> Plan<'_> {
        let world = World {
            sites: self.sites.iter().collect(),
            names: self.sites.iter().map(names).collect(),
            promised: Vec::new(),
        };
        let subjects: Vec<_> = self
            .replicas
            .iter()
            .zip(
                self.original
                    .iter()
                    .map(Some)
                    .chain(std::iter::repeat(None)),
            )
            .map(|((replica, source, name), original)| Subject {
                replica,
                source,
                original,
                pairs: &self.pairs,
                name,
                home: &self.home,
            })
            .collect();
        plan(world, &subjects, choices)
    }

    /// Everything that is proposed for the first `vms`, taken step by step.
    fn accepted(&self, mut choices: Choices) -> Choices {
        for step in STEPS {
            let changes: Vec<_> = {
                let plan = self.plan(&choices);
                let vms = plan.vms.iter();
                vms.map(|vm| (vm.subject.replica.clone(), proposed(vm, step)))
                    .collect()
            };
            for (replica, changes) in changes {
                let choice = choices.entry(replica).or_default();
                changes.iter().for_each(|change| change.apply(choice));
            }
        }
        choices
    }
}

fn names(site: &SiteInventory) -> (SiteId, Arc<HashSet<String>>) {
    let names = site.vms.iter().map(|vm| vm.name.to_lowercase());
    (site.site.clone(), Arc::new(names.collect()))
}

fn on_host(id: &str) -> Option<(SiteId, Compute)> {
    Some((SiteId::new("production"), Compute::Host(HostId::new(id))))
}

fn problems(vm: &Placed<'_>) -> Vec<String> {
    vm.findings.iter().map(|it| it.problem.words()).collect()
}

fn of_web(choice: PlacementChoice) -> Choices {
    Choices::from([(ReplicaId::new("r-web-01"), choice)])
}

#[test]
fn everything_is_proposed_and_taking_it_makes_a_spec() {
    let mut estate = Estate::new();
    estate.site().vms[0].placement.host = Some(HostId::new("h1"));
    let shown = estate.plan(&Choices::new()).view(0..3);
    let rows: Vec<_> = shown
        .vms
        .iter()
        .map(|vm| {
            (
                vm.new_name.words.as_str(),
                vm.host.words.as_str(),
                vm.files[0].datastore.words.as_str(),
                vm.adapters[0].network.words.as_str(),
            )
        })
        .collect();
    // The fewest VMs first, the roomiest datastore that is reached, the network of the same name.
    assert_eq!(
        rows,
        [
            ("web-01", "h2.example", "fast", "dr network"),
            ("db-01-failback", "edge.example", "bulk", "Backup"),
            ("app-01-failback", "h1.example", "bulk", "dr network"),
        ]
    );
    assert!(!estate.plan(&Choices::new()).is_complete(WizardStep::Host));
    let accepted = estate.accepted(Choices::new());
    let plan = estate.plan(&accepted);
    assert!(STEPS.iter().all(|step| plan.is_complete(*step)));
    // What was taken stays, whatever would be proposed now.
    estate.site().vms[0].placement.host = Some(HostId::new("h2"));
    let again = estate.plan(&accepted).view(0..3);
    assert_eq!(again.vms[0].host.words, "h2.example");
    let spec = estate.plan(&accepted).vms[1].spec().unwrap();
    assert_eq!(spec.name, "db-01-failback");
    assert_eq!(spec.compute, Compute::Host(HostId::new("edge")));
    assert_eq!((spec.pool, spec.folder), (None, None));
    assert_eq!(spec.disks[0].datastore, DatastoreId::new("bulk"));
    assert_eq!(spec.disks[0].disk_type, DiskType::AsSource);
    assert_eq!(spec.adapters[0].network, Some(NetworkId::new("backup")));
    assert_eq!(spec.adapters[0].mac, MacChoice::Keep);
    assert!(spec.restore_tags && spec.tags == ["tier-1"]);
}

#[test]
fn an_address_that_the_original_has_too_is_told_until_it_is_renewed() {
    let mut estate = Estate::new();
    let mut original = estate.replicas[0].1.clone();
    (original.vm.site, original.name) = (SiteId::new("production"), "web-01".to_owned());
    estate.original = Some(original);
    let plan = estate.plan(&Choices::new());
    let told = problems(&plan.vms[0]);
    let twice: Vec<_> = told.iter().filter(|it| it.contains("too:")).collect();
    assert_eq!(twice.len(), 1, "{told:?}");
    assert!(
        twice[0].starts_with("web-01 has 52:54:00:00:00:01 too"),
        "{twice:?}"
    );
    assert!(plan.vms[0].blocking(WizardStep::Network).next().is_none());
    let renewed = estate.accepted(of_web(PlacementChoice {
        macs: BTreeMap::from([("52:54:00:00:00:01".to_owned(), MacChoice::Renew)]),
        ..PlacementChoice::default()
    }));
    let plan = estate.plan(&renewed);
    assert!(problems(&plan.vms[0]).iter().all(|it| !it.contains("too:")));
    assert_eq!(
        plan.vms[0].spec().unwrap().adapters[0].mac,
        MacChoice::Renew
    );
}

#[test]
fn a_disk_begins_with_a_copy_of_the_originals_where_that_is_there_and_as_large() {
    let mut estate = Estate::new();
    let mut original = estate.replicas[0].1.clone();
    original.vm = VmRef {
        site: SiteId::new("production"),
        platform_id: "web-01".to_owned(),
    };
    original.disks[0].allocated = ByteCount(GIB / 4);
    let key = original.disks[0].key.clone();
    let seeded = of_web(PlacementChoice {
        disks: BTreeMap::from([(
            key.clone(),
            DiskChoice {
                seed: Some(SeedChoice::Original),
                ..DiskChoice::default()
            },
        )]),
        ..PlacementChoice::default()
    });
    let takes = |estate: &Estate, choices: &Choices| {
        let view = estate.plan(choices).view(0..1);
        view.vms[0].files[1].takes
    };
    // None is there.
    let words = "The original has no such disk of the same size at the chosen site to copy.";
    let plan = estate.plan(&seeded);
    assert!(problems(&plan.vms[0])[0].starts_with(words));
    assert!(plan.vms[0].blocking(WizardStep::Datastore).next().is_some());

    estate.original = Some(original.clone());
    let accepted = estate.accepted(seeded.clone());
    let spec = estate.plan(&accepted).vms[0].spec().unwrap();
    let seed = SeedDisk {
        vm: original.vm.clone(),
        disk: key,
    };
    assert_eq!(spec.disks[0].seed, Some(seed));
    let facts = estate.plan(&accepted).vms[0].facts();
    let told = facts
        .iter()
        .any(|(_, words)| words.ends_with("begins with a copy of the original's disk"));
    assert!(told, "{facts:?}");
    // What is copied may lie apart from what the replica has.
    let apart = takes(&estate, &seeded).0 - takes(&estate, &Choices::new()).0;
    assert_eq!(apart, GIB / 4);
    // By itself nothing is copied.
    let plain = estate.accepted(Choices::new());
    assert_eq!(
        estate.plan(&plain).vms[0].spec().unwrap().disks[0].seed,
        None
    );

    // A pair of other names is a pair.
    original.disks[0].key = DiskKey::new("sda");
    estate.original = Some(original.clone());
    assert!(problems(&estate.plan(&seeded).vms[0])[0].starts_with(words));
    estate.pairs = vec![DiskPair {
        replica: estate.replicas[0].1.disks[0].key.clone(),
        production: DiskKey::new("sda"),
    }];
    let spec = estate.plan(&accepted).vms[0].spec().unwrap();
    assert_eq!(
        spec.disks[0].seed.as_ref().unwrap().disk,
        DiskKey::new("sda")
    );

    original.disks[0].size = ByteCount(1);
    estate.original = Some(original);
    assert!(problems(&estate.plan(&seeded).vms[0])[0].starts_with(words));
}

#[test]
fn a_choice_that_no_longer_applies_is_kept_and_says_what_to_do() {
    let estate = Estate::new();
    let mut choice = estate
        .accepted(of_web(PlacementChoice {
            compute: on_host("h1"),
            pool: Some(PoolChoice::In(PoolId::new("shop"))),
            folder: Some(FolderChoice::In(FolderId::new("Web"))),
            config_datastore: Some(DatastoreId::new("fast")),
            ..PlacementChoice::default()
        }))
        .remove(&ReplicaId::new("r-web-01"))
        .unwrap();
    let says = |choice: &PlacementChoice| {
        let choices = of_web(choice.clone());
        let plan = estate.plan(&choices);
        problems(&plan.vms[0])
    };
    assert_eq!(says(&choice), Vec::<String>::new());
    choice.compute = on_host("edge");
    choice.disks.clear();
    assert_eq!(
        says(&choice),
        [
            "shop divides Cluster, and the VM is to run on edge.example. Choose a pool of \
             edge.example, or none.",
            "edge.example stands alone and has no folders. Web is kept for another host.",
            "fast is not reached from edge.example. Choose another datastore.",
            "dr network is not reached from edge.example. Choose another network, or disconnect \
             the adapter.",
        ]
    );
    choice.compute = on_host("h1");
    assert_eq!(says(&choice), Vec::<String>::new());
}

#[test]
fn what_is_gone_is_named_with_the_next_step() {
    let estate = Estate::new();
    let site = || SiteId::new("production");
    for (choice, says) in [
        (
            PlacementChoice {
                compute: Some((SiteId::new("attic"), Compute::Host(HostId::new("h1")))),
                ..PlacementChoice::default()
            },
            "No VM can be made at the chosen site attic now. Choose another host.",
        ),
        (
            PlacementChoice {
                compute: on_host("h9"),
                ..PlacementChoice::default()
            },
            "The chosen h9 is no longer there. Choose another host.",
        ),
        (
            PlacementChoice {
                compute: Some((site(), Compute::Cluster(ClusterId::new("c9")))),
                ..PlacementChoice::default()
            },
            "The chosen c9 is no longer there. Choose another host.",
        ),
        (
            PlacementChoice {
                pool: Some(PoolChoice::In(PoolId::new("p9"))),
                ..PlacementChoice::default()
            },
            "The chosen pool p9 is no longer there. Choose another pool, or none.",
        ),
        (
            PlacementChoice {
                config_datastore: Some(DatastoreId::new("d9")),
                disks: BTreeMap::from([(
                    DiskKey::new("system"),
                    DiskChoice {
                        datastore: Some(DatastoreId::new("fast")),
                        disk_type: None,
                        seed: None,
                    },
                )]),
                ..PlacementChoice::default()
            },
            "The chosen datastore d9 is no longer there. Choose another datastore.",
        ),
        (
            PlacementChoice {
                folder: Some(FolderChoice::In(FolderId::new("f9"))),
                ..PlacementChoice::default()
            },
            "The chosen folder f9 is no longer there. Choose another folder, or none.",
        ),
        (
            PlacementChoice {
                networks: BTreeMap::from([(
                    "52:54:00:00:00:01".to_owned(),
                    NetworkChoice::To(NetworkId::new("n9")),
                )]),
                ..PlacementChoice::default()
            },
            "The chosen network n9 is no longer there. Choose another network, or disconnect the \
             adapter.",
        ),
    ] {
        let choices = of_web(choice);
        let plan = estate.plan(&choices);
        assert_eq!(problems(&plan.vms[0]), [says]);
        assert!(plan.vms[0].spec().is_none());
    }
}

#[test]
fn no_site_no_datastore_and_no_network_stop_their_steps() {
    let mut estate = Estate::new();
    for host in &mut estate.site().resources.hosts {
        host.datastores.clear();
        host.networks.clear();
    }
    let nothing = Choices::new();
    let plan = estate.plan(&nothing);
    assert!(!plan.is_complete(WizardStep::Datastore) && !plan.is_complete(WizardStep::Network));
    assert!(
        problems(&plan.vms[0])
            .contains(&"h1.example reaches no datastore. Choose another host at Host.".to_owned())
    );
    estate.sites.clear();
    let plan = estate.plan(&nothing);
    assert!(!plan.is_complete(WizardStep::Host) && plan.vms[0].spec().is_none());
}

#[test]
fn names_that_clash_are_found_whatever_their_case() {
    let estate = Estate::new();
    let named = |name: &str| PlacementChoice {
        name: Some(name.to_owned()),
        ..PlacementChoice::default()
    };
    let choices = Choices::from([
        (ReplicaId::new("r-web-01"), named("MAIL-01")),
        (ReplicaId::new("r-db-01"), named("one")),
        (ReplicaId::new("r-app-01"), named("ONE")),
    ]);
    let plan = estate.plan(&choices);
    assert_eq!(
        problems(&plan.vms[0]),
        ["Hamburg has a VM named MAIL-01 already. Give another name."]
    );
    assert!(plan.vms[1].is_complete(WizardStep::Host) || !plan.vms[1].compute.chosen);
    assert_eq!(
        problems(&plan.vms[2])[0],
        "The VM made from db-01-replica is to be named ONE too. Give another name."
    );
    // A proposal makes way for a name that was given, and for another proposal.
    let taken = Choices::from([(ReplicaId::new("r-app-01"), named("db-01-failback"))]);
    assert_eq!(
        estate.plan(&taken).vms[1].name.value.as_deref(),
        Some("db-01-failback-2")
    );
}

#[test]
fn old_virtual_hardware_keeps_the_disk_types_of_the_source() {
    let mut estate = Estate::new();
    for (version, stops) in [(Some(6), true), (Some(7), false), (None, false)] {
        estate.replicas[0].1.placement.hardware_version = version;
        let choices = of_web(PlacementChoice {
            disks: BTreeMap::from([(
                DiskKey::new("system"),
                DiskChoice {
                    datastore: None,
                    disk_type: Some(DiskType::Thin),
                    seed: None,
                },
            )]),
            ..PlacementChoice::default()
        });
        let plan = estate.plan(&choices);
        let found = plan.vms[0].blocking(WizardStep::Datastore).count();
        assert_eq!(found == 1, stops, "{version:?}");
    }
}

#[test]
fn space_is_counted_over_all_vms_and_thick_disks_take_their_size() {
    let mut estate = Estate::new();
    // Three VMs, half a GiB allocated per disk, and db's disk of 2 GiB made thick.
    estate.site().resources.datastores[0].free = ByteCount(4 * GIB);
    let everything_on_fast = |disk_type| {
        let mut choices = Choices::new();
        for (replica, source, _) in &estate.replicas {
            let disks = source.disks.iter().map(|disk| {
                let choice = DiskChoice {
                    datastore: Some(DatastoreId::new("fast")),
                    disk_type: (disk.name == "data").then_some(disk_type),
                    seed: None,
                };
                (disk.key.clone(), choice)
            });
            let choice = PlacementChoice {
                compute: on_host("h1"),
                config_datastore: Some(DatastoreId::new("fast")),
                disks: disks.collect(),
                ..PlacementChoice::default()
            };
            choices.insert(replica.clone(), choice);
        }
        choices
    };
    let thin = everything_on_fast(DiskType::Thin);
    let plan = estate.plan(&thin);
    let mib = 3 << 20;
    assert_eq!(plan.space.len(), 1);
    assert_eq!(plan.space[0].takes, ByteCount(2 * GIB + mib));
    assert_eq!(plan.space[0].at_most, ByteCount(46 * GIB + mib));
    assert!(
        plan.vms
            .iter()
            .all(|vm| vm.blocking(WizardStep::Datastore).next().is_none())
    );
    let thick = everything_on_fast(DiskType::ThickLazyZeroed);
    assert_eq!(
        estate.plan(&thick).space[0].takes,
        ByteCount(7 * GIB / 2 + mib)
    );
    estate.site().resources.datastores[0].free = ByteCount(3 * GIB);
    let plan = estate.plan(&thick);
    for vm in &plan.vms {
        assert_eq!(
            problems(vm).last().unwrap(),
            "All chosen VMs together take 3.5 GiB of fast, and 3 GiB is free. Choose another \
             datastore for 515 MiB of them, or free it there."
        );
    }
}

fn ids<T: Clone + std::fmt::Debug + 'static>(
    names: &'static [&'static str],
    of: fn(&'static str) -> T,
) -> impl Strategy<Value = T> {
    select(names).prop_map(of)
}

fn datastore() -> impl Strategy<Value = Option<DatastoreId>> {
    option::of(ids(&["fast", "bulk", "gone"], DatastoreId::new))
}

fn choice() -> impl Strategy<Value = PlacementChoice> {
    let host = ids(&["h1", "h2", "edge", "gone"], |id| {
        Compute::Host(HostId::new(id))
    });
    let cluster = ids(&["c", "gone"], |id| Compute::Cluster(ClusterId::new(id)));
    let compute = option::of(prop_oneof![host, cluster]);
    let pool = option::of(prop_oneof![
        Just(PoolChoice::Top),
        ids(&["gold", "shop", "own", "gone"], |id| PoolChoice::In(
            PoolId::new(id)
        )),
    ]);
    let folder = option::of(prop_oneof![
        Just(FolderChoice::Top),
        ids(&["Web", "gone"], |id| FolderChoice::In(FolderId::new(id))),
    ]);
    let network = option::of(prop_oneof![
        Just(NetworkChoice::Disconnected),
        ids(&["lan", "backup", "gone"], |id| NetworkChoice::To(
            NetworkId::new(id)
        )),
    ]);
    let kinds = [
        DiskType::AsSource,
        DiskType::Thin,
        DiskType::ThickEagerZeroed,
    ];
    let disk = (datastore(), option::of(select(kinds.to_vec())));
    let name = option::of(select(vec!["web-01", "mail-01", "x", "X", "y"]));
    (
        name,
        compute,
        pool,
        datastore(),
        vec(disk, 2),
        folder,
        network,
    )
        .prop_map(
            |(name, compute, pool, config_datastore, disks, folder, network)| PlacementChoice {
                name: name.map(str::to_owned),
                compute: compute.map(|it| (SiteId::new("production"), it)),
                pool,
                config_datastore,
                disks: ["system", "data"]
                    .into_iter()
                    .zip(disks)
                    .map(|(key, (datastore, disk_type))| {
                        let choice = DiskChoice {
                            datastore,
                            disk_type,
                            seed: None,
                        };
                        (DiskKey::new(key), choice)
                    })
                    .collect(),
                folder,
                restore_tags: None,
                networks: network
                    .map(|it| ("52:54:00:00:00:01".to_owned(), it))
                    .into_iter()
                    .collect(),
                macs: BTreeMap::new(),
            },
        )
}

/// The platform's rules, read off the specs without the planner.
fn breaks_a_rule(site: &SiteInventory, specs: &[NewVm]) -> Option<String> {
    let all = &site.resources;
    let mut names: BTreeSet<String> = site.vms.iter().map(|vm| vm.name.to_lowercase()).collect();
    for spec in specs {
        if !names.insert(spec.name.to_lowercase()) {
            return Some(format!("{} twice", spec.name));
        }
        let possible: Vec<_> = all
            .hosts
            .iter()
            .filter(|host| match &spec.compute {
                Compute::Host(id) => host.id == *id,
                Compute::Cluster(id) => host.cluster.as_ref() == Some(id),
            })
            .collect();
        if possible.is_empty() {
            return Some("no host".to_owned());
        }
        for host in possible {
            let mut datastores = vec![&spec.config_datastore];
            datastores.extend(spec.disks.iter().map(|disk| &disk.datastore));
            let reached = datastores.iter().all(|it| host.datastores.contains(it));
            let mut networks = spec.adapters.iter().filter_map(|it| it.network.as_ref());
            let attached = networks.all(|it| host.networks.contains(it));
            let pooled = spec.pool.as_ref().is_none_or(|id| {
                let pool = all.pools.iter().find(|pool| pool.id == *id);
                pool.is_some_and(|pool| match &pool.of {
                    Compute::Host(id) => host.id == *id,
                    Compute::Cluster(id) => host.cluster.as_ref() == Some(id),
                })
            });
            let foldered = spec.folder.as_ref().is_none_or(|id| {
                host.cluster.is_some() && all.folders.iter().any(|it| it.id == *id)
            });
            if !(reached && attached && pooled && foldered) {
                return Some(format!("{spec:?} at {}", host.name));
            }
        }
    }
    None
}

proptest! {
    #[test]
    fn whatever_is_chosen_specs_keep_the_rules_and_choices_stay(
        choices in vec(choice(), 3),
        free in 1..12_u64,
    ) {
        let mut estate = Estate::new();
        estate.site().resources.datastores[0].free = ByteCount(free * GIB / 2);
        let ids = estate.replicas.iter().map(|it| it.0.clone());
        let choices: Choices = ids.zip(choices).collect();
        let accepted = estate.accepted(choices.clone());
        for (replica, before) in &choices {
            let mut kept = accepted[replica].clone();
            // What was chosen is what is still chosen, the rest was proposed.
            for (key, disk) in &before.disks {
                let after = kept.disks.get_mut(key).unwrap();
                after.datastore = disk.datastore.clone().and(after.datastore.take());
                after.disk_type = disk.disk_type.and(after.disk_type);
                after.seed = None;
            }
            kept.disks.retain(|key, _| before.disks.contains_key(key));
            kept.name = before.name.clone().and(kept.name);
            kept.compute = before.compute.clone().and(kept.compute);
            kept.pool = before.pool.clone().and(kept.pool);
            kept.folder = before.folder.clone().and(kept.folder);
            kept.config_datastore = before.config_datastore.clone().and(kept.config_datastore);
            kept.restore_tags = None;
            kept.macs.clear();
            kept.networks.retain(|mac, _| before.networks.contains_key(mac));
            prop_assert_eq!(&kept, before);
        }
        let plan = estate.plan(&accepted);
        let specs: Vec<NewVm> = plan.vms.iter().filter_map(Placed::spec).collect();
        prop_assert_eq!(breaks_a_rule(&estate.sites[0], &specs), None);
        // A VM without a spec says why.
        for vm in &plan.vms {
            let stopped = vm.findings.iter().any(|it| it.problem.blocks());
            prop_assert_eq!(vm.spec().is_none(), stopped, "{:?}", problems(vm));
        }
        // Space: the sums against one walk over every file, and who is told of a full datastore.
        for datastore in &estate.sites[0].resources.datastores {
            let mut sum = 0;
            for vm in &plan.vms {
                if vm.config.value.as_ref() == Some(&datastore.id) {
                    sum += space::CONFIG_FILES.0;
                }
                for disk in vm.disks.iter().filter(|it| it.datastore.value.as_ref() == Some(&datastore.id)) {
                    let thick = disk.disk_type.value == Some(DiskType::ThickEagerZeroed);
                    sum += if thick { disk.source.size.0 } else { disk.source.allocated.0 };
                }
            }
            let counted = plan.space.iter().find(|it| it.datastore.id == datastore.id);
            prop_assert_eq!(counted.map_or(0, |it| it.takes.0), sum);
            let all_told = format!("of {}, and", datastore.name);
            let told = plan.vms.iter().any(|vm| problems(vm).iter().any(|it| it.contains(&all_told)));
            prop_assert_eq!(told, sum > datastore.free.0);
        }
    }
}

#[test]
fn a_disk_added_after_the_choice_asks_for_a_datastore_again() {
    let mut estate = Estate::new();
    let accepted = estate.accepted(Choices::new());
    estate.replicas[0].1.disks.push(disk("late", 1));
    let plan = estate.plan(&accepted);
    assert!(!plan.vms[0].is_complete(WizardStep::Datastore) && plan.vms[0].spec().is_none());
}
