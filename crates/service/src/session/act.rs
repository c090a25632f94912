//! What an operator asks of a session: checked against its state, recorded, and answered by the
//! engine.

use model::{
    Actor, ApiError, BytesPerSecond, Operation, SessionId,
    view::{ActionRequest, ModeInput, TimerInput},
};
use store::{ActionKind, IntentKind};

use super::Work;
use crate::{
    Service,
    actor::authorise,
    after, mode,
    refusal::{conflict, invalid},
};

const MIB: u64 = 1 << 20;
/// More than any path carries, and far from overflowing.
const MOST_MIB: u64 = 1 << 20;

impl Service {
    /// Asks something of a session and waits a moment for the engine's answer, so that the next
    /// view shows what came of it.
    ///
    /// # Errors
    /// When there is no such session, the request is not whole, or the state does not allow it;
    /// then nothing changes.
    pub async fn session_act(
        &self,
        actor: &Actor,
        id: &SessionId,
        request: ActionRequest,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let work = self.work(id).await?;
        if let Some(why_not) = work.session.why_not(request.operation) {
            return Err(conflict(
                why_not,
                "Load the page again to see what is possible now.",
            ));
        }
        let (kind, what) = self.checked(&work, &request)?;
        let audit = format!("Session {id} of {}: asked to {what}.", work.row.vm_name);
        let kind = IntentKind::Act(kind);
        let intent = self.intend(actor, Some(id), kind, &audit).await?;
        self.answered(&intent).await
    }

    /// The request with what it needs, and its words for the audit log.
    fn checked(
        &self,
        work: &Work,
        request: &ActionRequest,
    ) -> Result<(ActionKind, String), ApiError> {
        let plain = |kind: ActionKind, what: &str| Ok((kind, what.to_owned()));
        match request.operation {
            Operation::StartFailback => Err(invalid(
                "operation",
                "A session cannot start another failback.",
                "Start it from the start page.",
            )),
            Operation::Pause => plain(ActionKind::Pause, "pause"),
            Operation::Resume => plain(ActionKind::Resume, "resume"),
            Operation::Cancel => plain(ActionKind::Cancel, "cancel"),
            Operation::SwitchNow => plain(ActionKind::SwitchNow, "switch over now"),
            Operation::CatchUp => plain(ActionKind::CatchUp, "catch up now"),
            Operation::SetTimer => self.set_timer(work, request.timer.as_ref()),
            Operation::SetCatchUp => set_catch_up(work, request.catch_up.as_deref()),
            Operation::Commit => plain(ActionKind::Commit, "commit"),
            Operation::Undo => plain(ActionKind::Undo, "undo"),
            Operation::Retry => plain(ActionKind::Retry, "retry the step"),
            Operation::LeaveUnreadable => plain(
                ActionKind::LeaveUnreadable,
                "go on without what cannot be read",
            ),
            Operation::ChangeMode => self.change_mode(request.mode.as_ref()),
            Operation::SetLimit => set_limit(request.limit_mib),
        }
    }

    fn change_mode(&self, input: Option<&ModeInput>) -> Result<(ActionKind, String), ApiError> {
        let empty = ModeInput::default();
        let to = mode::parse(input.unwrap_or(&empty), self.now())?;
        let what = format!("change the failback mode to {}", mode::words(&to));
        Ok((ActionKind::ChangeMode { to }, what))
    }

    fn set_timer(
        &self,
        work: &Work,
        input: Option<&TimerInput>,
    ) -> Result<(ActionKind, String), ApiError> {
        let input = input
            .filter(|input| !input.timer.is_empty())
            .ok_or_else(|| {
                invalid(
                    "timer",
                    "No timer is chosen.",
                    "Choose nothing, commit or undo.",
                )
            })?;
        let (timer, gates) = after::timer(input)?;
        after::still_to_come(timer, &work.session, self.now())?;
        let words = after::timer_words(timer, &gates);
        let names: Vec<_> = gates.iter().map(ToString::to_string).collect();
        let what = match names.as_slice() {
            [] => format!("set the timer: {words}"),
            names => format!("set the timer: {words} Health gates: {}", names.join(", ")),
        };
        Ok((ActionKind::SetTimer { timer, gates }, what))
    }
}

/// An empty field would be what suits the mode; here somebody has to say what they want.
fn set_catch_up(work: &Work, typed: Option<&str>) -> Result<(ActionKind, String), ApiError> {
    let typed = typed
        .filter(|typed| !typed.trim().is_empty())
        .ok_or_else(|| {
            invalid(
                "catch_up",
                "No time is given.",
                "Give minutes, such as 15, or a time such as 90 s or 2 h; 0 is off.",
            )
        })?;
    let catch_up = after::catch_up(typed, &work.session.mode)?;
    let what = format!(
        "change the catch-up passes: {}",
        after::catch_up_words(catch_up)
    );
    Ok((ActionKind::SetCatchUp { catch_up }, what))
}

fn set_limit(mib: Option<u64>) -> Result<(ActionKind, String), ApiError> {
    let hint = "Give whole MiB per second; 0 is unlimited.";
    match mib {
        None => Err(invalid("limit_mib", "No limit is given.", hint)),
        Some(0) => Ok((
            ActionKind::SetLimit { limit: None },
            "lift the speed limit".to_owned(),
        )),
        Some(mib) if mib <= MOST_MIB => Ok((
            ActionKind::SetLimit {
                limit: Some(BytesPerSecond(mib * MIB)),
            },
            format!("limit the speed to {mib} MiB/s"),
        )),
        Some(mib) => Err(invalid(
            "limit_mib",
            format!("{mib} MiB/s is more than the greatest limit, {MOST_MIB} MiB/s."),
            hint,
        )),
    }
}
