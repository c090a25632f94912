//! A reference model: a world of two VMs that effects change, and what must hold in it always.

use std::collections::BTreeSet;

use model::{
    CatchUp, CommitTimer, CommonPoint, Destination, EpochId, FailbackMode, Operation, Outcome,
    Timestamp,
};
use proptest::prelude::*;

use crate::{Directive, Done, Effect, Event, Scope, Session, State, Step, Terms, begin, step};

/// From which quick rollback looks.
const COMMON: CommonPoint = CommonPoint {
    replica: EpochId(7),
    production: EpochId(9),
};

/// What the two sides hold, as far as a failback can change it. Content is a number of the
/// replica's writes; production's own content is below every layer.
#[derive(Clone, Debug, Default)]
struct World {
    replica_on: bool,
    replica_writes: u64,
    production_on: bool,
    powered_off: bool,
    held: bool,
    touched: u64,
    before_layer: bool,
    /// Writes of the replica that the layer above the old content has.
    before_has: Option<u64>,
    working: Option<(u32, Option<u64>)>,
    points: BTreeSet<(u32, u64)>,
    epochs: Vec<u64>,
    replication_held: bool,
    kept: Option<u32>,
    replica_ready: bool,
    overwritten_old_content: bool,
    /// The session makes its VM.
    creates: bool,
    vm_there: bool,
    pointer_moved: bool,
    jobs_moved: bool,
    policy: bool,
    /// What the replica's firmware kept when it was last shut down.
    firmware: bool,
}

impl World {
    fn failed_over(destination: Destination) -> Self {
        let creates = destination == Destination::SpecifiedLocation;
        Self {
            replica_on: true,
            replica_writes: 10,
            production_on: !creates,
            creates,
            vm_there: !creates,
            ..Self::default()
        }
    }

    fn perform(&mut self, effect: Effect) -> Done {
        match effect {
            Effect::ProveTarget => {
                assert!(self.vm_there);
                return Done::Proved {
                    production_on: self.production_on,
                };
            }
            Effect::HoldProduction => self.held = true,
            Effect::PowerOffProduction => {
                self.production_on = false;
                self.powered_off = true;
            }
            Effect::CreatePreFailbackLayer => {
                assert!(!self.production_on);
                self.before_layer = true;
            }
            Effect::CreateWorkingLayer { pass } => {
                assert!(
                    self.before_layer || self.creates,
                    "data would land in production's own content"
                );
                if self.working.is_none_or(|(there, _)| there != pass) {
                    assert!(self.working.is_none(), "a working layer was left behind");
                    self.working = Some((pass, None));
                }
            }
            Effect::FreezeReplica { pass } => {
                assert!(self.replica_on);
                return self.freeze(pass);
            }
            Effect::FreezeReplicaFinal { pass } => {
                assert!(!self.replica_on);
                return self.freeze(pass);
            }
            Effect::Transfer { pass, scope, .. } => self.transfer(pass, scope),
            Effect::MergeWorkingLayer { pass } => {
                if let Some((there, content)) = self.working.take() {
                    assert_eq!(there, pass);
                    self.before_has = Some(content.expect("merged before it was transferred"));
                }
            }
            Effect::CheckProductionUntouched { .. } => return Done::WriteEpoch(self.touched),
            Effect::ShutDownReplica => {
                self.replica_on = false;
            }
            Effect::DropProtectivePoint { pass } => {
                self.points.retain(|(there, _)| *there != pass);
            }
            Effect::Certify { pass, .. } => {
                assert!(self.held && !self.production_on && !self.replica_on);
                assert!(self.working.is_none(), "what is signed lies below");
                assert!(self.points.iter().any(|(there, _)| *there == pass));
            }
            Effect::HoldReplication => self.replication_held = true,
            Effect::ReleaseProduction => self.held = false,
            Effect::PowerOnProduction => self.power_on_production(),
            Effect::MergePreFailbackLayer => {
                self.overwritten_old_content = true;
                self.before_layer = false;
            }
            Effect::KeepRestorePoint { pass, .. } => {
                self.kept = Some(pass);
                self.replica_ready = true;
            }
            Effect::ReleaseReplication => self.replication_held = false,
            Effect::DropWorkingLayer { .. } => self.working = None,
            Effect::DropPreFailbackLayer => {
                assert!(!self.overwritten_old_content && self.working.is_none());
                assert!(!(self.before_layer && self.production_on));
                self.before_layer = false;
                self.before_has = None;
            }
            Effect::RevertReplica { pass } => {
                assert!(
                    !self.replica_on,
                    "a running replica would lose what users wrote"
                );
                let at = self.points.iter().find(|(there, _)| *there == pass);
                // A second try after the point went finds the replica reverted already.
                if let Some((_, writes)) = at {
                    self.replica_writes = *writes;
                }
            }
            Effect::PowerOnReplica => {
                assert!(!self.production_on, "both VMs would run");
                self.replica_on = true;
                self.firmware = false;
            }
            Effect::CreateProductionVm
            | Effect::RemoveProductionVm
            | Effect::MoveProductionPointer
            | Effect::RestoreProductionPointer
            | Effect::AssociateStoragePolicy
            | Effect::RestoreStoragePolicy
            | Effect::CarryFirmwareState
            | Effect::RepointJobs => self.perform_for_destination(effect),
        }
        Done::Plain
    }

    fn power_on_production(&mut self) {
        assert!(!self.replica_on, "both VMs would run");
        let as_before = self.firmware || !self.creates;
        assert!(as_before, "it would start as another machine");
        self.production_on = true;
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller hands over only these"
    )]
    fn perform_for_destination(&mut self, effect: Effect) {
        match effect {
            Effect::CreateProductionVm => {
                assert!(self.creates);
                self.vm_there = true;
            }
            Effect::RemoveProductionVm => {
                assert!(self.creates, "somebody's VM would be lost");
                assert!(!self.production_on);
                self.vm_there = false;
                self.held = false;
                self.working = None;
                self.before_has = None;
            }
            Effect::MoveProductionPointer => self.pointer_moved = true,
            Effect::RestoreProductionPointer => self.pointer_moved = false,
            Effect::AssociateStoragePolicy => self.policy = true,
            Effect::RestoreStoragePolicy => {
                assert!(!self.production_on && !self.creates);
                self.policy = false;
            }
            Effect::CarryFirmwareState => {
                assert!(self.creates && self.vm_there && self.held);
                assert!(!self.replica_on && !self.production_on);
                self.firmware = true;
            }
            Effect::RepointJobs => {
                assert!(self.pointer_moved);
                self.jobs_moved = true;
            }
            other => panic!("{other:?} is no step of a destination"),
        }
    }

    fn freeze(&mut self, pass: u32) -> Done {
        if !self.points.iter().any(|(there, _)| *there == pass) {
            self.points.insert((pass, self.replica_writes));
            self.epochs.push(self.replica_writes);
        }
        Done::Frozen(EpochId(self.epochs.len() as u64))
    }

    fn transfer(&mut self, pass: u32, scope: Scope) {
        let (_, writes) = self
            .points
            .iter()
            .find(|(there, _)| *there == pass)
            .expect("frozen");
        if let Scope::Since(EpochId(epoch)) = scope {
            let from = self.epochs[usize::try_from(epoch).unwrap() - 1];
            assert!(
                self.before_has.is_some_and(|has| from <= has),
                "writes {from} to {:?} would be skipped",
                self.before_has
            );
        }
        if let Scope::SinceCommon(common) = scope {
            assert_eq!(common, COMMON);
            assert!(
                !self.creates && self.before_has.is_none(),
                "the record of production says nothing of what an earlier pass sent"
            );
        }
        let working = self.working.as_mut().expect("a layer to land in");
        assert_eq!(working.0, pass);
        working.1 = Some(*writes);
    }

    fn check(&self, session: &Session) {
        assert!(!(self.replica_on && self.production_on && self.powered_off));
        match &session.state {
            State::ReadyToSwitch { .. } => {
                assert!(self.replica_on && self.held && self.working.is_none());
                assert!(self.before_layer != self.creates && self.points.len() == 1);
            }
            State::Failback { .. } => {
                assert!(!self.replica_on && self.working.is_none());
                assert_eq!(self.before_layer, !self.creates);
                let moves = session.destination != Destination::OriginalVm;
                assert_eq!(self.pointer_moved, moves);
                assert_eq!(self.policy, session.storage_policy);
                assert_eq!(
                    self.before_has,
                    Some(self.replica_writes),
                    "changes were lost"
                );
                assert!(self.replication_held && !self.held);
                assert_eq!(self.production_on, session.power_on);
                assert_eq!(self.points.len(), 1);
            }
            State::Ended {
                outcome: Outcome::Committed,
                ..
            } => {
                assert!(!self.before_layer && !self.replication_held && self.replica_ready);
                let moves = session.destination != Destination::OriginalVm;
                assert!(self.jobs_moved == moves && self.pointer_moved == moves && self.vm_there);
                assert_eq!(self.kept, Some(session.pass));
                assert!(self.points.iter().any(|(pass, _)| *pass == session.pass));
            }
            State::Ended {
                outcome: Outcome::Undone | Outcome::Cancelled,
                ..
            } => {
                assert!(self.replica_on && !self.held);
                // A cancel that came before the power-off leaves a running VM alone.
                assert!(!self.production_on || !self.powered_off);
                assert!(!self.before_layer && self.working.is_none() && self.points.is_empty());
                assert!(!self.overwritten_old_content && !self.replication_held);
                assert!(!self.pointer_moved && !self.jobs_moved);
                assert!(
                    !self.policy || self.creates,
                    "it is gone, or has its own again"
                );
                assert_eq!(
                    self.vm_there, !self.creates,
                    "what the session made is gone"
                );
            }
            State::CatchingUp { .. } => assert!(self.replica_on && self.held),
            State::Synchronizing { .. }
            | State::Switching { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. } => {}
        }
    }
}

/// What the outside does next.
#[derive(Clone, Debug)]
enum Outside {
    /// The effect at work is performed and reported.
    Progress,
    /// It is performed, but the console dies before it is logged.
    CrashAfterEffect,
    /// The console dies before it is performed.
    CrashBeforeEffect,
    /// It fails.
    Fail { temporary: bool },
    /// Somebody writes to the production VM behind our back.
    Meddle,
    /// The operator asks for something, allowed or not.
    Ask(Operation),
    /// Time passes.
    Wait(i64),
    /// The health gates are tried.
    Gates { green: bool, after_gap: bool },
}

fn outside() -> impl Strategy<Value = Outside> {
    prop_oneof![
        12 => Just(Outside::Progress),
        1 => Just(Outside::CrashAfterEffect),
        1 => Just(Outside::CrashBeforeEffect),
        1 => any::<bool>().prop_map(|temporary| Outside::Fail { temporary }),
        1 => Just(Outside::Meddle),
        1 => (0_i64..4_000).prop_map(Outside::Wait),
        1 => any::<(bool, bool)>().prop_map(|(green, after_gap)| Outside::Gates { green, after_gap }),
        3 => prop::sample::select(vec![
            Operation::Pause, Operation::Resume, Operation::Cancel, Operation::SwitchNow,
            Operation::ChangeMode, Operation::CatchUp, Operation::SetTimer, Operation::SetCatchUp,
            Operation::Commit, Operation::Undo, Operation::Retry, Operation::LeaveUnreadable,
        ]).prop_map(Outside::Ask),
    ]
}

fn event_for(operation: Operation, now: Timestamp) -> Event {
    match operation {
        Operation::Pause => Event::Pause,
        Operation::Resume => Event::Resume,
        Operation::Cancel => Event::Cancel,
        Operation::SwitchNow => Event::SwitchNow,
        Operation::CatchUp => Event::CatchUp,
        Operation::SetTimer => Event::SetTimer {
            timer: CommitTimer::UndoAfter { seconds: 30 },
            gates: Vec::new(),
        },
        Operation::SetCatchUp => Event::SetCatchUp(Some(CatchUp { every_seconds: 45 })),
        Operation::Commit => Event::Commit,
        Operation::Undo => Event::Undo,
        Operation::ChangeMode => Event::ChangeMode(FailbackMode::Scheduled {
            at: now.plus_seconds(600),
            zone: "UTC".to_owned(),
            not_later_than: now.plus_seconds(1_200),
        }),
        Operation::LeaveUnreadable => Event::LeaveUnreadable,
        Operation::Retry | Operation::StartFailback | Operation::SetLimit => Event::Retry,
    }
}

/// The effect that the shell was last told to perform.
fn at_work(last: Option<Effect>, step: &Step) -> Option<Effect> {
    let stopped = step.directives.contains(&Directive::Stop);
    let told = step
        .directives
        .iter()
        .find_map(|directive| match directive {
            Directive::Perform { effect, .. } => Some(*effect),
            Directive::Stop | Directive::PauseMovers | Directive::ResumeMovers => None,
        });
    told.or(if stopped { None } else { last })
}

fn play(terms: Terms, script: &[Outside]) -> (Session, World) {
    let mut now = Timestamp(0);
    let mut world = World::failed_over(terms.destination);
    let first = begin(Session::new(terms));
    let mut work = at_work(None, &first);
    let mut wake = first.wake_at;
    let mut session = first.next;
    for outside in script {
        now = now.plus_seconds(1);
        if world.replica_on {
            world.replica_writes += 1;
        }
        let (event, done_work) = match outside {
            Outside::Progress => match (work, wake) {
                (Some(effect), _) => (Event::Done(world.perform(effect)), true),
                (None, Some(at)) if at <= now => (Event::Woken, false),
                (None, _) => continue,
            },
            Outside::CrashAfterEffect => {
                if let Some(effect) = work {
                    world.perform(effect);
                }
                (Event::Restarted, true)
            }
            Outside::CrashBeforeEffect => (Event::Restarted, true),
            Outside::Fail { temporary } if work.is_some() => (
                Event::Failed {
                    cause: "It broke.".to_owned(),
                    temporary: *temporary,
                    unreadable: !*temporary && matches!(work, Some(Effect::Transfer { .. })),
                },
                true,
            ),
            Outside::Meddle => {
                // Only what nobody holds can be written behind our back, or by force.
                world.touched += 1;
                continue;
            }
            Outside::Wait(seconds) => {
                now = now.plus_seconds(*seconds);
                continue;
            }
            Outside::Gates { green, after_gap } => {
                let failing = (!green).then(|| "The port is closed.".to_owned());
                let after_gap = *after_gap;
                (Event::Gates { failing, after_gap }, false)
            }
            Outside::Ask(operation) => (event_for(*operation, now), false),
            Outside::Fail { .. } => continue,
        };
        let restarted = event == Event::Restarted;
        if restarted {
            let record = session.to_record();
            session = Session::from_record(&record).expect("our own record");
        }
        match step(&session, event, now) {
            Ok(next) => {
                let carried = if done_work { None } else { work };
                work = at_work(carried, &next);
                wake = next.wake_at.or(if restarted { None } else { wake });
                session = next.next;
            }
            Err(rejected) => assert!(!rejected.why.is_empty() && !restarted),
        }
        world.check(&session);
        assert!(
            session.activity().is_none() || work.is_some() || session.attention.is_some(),
            "{:?} has nothing at work and waits for nobody",
            session.state
        );
    }
    (session, world)
}

fn modes() -> impl Strategy<Value = FailbackMode> {
    prop_oneof![
        Just(FailbackMode::Auto),
        Just(FailbackMode::Manual),
        (0_i64..60).prop_map(|at| FailbackMode::Scheduled {
            at: Timestamp(0).plus_seconds(at),
            zone: "Europe/Berlin".to_owned(),
            not_later_than: Timestamp(0).plus_seconds(at + 30),
        }),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let destinations = prop::sample::select(vec![
        Destination::OriginalVm,
        Destination::RecoveredVm,
        Destination::SpecifiedLocation,
    ]);
    let catch_up =
        prop::option::of((1_u32..20).prop_map(|every_seconds| CatchUp { every_seconds }));
    let timer = prop::sample::select(vec![
        CommitTimer::None,
        CommitTimer::CommitAfter { seconds: 20 },
        CommitTimer::UndoAfter { seconds: 20 },
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (destinations, modes(), flags, catch_up, timer).prop_map(
        |(destination, mode, (power_on, storage_policy, quick), catch_up, timer)| Terms {
            destination,
            mode,
            power_on,
            storage_policy,
            catch_up,
            quick: quick.then_some(COMMON),
            timer,
            gates: Vec::new(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn invariants_hold_after_every_event(
        terms in terms(),
        script in prop::collection::vec(outside(), 0..160),
    ) {
        play(terms, &script);
    }

    #[test]
    fn a_session_left_alone_after_any_trouble_comes_to_rest(
        terms in terms(),
        script in prop::collection::vec(outside(), 0..80),
    ) {
        let quiet = [Outside::Ask(Operation::Retry), Outside::Wait(10_000)]
            .into_iter()
            .chain(std::iter::repeat_n(Outside::Progress, 80));
        let script: Vec<_> = script.into_iter().chain(quiet).collect();
        let (session, _) = play(terms, &script);
        // Catch-up passes go on for as long as nobody switches.
        let rests = session.activity().is_none() || matches!(session.state, State::CatchingUp { .. });
        prop_assert!(rests, "{:?}", session.state);
    }
}
