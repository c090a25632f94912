//! What is to be known about the choices for a VM, and which of it stops Next.

use model::{ByteCount, DiskKey, ReplicaId, view::WizardStep};

/// The line that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The VM as a whole.
    Vm,
    /// Its configuration files.
    Config,
    /// A disk.
    Disk(DiskKey),
    /// An adapter, by its hardware address.
    Adapter(String),
}

impl Row {
    /// The line's name in forms and refusals.
    pub(crate) fn key(&self, replica: &ReplicaId) -> String {
        match self {
            Self::Vm => replica.to_string(),
            Self::Config => format!("{replica}/"),
            Self::Disk(key) => format!("{replica}/{key}"),
            Self::Adapter(mac) => format!("{replica}/{mac}"),
        }
    }
}

/// A problem and the line that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) row: Row,
    pub(crate) problem: Problem,
}

/// A choice that cannot be, or something to know about one. Names are those that operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoSite,
    SiteGone {
        site: String,
    },
    ComputeGone {
        name: String,
    },
    ClusterEmpty {
        cluster: String,
    },
    NameTaken {
        name: String,
        site: String,
    },
    NamePromised {
        name: String,
        site: String,
    },
    NameTwice {
        name: String,
        other: String,
    },
    PoolGone {
        id: String,
    },
    PoolElsewhere {
        pool: String,
        of: String,
        host: String,
    },
    NoDatastore {
        host: String,
    },
    DatastoreGone {
        id: String,
    },
    DatastoreElsewhere {
        datastore: String,
        host: String,
    },
    DatastoreFull {
        datastore: String,
        takes: ByteCount,
        free: ByteCount,
    },
    DiskTypeFixed {
        version: u32,
    },
    SeedGone,
    FolderGone {
        id: String,
    },
    FolderUnused {
        folder: String,
        host: String,
    },
    NoNetwork {
        host: String,
    },
    NetworkGone {
        id: String,
    },
    NetworkElsewhere {
        network: String,
        host: String,
    },
    NetworkOther {
        source: String,
        site: String,
    },
    AddressStays {
        address: String,
    },
    AddressTwice {
        mac: String,
        original: String,
    },
}

impl Problem {
    /// The step where it can be solved.
    pub(crate) const fn step(&self) -> WizardStep {
        match self {
            Self::NoSite
            | Self::SiteGone { .. }
            | Self::ComputeGone { .. }
            | Self::ClusterEmpty { .. }
            | Self::NameTaken { .. }
            | Self::NamePromised { .. }
            | Self::NameTwice { .. } => WizardStep::Host,
            Self::PoolGone { .. } | Self::PoolElsewhere { .. } => WizardStep::ResourcePool,
            Self::NoDatastore { .. }
            | Self::DatastoreGone { .. }
            | Self::DatastoreElsewhere { .. }
            | Self::DatastoreFull { .. }
            | Self::DiskTypeFixed { .. }
            | Self::SeedGone => WizardStep::Datastore,
            Self::FolderGone { .. } | Self::FolderUnused { .. } => WizardStep::Folder,
            Self::NoNetwork { .. }
            | Self::NetworkGone { .. }
            | Self::NetworkElsewhere { .. }
            | Self::NetworkOther { .. }
            | Self::AddressStays { .. }
            | Self::AddressTwice { .. } => WizardStep::Network,
        }
    }

    /// Whether it stops Next; the others are said only.
    pub(crate) const fn blocks(&self) -> bool {
        match self {
            Self::FolderUnused { .. }
            | Self::NetworkOther { .. }
            | Self::AddressStays { .. }
            | Self::AddressTwice { .. } => false,
            Self::NoSite
            | Self::SiteGone { .. }
            | Self::ComputeGone { .. }
            | Self::ClusterEmpty { .. }
            | Self::NameTaken { .. }
            | Self::NamePromised { .. }
            | Self::NameTwice { .. }
            | Self::PoolGone { .. }
            | Self::PoolElsewhere { .. }
            | Self::NoDatastore { .. }
            | Self::DatastoreGone { .. }
            | Self::DatastoreElsewhere { .. }
            | Self::DatastoreFull { .. }
            | Self::DiskTypeFixed { .. }
            | Self::SeedGone
            | Self::FolderGone { .. }
            | Self::NoNetwork { .. }
            | Self::NetworkGone { .. }
            | Self::NetworkElsewhere { .. } => true,
        }
    }

    /// Whether it is the name that clashes.
    pub(crate) const fn is_of_name(&self) -> bool {
        matches!(
            self,
            Self::NameTaken { .. } | Self::NamePromised { .. } | Self::NameTwice { .. }
        )
    }

    /// What is wrong.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::NoSite => "No production site can make VMs.".to_owned(),
            Self::SiteGone { site } => format!("No VM can be made at the chosen site {site} now."),
            Self::ComputeGone { name } => format!("The chosen {name} is no longer there."),
            Self::ClusterEmpty { cluster } => format!("{cluster} has no hosts."),
            Self::NameTaken { name, site } => format!("{site} has a VM named {name} already."),
            Self::NamePromised { name, site } => {
                format!("A failback at work makes a VM named {name} at {site}.")
            }
            Self::NameTwice { name, other } => {
                format!("The VM made from {other} is to be named {name} too.")
            }
            Self::PoolGone { id } => format!("The chosen pool {id} is no longer there."),
            Self::PoolElsewhere { pool, of, host } => {
                format!("{pool} divides {of}, and the VM is to run on {host}.")
            }
            Self::NoDatastore { host } => format!("{host} reaches no datastore."),
            Self::DatastoreGone { id } => format!("The chosen datastore {id} is no longer there."),
            Self::DatastoreElsewhere { datastore, host } => {
                format!("{datastore} is not reached from {host}.")
            }
            Self::DatastoreFull {
                datastore,
                takes,
                free,
            } => {
                format!("All chosen VMs together take {takes} of {datastore}, and {free} is free.")
            }
            Self::DiskTypeFixed { version } => {
                format!("Virtual hardware {version} takes disks as the source has them only.")
            }
            Self::SeedGone => {
                "The original has no such disk of the same size at the chosen site to copy."
                    .to_owned()
            }
            Self::FolderGone { id } => format!("The chosen folder {id} is no longer there."),
            Self::FolderUnused { folder, host } => format!(
                "{host} stands alone and has no folders. {folder} is kept for another host."
            ),
            Self::NoNetwork { host } => format!("{host} reaches no network."),
            Self::NetworkGone { id } => format!("The chosen network {id} is no longer there."),
            Self::NetworkElsewhere { network, host } => {
                format!("{network} is not reached from {host}.")
            }
            Self::NetworkOther { source, site } => {
                format!("{site} has no {source} that the host reaches; check the one proposed.")
            }
            Self::AddressStays { address } => {
                format!("{address}, set by the replica's platform, is not given to the new VM.")
            }
            Self::AddressTwice { mac, original } => {
                format!("{original} has {mac} too: keep {original} off, or renew the address.")
            }
        }
    }

    /// What to do about it; nothing for what is said only.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::NoSite => "Choose another destination.".to_owned(),
            Self::SiteGone { .. } | Self::ComputeGone { .. } | Self::ClusterEmpty { .. } => {
                "Choose another host.".to_owned()
            }
            Self::NameTaken { .. } | Self::NamePromised { .. } | Self::NameTwice { .. } => {
                "Give another name.".to_owned()
            }
            Self::PoolGone { .. } => "Choose another pool, or none.".to_owned(),
            Self::PoolElsewhere { host, .. } => format!("Choose a pool of {host}, or none."),
            Self::NoDatastore { .. } => "Choose another host at Host.".to_owned(),
            Self::DatastoreGone { .. } | Self::DatastoreElsewhere { .. } => {
                "Choose another datastore.".to_owned()
            }
            Self::DatastoreFull { takes, free, .. } => format!(
                "Choose another datastore for {} of them, or free it there.",
                takes.saturating_sub(*free)
            ),
            Self::DiskTypeFixed { .. } => "Choose \"As source\".".to_owned(),
            Self::SeedGone => "Choose \"Nothing\".".to_owned(),
            Self::FolderGone { .. } => "Choose another folder, or none.".to_owned(),
            Self::NoNetwork { .. } => "Disconnect the adapter, or choose another host.".to_owned(),
            Self::NetworkGone { .. } | Self::NetworkElsewhere { .. } => {
                "Choose another network, or disconnect the adapter.".to_owned()
            }
            Self::FolderUnused { .. }
            | Self::NetworkOther { .. }
            | Self::AddressStays { .. }
            | Self::AddressTwice { .. } => String::new(),
        }
    }

    /// Both in one text.
    pub(crate) fn words(&self) -> String {
        let (what, next) = (self.what(), self.next_step());
        if next.is_empty() {
            what
        } else {
            format!("{what} {next}")
        }
    }
}
