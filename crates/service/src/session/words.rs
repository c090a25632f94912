//! What a session page says in sentences: who is authoritative, until when undo is possible, and
//! what each operation will do to which VM.

use failback::State;
use model::{CancelKind, Destination, Operation, Outcome, PowerState};

use super::{Work, after};
use crate::estate::{Estate, production_is_authoritative};

/// The names that sentences are made of.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) replica: String,
    pub(super) production: String,
    dr_site: String,
    production_site: String,
    pub(super) shutdown_seconds: Option<u64>,
    production_power: Option<PowerState>,
}

impl Names {
    pub(super) fn of(work: &Work, estate: &Estate) -> Self {
        let row = &work.row;
        Self {
            replica: estate.vm_name(&row.replica_vm),
            production: estate
                .vm(&row.production_vm)
                .map_or_else(|| row.vm_name.clone(), |vm| vm.name.clone()),
            dr_site: estate.site_name(&row.replica_vm.site),
            production_site: estate.site_name(&row.production_vm.site),
            production_power: estate.vm(&row.production_vm).map(|vm| vm.power),
            shutdown_seconds: estate
                .site(&row.replica_vm.site)
                .map(|(site, ..)| site.shutdown_timeout_seconds),
        }
    }

    /// Which site is authoritative now.
    pub(super) fn authoritative(&self, work: &Work) -> String {
        let Self {
            replica,
            production,
            dr_site,
            production_site,
            ..
        } = self;
        if production_is_authoritative(work.session.visible()) {
            let is_off = self.production_power == Some(PowerState::Off);
            if is_off && matches!(work.session.state, State::Failback { .. }) {
                return format!(
                    "{production_site} is authoritative, but {production} is off: power it on and \
                     test it, then commit or undo."
                );
            }
            return format!("{production_site} is authoritative: {production} has taken over.");
        }
        match work.session.state {
            State::Switching { .. } => format!(
                "{dr_site} is authoritative until the switchover is verified. {replica} is being \
                 replaced by {production}."
            ),
            State::Undoing { switched: true, .. } => format!(
                "{dr_site} is becoming authoritative again: {replica} returns to the moment of \
                 the switchover."
            ),
            State::Synchronizing { .. }
            | State::ReadyToSwitch { .. }
            | State::CatchingUp { .. }
            | State::Failback { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => format!("{dr_site} is authoritative: {replica} serves."),
        }
    }

    /// Until when undo is possible.
    pub(super) fn undo_until(&self, work: &Work) -> String {
        let production = &self.production;
        let made = work.row.destination == Destination::SpecifiedLocation;
        match work.session.state {
            State::Synchronizing { .. } if made => format!(
                "Until the switchover begins, cancel removes {production}, which this session \
                 made; after it, undo does, until you commit."
            ),
            State::Cancelling {
                what: CancelKind::Synchronization,
                ..
            } if made => format!("Cancel is at work; {production} is removed."),
            State::Ended {
                outcome: Outcome::Undone | Outcome::Cancelled,
                ..
            } if made => format!("Nothing is left to undo: {production} was removed."),
            State::Synchronizing { .. } => format!(
                "Until the switchover begins, cancel gives {production} its own content back; \
                 after it, undo does, until you commit."
            ),
            State::ReadyToSwitch { .. }
            | State::CatchingUp { .. }
            | State::Switching { .. }
            | State::Failback { .. }
            | State::Cancelling {
                what: CancelKind::Switchover | CancelKind::Resynchronization | CancelKind::CatchUp,
                ..
            } => after::undo_until(work),
            State::Committing { .. } => {
                "No longer: commit has begun, and production's old content is going.".to_owned()
            }
            State::Undoing { .. } => "Undo is at work.".to_owned(),
            State::Cancelling {
                what: CancelKind::Synchronization,
                ..
            } => format!("Cancel is at work; {production} gets its own content back."),
            State::Ended { outcome, .. } => match outcome {
                Outcome::Committed => "No longer: the failback was committed.".to_owned(),
                Outcome::Undone | Outcome::Cancelled => {
                    format!("Nothing is left to undo: {production} has its own content back.")
                }
            },
        }
    }

    /// For each operation, what it will do to which VM.
    pub(super) fn consequences(&self, work: &Work) -> Vec<(Operation, String)> {
        let operations = work.session.operations();
        operations
            .into_iter()
            .map(|allowed| {
                let what = self.consequence(work, allowed.operation);
                (allowed.operation, what)
            })
            .collect()
    }

    fn consequence(&self, work: &Work, operation: Operation) -> String {
        let (replica, production) = (&self.replica, &self.production);
        match operation {
            Operation::StartFailback => format!("A failback of {replica} starts."),
            Operation::Pause => format!(
                "Transfers to {production} stop where they are. {replica} keeps serving; \
                 {production} stays off."
            ),
            Operation::Resume => format!(
                "Transfers to {production} go on where they stopped. {replica} keeps serving."
            ),
            Operation::SwitchNow => self.switch_now(work),
            Operation::ChangeMode => format!(
                "Changes when {replica} is shut down and {production} takes over. Nothing else \
                 changes."
            ),
            Operation::CatchUp => format!(
                "What {replica} wrote since the last pass is sent to {production}, so that the \
                 switchover has less to send. {replica} keeps serving; {production} stays off."
            ),
            Operation::SetTimer => format!(
                "Changes what follows the switchover to {production} by itself. Nothing else \
                 changes."
            ),
            Operation::SetCatchUp => format!(
                "Changes how often what {replica} wrote is sent to {production} while the session \
                 is ready to switch. Nothing else changes."
            ),
            Operation::Commit => self.commit(work),
            Operation::Undo => self.undo(work),
            Operation::Cancel => self.cancel(work),
            Operation::Retry => match &work.session.attention {
                Some(attention) => format!(
                    "The step \"{}\" is tried again for {production}.",
                    attention.step.words()
                ),
                None => format!("The step that stopped is tried again for {production}."),
            },
            Operation::LeaveUnreadable => format!(
                "The transfer to {production} goes on without the sectors that cannot be read on \
                 {replica}: there {production} keeps what it has, which may be older or empty. The \
                 log names each. This holds for what is at work now: a later pass asks again, and a \
                 catch-up pass reads everything anew. Nothing is certified then, and no timer commits."
            ),
            Operation::SetLimit => format!(
                "Transfers to {production} use at most this many MiB per second; 0 is unlimited."
            ),
        }
    }

    fn commit(&self, work: &Work) -> String {
        let (replica, production) = (&self.replica, &self.production);
        let end = format!("{replica} stays off and is kept up to date again.");
        let jobs = format!("Every job that named the original VM names {production} from then on.");
        match work.row.destination {
            Destination::OriginalVm => format!(
                "{production} is accepted for good: its content from before the failback goes, \
                 and undo is no longer possible. {end}"
            ),
            Destination::RecoveredVm => format!(
                "{production} is accepted for good in place of the original VM: its content from \
                 before the failback goes, and undo is no longer possible. {jobs} {end}"
            ),
            Destination::SpecifiedLocation => format!(
                "{production} is accepted for good in place of the original VM, and undo is no \
                 longer possible. {jobs} {end}"
            ),
        }
    }

    fn switch_now(&self, work: &Work) -> String {
        let Self {
            replica,
            production,
            production_site,
            ..
        } = self;
        let guest = self.shutdown_seconds.map_or_else(String::new, |seconds| {
            format!(" Its guest gets up to {seconds} s to shut down, then it is powered off.")
        });
        let after = if work.session.power_on {
            format!("Users are disconnected until {production} starts at {production_site}.")
        } else {
            format!(
                "Users are disconnected until you start {production} at {production_site} \
                 yourself: it will not be powered on."
            )
        };
        format!("{replica} will be shut down.{guest} {after}")
    }

    fn undo(&self, work: &Work) -> String {
        let (replica, production) = (&self.replica, &self.production);
        if work.row.destination == Destination::SpecifiedLocation {
            return self.undo_of_created(work);
        }
        if matches!(work.session.state, State::Failback { .. }) {
            return format!(
                "{production} will be powered off and gets its content from before the failback \
                 back; everything written to it since the switchover is lost. {replica} returns \
                 to the moment of the switchover and is powered on."
            );
        }
        if matches!(work.session.state, State::Switching { .. }) {
            return format!(
                "{production} gets its content from before the failback back and stays off. \
                 {replica} returns to the moment of the switchover and is powered on."
            );
        }
        format!(
            "{replica} keeps running untouched. {production} gets its content from before the \
             failback back and stays off."
        )
    }

    /// The VM was made by the session, so undo takes it away.
    fn undo_of_created(&self, work: &Work) -> String {
        let (replica, production) = (&self.replica, &self.production);
        match work.session.state {
            State::Failback { .. } | State::Switching { .. } => format!(
                "{production}, which this session made, is powered off and removed; everything \
                 written to it since the switchover is lost. {replica} returns to the moment of \
                 the switchover and is powered on."
            ),
            State::Synchronizing { .. }
            | State::ReadyToSwitch { .. }
            | State::CatchingUp { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => format!(
                "{replica} keeps running untouched. {production}, which this session made, is \
                 removed."
            ),
        }
    }

    fn cancel(&self, work: &Work) -> String {
        let (replica, production) = (&self.replica, &self.production);
        if !work.session.begun {
            return format!(
                "The session leaves the queue and ends. Nothing was done yet: {production} stays as \
                 it is, and {replica} keeps running."
            );
        }
        if matches!(work.session.state, State::Switching { .. }) {
            return format!(
                "The switchover is taken back: what it wrote to {production} is dropped, \
                 {replica} is powered on again, and the session waits for your command."
            );
        }
        if matches!(work.session.state, State::CatchingUp { .. }) {
            return format!(
                "The catch-up pass stops at once and what it wrote to {production} is dropped. \
                 {replica} keeps serving, and the session is ready to switch as before."
            );
        }
        if work.row.destination == Destination::SpecifiedLocation {
            return format!(
                "Transfers stop at once. {production}, which this session made, is removed. \
                 {replica} keeps running."
            );
        }
        let although = if work.session.production_was_on == Some(true) {
            " even though it ran before, because its replica runs"
        } else {
            ""
        };
        format!(
            "Transfers stop at once. {production} gets its content from before the failback back \
             and stays off{although}. {replica} keeps running."
        )
    }
}
