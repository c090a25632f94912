//! Rows to test with.

use model::{
    Actor, BatchId, ByteCount, BytesPerSecond, CatchUp, CommitTimer, Destination, DiskKey, Drift,
    FailbackMode, HealthGate, Outcome, ProtectedVmId, ReplicaId, Seconds, SessionChoices,
    SessionId, SessionRecord, SessionStateRecord, SiteId, Timestamp, VmRef,
    view::{Band, Check, CheckSubject, DifferenceBasis, PlanEstimate, SessionPlan, Verdict},
};

use crate::{NewSession, SessionDisk};

pub(crate) fn actor() -> Actor {
    Actor::new("local operator")
}

pub(crate) fn vm(site: &str, id: &str) -> VmRef {
    VmRef {
        site: SiteId::new(site),
        platform_id: id.to_owned(),
    }
}

pub(crate) fn machine() -> SessionRecord {
    SessionRecord {
        quick: None,
        version: 2,
        destination: Destination::OriginalVm,
        storage_policy: false,
        catch_up: Some(CatchUp { every_seconds: 900 }),
        caught_up_at: Some(Timestamp(4)),
        timer: CommitTimer::UndoAfter { seconds: 60 },
        gates: vec![HealthGate::Http {
            url: "http://web-01/".to_owned(),
        }],
        gates_failed_since: Some(Timestamp(5)),
        begun: true,
        timer_stopped: Some("The timer is stopped.".to_owned()),
        state: SessionStateRecord::Synchronizing {
            at: 0,
            again: false,
            paused: false,
        },
        mode: FailbackMode::Scheduled {
            at: Timestamp(5),
            zone: "Europe/Berlin".to_owned(),
            not_later_than: Timestamp(6),
        },
        power_on: true,
        attention: None,
        attempts: 0,
        pass: 1,
        settled_pass: None,
        frozen_epoch: None,
        settled_epoch: None,
        write_epoch: Some(7),
        production_was_on: Some(true),
        leave_unreadable: true,
        left_out: true,
    }
}

pub(crate) fn ended(at: Timestamp) -> SessionRecord {
    SessionRecord {
        state: SessionStateRecord::Ended {
            outcome: Outcome::Undone,
            at,
        },
        ..machine()
    }
}

pub(crate) fn session(id: &str, replica: &str, at: i64) -> NewSession {
    NewSession {
        id: SessionId::new(id),
        batch: BatchId::new("batch"),
        replica: ReplicaId::new(replica),
        protected: ProtectedVmId::new("protected"),
        vm_name: "web-01".to_owned(),
        replica_vm: vm("dr", "r1"),
        production_vm: vm("production", &format!("{replica}-original")),
        destination: Destination::OriginalVm,
        choices: SessionChoices::default(),
        machine: machine(),
        limit: Some(BytesPerSecond(1 << 40)),
        started_by: actor(),
        reason: "storm is over".to_owned(),
        started_at: Timestamp(at),
        layout: vec![disk("z", "system"), disk("a", "data")],
        plan: Some(plan()),
    }
}

fn plan() -> SessionPlan {
    let bytes = Band {
        low: ByteCount(1),
        likely: ByteCount(2),
        high: ByteCount(3),
    };
    SessionPlan {
        checks: vec![Check {
            subject: CheckSubject::Power,
            verdict: Verdict::Warn,
            what: "web-01 is powered on.".to_owned(),
        }],
        estimate: Some(PlanEstimate {
            to_read: ByteCount(4),
            different: bytes,
            basis: DifferenceBasis::DryRun { at: Timestamp(7) },
            wire: bytes,
            phase_1: Band::exactly(Seconds(8)),
            downtime: Band::exactly(Seconds(9)),
            assumptions: vec!["The guest shuts down by itself.".to_owned()],
        }),
        drift: vec![Drift {
            item: "memory".to_owned(),
            what: "8 GiB on the replica.".to_owned(),
        }],
    }
}

fn disk(key: &str, name: &str) -> SessionDisk {
    SessionDisk {
        key: DiskKey::new(key),
        target: DiskKey::new(format!("{key}-recovered")),
        name: name.to_owned(),
        size: ByteCount(2 << 30),
    }
}
