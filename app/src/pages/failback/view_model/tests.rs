//! The wizard's ways and words as tables.

use model::{
    Allowed, BatchId, Destination, PowerState, SessionId, Timestamp, VisibleState,
    view::{DryRunVm, ModeInput},
};

use super::*;

fn replica(name: &str, why_not: Option<&str>) -> ReplicaView {
    ReplicaView {
        id: ReplicaId::new(format!("r-{name}")),
        name: format!("{name}-replica"),
        production_name: name.to_owned(),
        original_location: format!("Production / {name}"),
        replica_location: "DR".to_owned(),
        state: VisibleState::Failover,
        authoritative: "The DR site".to_owned(),
        power: PowerState::On,
        production_power: None,
        size: ByteCount(1 << 30),
        allocated: ByteCount(1 << 29),
        restore_point: None,
        running_since: None,
        job: "Web tier".to_owned(),
        on_hold: false,
        session: None,
        needs_attention: false,
        operations: vec![Allowed {
            operation: Operation::StartFailback,
            why_not: why_not.map(str::to_owned),
        }],
    }
}

fn replicas() -> Vec<ReplicaView> {
    vec![
        replica("mail-01", Some("It is in state Ready.")),
        replica("web-01", None),
        replica("web-02", None),
    ]
}

fn draft(complete: [bool; 4]) -> DraftView {
    DraftView {
        id: DraftId::new("d-1"),
        now: Timestamp(0),
        steps: ORDER.into_iter().zip(complete).collect(),
        replicas: replicas(),
        chosen: vec![ReplicaId::new("r-web-02"), ReplicaId::new("r-web-01")],
        destinations: Vec::new(),
        destination: Some(Destination::OriginalVm),
        mode_input: ModeInput::default(),
        mode: None,
        mode_words: String::new(),
        power_on: true,
        drift_seen: Vec::new(),
        reason: String::new(),
        summary: Vec::new(),
        dry_run: None,
        finished: None,
        zones: Vec::new(),
    }
}

fn dry_run(vms: Vec<DryRunVm>, done: bool) -> DryRunView {
    DryRunView {
        asked_at: Timestamp(0),
        done_at: done.then_some(Timestamp(1)),
        progress: (ByteCount(2048), ByteCount(1024)),
        vms,
    }
}

fn measured(to_send: u64, error: Option<&str>) -> DryRunVm {
    DryRunVm {
        name: "web-01-replica".to_owned(),
        scanned: ByteCount(2048),
        different: ByteCount(to_send),
        to_send: ByteCount(to_send),
        error: error.map(str::to_owned),
    }
}

#[test]
fn steps_lead_forward_and_back_and_stay_at_the_ends() {
    for (step, before, after) in [
        (
            WizardStep::Replica,
            WizardStep::Replica,
            WizardStep::Destination,
        ),
        (
            WizardStep::Destination,
            WizardStep::Replica,
            WizardStep::FailbackMode,
        ),
        (
            WizardStep::FailbackMode,
            WizardStep::Destination,
            WizardStep::Summary,
        ),
        (
            WizardStep::Summary,
            WizardStep::FailbackMode,
            WizardStep::Summary,
        ),
    ] {
        assert_eq!((step_before(step), step_after(step)), (before, after));
    }
}

#[test]
fn the_rail_opens_what_is_complete_and_the_step_after() {
    let shown = |complete, here| {
        rail(&draft(complete), here)
            .into_iter()
            .map(|step| (step.progress, step.href.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown([true, true, false, false], WizardStep::Destination),
        [
            (Progress::Done, true),
            (Progress::Here, true),
            (Progress::ToCome, true),
            (Progress::ToCome, false),
        ]
    );
    assert_eq!(
        shown([false, true, true, false], WizardStep::Replica),
        [
            (Progress::Here, true),
            (Progress::ToCome, false),
            (Progress::ToCome, false),
            (Progress::ToCome, false),
        ]
    );
}

#[test]
fn a_filter_is_part_of_the_address() {
    let id = DraftId::new("d-1");
    assert_eq!(replica_step_href(&id, "  "), "/failback/d-1/replica");
    assert_eq!(
        replica_step_href(&id, " web & mail "),
        "/failback/d-1/replica?filter=web%20%26%20mail"
    );
}

#[test]
fn select_all_takes_what_is_shown_and_possible() {
    let all = replicas();
    assert_eq!(selectable(&all, "").len(), 2);
    assert_eq!(selectable(&all, "WEB-02"), [ReplicaId::new("r-web-02")]);
    assert_eq!(selectable(&all, "mail"), []);
    let chosen = with_all_shown(&all, vec![ReplicaId::new("r-web-01")], "");
    assert_eq!(chosen.len(), 2);
}

#[test]
fn what_can_be_chosen_comes_first() {
    let names: Vec<_> = sorted(replicas())
        .into_iter()
        .map(|replica| replica.production_name)
        .collect();
    assert_eq!(names, ["web-01", "web-02", "mail-01"]);
    assert_eq!(chosen_names(&draft([true; 4])), ["web-01", "web-02"]);
}

#[test]
fn finish_leads_to_its_session_or_to_the_list() {
    let reply = |count: usize| FinishReply {
        batch: BatchId::new("b-1"),
        sessions: (0..count)
            .map(|n| SessionId::new(format!("s-{n}")))
            .collect(),
    };
    assert_eq!(after_finish(&reply(1)), "/sessions/s-0");
    assert_eq!(after_finish(&reply(2)), "/");
}

#[test]
fn a_dry_run_never_claims_more_than_it_measured() {
    assert_eq!(
        dry_run_words(&dry_run(Vec::new(), false)),
        "Comparing: 1 KiB of 2 KiB compared, 50 %"
    );
    assert_eq!(
        dry_run_words(&dry_run(vec![measured(1024, None)], true)),
        "Done: 1 KiB would be sent. Nothing was written."
    );
    assert_eq!(
        dry_run_words(&dry_run(
            vec![measured(1024, None), measured(0, Some("gone"))],
            true
        )),
        "Done for 1 of 2 VMs: 1 KiB would be sent. Nothing was written."
    );
}
