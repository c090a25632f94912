//! The wizard's ways and words as tables.

use model::{
    Allowed, BatchId, Destination, LayoutFinding, LayoutKind, Operation, PowerState, SessionId,
    SiteId, Timestamp, VisibleState,
    view::{AfterInput, DryRunVm, ModeInput},
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
        proxies: model::view::ProxyPickView::default(),
        policies: Vec::new(),
        quick: model::view::QuickView::default(),
        id: DraftId::new("d-1"),
        now: Timestamp(0),
        steps: WizardStep::of(None).iter().copied().zip(complete).collect(),
        targets: Vec::new(),
        placement: None,
        page: model::view::PageInfo::default(),
        selectable: 2,
        chosen_count: 2,
        chosen_names: vec!["web-02".to_owned(), "web-01".to_owned()],
        targets_chosen: 0,
        blocked: Vec::new(),
        to_read: ByteCount::ZERO,
        replicas: replicas(),
        chosen: vec![ReplicaId::new("r-web-02"), ReplicaId::new("r-web-01")],
        destinations: Vec::new(),
        destination: Some(Destination::OriginalVm),
        mode_input: ModeInput::default(),
        mode: None,
        mode_words: String::new(),
        after_input: AfterInput::default(),
        after_words: String::new(),
        several: None,
        several_words: String::new(),
        power_on: true,
        drift_seen: Vec::new(),
        reason: String::new(),
        summary: Vec::new(),
        comparable: true,
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
        replica: None,
        name: "web-01-replica".to_owned(),
        scanned: ByteCount(2048),
        different: ByteCount(to_send),
        to_send: ByteCount(to_send),
        error: error.map(str::to_owned),
    }
}

#[test]
fn steps_lead_forward_and_back_and_stay_at_the_ends() {
    for destination in [
        None,
        Some(Destination::OriginalVm),
        Some(Destination::RecoveredVm),
        Some(Destination::SpecifiedLocation),
    ] {
        let steps = WizardStep::of(destination);
        assert_eq!(step_before(steps, steps[0]), steps[0]);
        for pair in steps.windows(2) {
            assert_eq!(step_after(steps, pair[0]), pair[1]);
            assert_eq!(step_before(steps, pair[1]), pair[0]);
        }
        let last = steps[steps.len() - 1];
        assert_eq!(step_after(steps, last), last);
    }
}

#[test]
fn a_step_that_no_longer_applies_leads_to_one_that_does() {
    let original = WizardStep::of(Some(Destination::OriginalVm));
    let step = WizardStep::TargetVm;
    assert_eq!(step_after(original, step), WizardStep::FailbackMode);
    assert_eq!(step_before(original, step), WizardStep::Destination);
}

#[test]
fn every_step_has_an_address_of_its_own() {
    for step in WizardStep::ALL {
        assert_eq!(WizardStep::from_slug(step.slug()), Some(step));
        assert!(question(step).ends_with('?'));
    }
}

fn candidate(id: &str, matched: &str, why_not: Option<&str>) -> TargetCandidate {
    TargetCandidate {
        vm: vm(id),
        label: format!("{id} at Hamburg"),
        matched: matched.to_owned(),
        why_not: why_not.map(str::to_owned),
        layout: vec![LayoutFinding {
            disk: "system".to_owned(),
            kind: LayoutKind::Fits,
            what: "2 GiB on both sides.".to_owned(),
        }],
    }
}

fn vm(id: &str) -> VmRef {
    VmRef {
        site: SiteId::new("production"),
        platform_id: id.to_owned(),
    }
}

#[test]
fn a_row_of_target_vms_shows_the_proposal_until_one_is_chosen() {
    let mut row = TargetRow {
        replica: ReplicaId::new("r-web-01"),
        name: "web-01-replica".to_owned(),
        chosen: None,
        suggested: Some(vm("restored")),
        candidates: vec![
            candidate("restored", "identity, name and disk layout", None),
            candidate("drill", "name", Some("drill runs.")),
            candidate("other", "", None),
        ],
        blocked: Vec::new(),
    };
    let words: Vec<_> = row
        .candidates
        .iter()
        .map(|it| candidate_words(&row, it))
        .collect();
    assert_eq!(
        words,
        [
            "restored at Hamburg, proposed: same identity, name and disk layout",
            "drill at Hamburg, not possible",
            "other at Hamburg",
        ]
    );
    assert_eq!(refused_candidates(&row), ["drill runs."]);
    assert_eq!(picked(&row), Some(&vm("restored")));
    row.chosen = Some(vm("other"));
    assert_eq!(picked(&row), Some(&vm("other")));
    let mut draft = draft([true; 4]);
    draft.targets_chosen = 1;
    assert_eq!(targets_words(&draft), "1 of 2 chosen");
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
fn the_part_of_a_list_is_in_the_address() {
    let id = DraftId::new("d-1");
    assert_eq!(
        paged_href(&id, WizardStep::TargetVm, 1),
        "/failback/d-1/target"
    );
    assert_eq!(
        paged_href(&id, WizardStep::TargetVm, 2),
        "/failback/d-1/target?page=2"
    );
    let query = ListQuery {
        filter: "web & mail".to_owned(),
        sort: model::view::Sort::parse("-size"),
        page: 3,
    };
    assert_eq!(
        list_href(&id, WizardStep::Replica, &query),
        "/failback/d-1/replica?filter=web%20%26%20mail&sort=-size&page=3"
    );
}

#[test]
fn a_filter_looks_at_the_names_of_a_row() {
    let all = replicas();
    let found = |filter| all.iter().filter(|it| matches(it, filter)).count();
    assert_eq!((found(""), found("WEB-02"), found("nobody")), (3, 1, 0));
    assert!(all.iter().any(|replica| why_not(replica).is_some()));
}

#[test]
fn many_chosen_ones_are_counted_and_the_first_named() {
    let mut draft = draft([true; 4]);
    assert_eq!(chosen_words(&draft), "web-02, web-01");
    draft.chosen_count = 1_200;
    draft.chosen_names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
    assert_eq!(chosen_words(&draft), "1,200 VMs: a, b, c, d, e, and more");
    draft.chosen_count = 0;
    assert_eq!(chosen_words(&draft), "none yet");
}

#[test]
fn finish_leads_to_its_session_or_to_the_batch() {
    let reply = |count: usize| FinishReply {
        batch: BatchId::new("b-1"),
        sessions: (0..count)
            .map(|n| SessionId::new(format!("s-{n}")))
            .collect(),
    };
    assert_eq!(after_finish(&reply(1)), "/sessions/s-0");
    assert_eq!(after_finish(&reply(2)), "/batches/b-1");
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

#[test]
fn what_is_not_known_of_disks_that_do_not_fit_is_not_shown_as_nothing() {
    let finding = |kind| LayoutFinding {
        disk: "data".to_owned(),
        kind,
        what: String::new(),
    };
    let mut vm = SummaryVm {
        replica: ReplicaId::new("r-db"),
        name: "db-01".to_owned(),
        route: String::new(),
        own_mode: None,
        placement: Vec::new(),
        layout: vec![finding(LayoutKind::Blocks)],
        drift: Vec::new(),
        to_read: ByteCount::ZERO,
        policy: None,
        quick: false,
        undo_space: ByteCount::ZERO,
        free_space: ByteCount(1 << 30),
        checks: Vec::new(),
        estimate: None,
    };
    assert_eq!((to_read(&vm), undo_space(&vm)), (None, None));
    vm.layout.push(finding(LayoutKind::Fits));
    (vm.to_read, vm.undo_space) = (ByteCount(3 << 20), ByteCount(2 << 30));
    let figure = "3 MiB, estimated from allocation".to_owned();
    assert_eq!(to_read(&vm), Some(("To read, both sides", figure)));
    let short = ("up to 2 GiB, 1 GiB free".to_owned(), true);
    assert_eq!(undo_space(&vm), Some(short));
    // One that is made anew is read at one side, and its undo removes it.
    vm.layout.clear();
    vm.placement = vec![("Host".to_owned(), "h1".to_owned())];
    assert_eq!(to_read(&vm).map(|(name, _)| name), Some("To read"));
    assert_eq!(undo_space(&vm), None);
}
