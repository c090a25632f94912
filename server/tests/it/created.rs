//! A session that makes its production VM, put into the store as Finish would.

use std::path::Path;

use model::{
    Actor, Adapter, BatchId, ByteCount, Compute, DatastoreId, Destination, DiskKey, DiskType,
    DraftId, FailbackMode, Firmware, HostId, MacChoice, NetworkId, NewAdapter, NewDisk, NewVm,
    ProtectedVmId, ReplicaId, SessionChoices, SessionId, SiteId, Slot, Timestamp, VmRef,
};
use serde_json::Value;
use store::{NewBatch, NewSession, SessionDisk, Store};

/// The session's id, from which the platform id of its VM is made.
const SESSION: &str = "01990000-0000-7000-8000-00000000000a";

/// The platform id of the VM that the session makes.
pub(crate) fn platform_id() -> String {
    NewVm::made_by(&SessionId::new(SESSION), production()).platform_id
}

/// What operators call it.
pub(crate) fn name(vm: &str) -> String {
    format!("{vm}-new")
}

/// What the replica's firmware keeps, as the lab writes it.
pub(crate) const FIRMWARE: &str =
    r#"{"left":[],"tpm":{"tpm2-00.permall":[3]},"variables":[1,2,255]}"#;

fn production() -> SiteId {
    SiteId::new("production")
}

/// Records the session of a VM's replica. The console over the same data takes it up.
pub(crate) fn record(data: &Path, vm: &str, replica: &ReplicaId, disk_type: DiskType) {
    let read = |path: &str| -> Value {
        let text = std::fs::read_to_string(data.join("lab").join(path)).expect("described");
        serde_json::from_str(&text).expect("json")
    };
    let described = read(&format!("dr/{vm}-replica/vm.json"));
    let estate = read("estate.json");
    let known = estate["replicas"].as_array().expect("replicas").iter();
    let protected = known
        .filter(|it| it["id"].as_str() == Some(replica.as_str()))
        .find_map(|it| it["protected"].as_str())
        .expect("protected");
    let new = session(
        vm,
        replica,
        ProtectedVmId::new(protected),
        &described,
        disk_type,
    );
    let batch = NewBatch {
        id: BatchId::new("batch-of-a-test"),
        draft: DraftId::new("draft-of-a-test"),
        started_by: new.started_by.clone(),
        reason: String::new(),
        started_at: new.started_at,
        at_once: None,
        sessions: vec![new],
        audit: "Started by a test.".to_owned(),
    };
    let insert = async {
        let store = Store::open_path(&data.join("landfall.db")).await?;
        store.batch_insert(&batch).await.map(drop)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(insert)
        .expect("recorded");
}

fn session(
    vm: &str,
    replica: &ReplicaId,
    protected: ProtectedVmId,
    described: &Value,
    disk_type: DiskType,
) -> NewSession {
    let id = SessionId::new(SESSION);
    let spec = spec(vm, &id, described, disk_type);
    let machine = failback_machine();
    NewSession {
        batch: BatchId::new("batch-of-a-test"),
        replica: replica.clone(),
        protected,
        vm_name: vm.to_owned(),
        replica_vm: VmRef {
            site: SiteId::new("dr"),
            platform_id: format!("{vm}-replica"),
        },
        production_vm: spec.vm.clone(),
        destination: Destination::SpecifiedLocation,
        machine,
        limit: None,
        started_by: Actor::new("local operator"),
        reason: String::new(),
        started_at: Timestamp(1_795_406_400_000_000),
        plan: None,
        layout: spec
            .disks
            .iter()
            .map(|disk| SessionDisk {
                key: disk.key.clone(),
                target: disk.key.clone(),
                name: disk.name.clone(),
                size: disk.size,
            })
            .collect(),
        choices: SessionChoices {
            new_vm: Some(spec),
            ..SessionChoices::default()
        },
        id,
    }
}

/// The machine before its first step, as its stored form.
fn failback_machine() -> model::SessionRecord {
    model::SessionRecord {
        quick: None,
        version: 2,
        begun: false,
        destination: Destination::SpecifiedLocation,
        storage_policy: false,
        catch_up: None,
        caught_up_at: None,
        timer: model::CommitTimer::None,
        gates: Vec::new(),
        gates_failed_since: None,
        timer_stopped: None,
        state: model::SessionStateRecord::Synchronizing {
            at: 0,
            again: false,
            paused: false,
        },
        mode: FailbackMode::Auto,
        power_on: false,
        attention: None,
        attempts: 0,
        pass: 1,
        settled_pass: None,
        frozen_epoch: None,
        settled_epoch: None,
        write_epoch: None,
        production_was_on: None,
        leave_unreadable: false,
        left_out: false,
    }
}

fn spec(vm: &str, session: &SessionId, described: &Value, disk_type: DiskType) -> NewVm {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let disks = described["disks"]
        .as_array()
        .expect("disks")
        .iter()
        .zip(0..);
    NewVm {
        vm: NewVm::made_by(session, production()),
        name: name(vm),
        compute: Compute::Host(HostId::new("prod-host-2")),
        pool: None,
        folder: None,
        config_datastore: DatastoreId::new("prod-fast"),
        disks: disks
            .map(|(disk, unit)| NewDisk {
                key: DiskKey::new(text(&disk["key"])),
                name: text(&disk["name"]),
                size: ByteCount(disk["size"].as_u64().expect("a size")),
                sector: 512,
                format: serde_json::from_value(disk["format"].clone()).expect("a format"),
                slot: Some(Slot {
                    controller: "scsi0".to_owned(),
                    unit,
                }),
                datastore: DatastoreId::new("prod-fast"),
                disk_type,
                seed: None,
            })
            .collect(),
        adapters: vec![NewAdapter {
            source: Adapter {
                mac: "52:54:00:00:00:01".to_owned(),
                network: Some("VM network".to_owned()),
                address: None,
            },
            network: Some(NetworkId::new("prod-network-2")),
            mac: MacChoice::Keep,
        }],
        restore_tags: true,
        tags: vec!["sample".to_owned()],
        cpus: 2,
        memory: ByteCount(1 << 30),
        firmware: Firmware::Uefi,
        hardware_version: Some(19),
        change_tracking: true,
        like: None,
    }
}
