//! From a session's answer to what its page shows and asks.

use model::{
    ApiError, ByteCount, DiskCounters, DiskPhase, FailbackMode, Operation, Seconds, StepName,
    VisibleState,
    view::{
        ActionRequest, ActualView, EffectView, LogLine, ModeInput, PlanEstimate, ProgressView,
        SessionView, TimerInput,
    },
};

use crate::words;

/// How the buttons of operations are ordered: what decides comes first.
const ORDER: [Operation; 13] = [
    Operation::Retry,
    Operation::LeaveUnreadable,
    Operation::SwitchNow,
    Operation::Commit,
    Operation::Undo,
    Operation::Resume,
    Operation::Pause,
    Operation::CatchUp,
    Operation::ChangeMode,
    Operation::SetCatchUp,
    Operation::SetTimer,
    Operation::SetLimit,
    Operation::Cancel,
];

/// How an operation's button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// What the operator most likely wants.
    Primary,
    /// Anything else.
    Plain,
    /// What gives something up.
    Danger,
}

/// The operations that are possible now, in order.
pub fn possible(view: &SessionView) -> Vec<Operation> {
    ORDER
        .into_iter()
        .filter(|operation| {
            view.operations
                .iter()
                .any(|allowed| allowed.operation == *operation && allowed.why_not.is_none())
        })
        .collect()
}

/// The operations that are not possible now and why, where it helps to know.
pub fn impossible(view: &SessionView) -> Vec<(Operation, String)> {
    if view.summary.outcome.is_some() {
        return Vec::new();
    }
    [
        Operation::SwitchNow,
        Operation::Commit,
        Operation::Undo,
        Operation::Cancel,
    ]
    .into_iter()
    .filter_map(|operation| {
        let allowed = view
            .operations
            .iter()
            .find(|allowed| allowed.operation == operation)?;
        Some((operation, allowed.why_not.clone()?))
    })
    .collect()
}

/// Estimate beside actual, as a figure's name, what was expected, and what came.
pub fn figures(
    estimate: Option<&PlanEstimate>,
    actual: &ActualView,
) -> Vec<(&'static str, String, String)> {
    let expected =
        |of: fn(&PlanEstimate) -> String| estimate.map_or_else(|| "not estimated".to_owned(), of);
    let took = |time: Option<Seconds>| time.map_or("not over".to_owned(), |it| it.to_string());
    vec![
        (
            "Different in phase 1",
            expected(|it| it.different.to_string()),
            actual.different.to_string(),
        ),
        (
            "Sent in phase 1",
            expected(|it| it.wire.to_string()),
            actual.sent.to_string(),
        ),
        (
            "Sent in all passes",
            "not estimated".to_owned(),
            actual.sent_in_all.to_string(),
        ),
        (
            "Phase 1",
            expected(|it| it.phase_1.to_string()),
            took(actual.phase_1),
        ),
        (
            "Downtime, from the replica's shutdown to the end of the switchover",
            expected(|it| it.downtime.to_string()),
            took(actual.downtime),
        ),
    ]
}

/// The look of an operation's button.
pub const fn weight(operation: Operation) -> Weight {
    match operation {
        Operation::Retry | Operation::SwitchNow | Operation::Commit | Operation::Resume => {
            Weight::Primary
        }
        Operation::Undo | Operation::Cancel | Operation::LeaveUnreadable => Weight::Danger,
        Operation::StartFailback
        | Operation::Pause
        | Operation::ChangeMode
        | Operation::CatchUp
        | Operation::SetTimer
        | Operation::SetCatchUp
        | Operation::SetLimit => Weight::Plain,
    }
}

/// An operation in the address of its confirmation.
pub const fn slug(operation: Operation) -> &'static str {
    match operation {
        Operation::StartFailback => "start",
        Operation::Pause => "pause",
        Operation::Resume => "resume",
        Operation::Cancel => "cancel",
        Operation::SwitchNow => "switch",
        Operation::ChangeMode => "mode",
        Operation::CatchUp => "catch-up",
        Operation::SetTimer => "timer",
        Operation::SetCatchUp => "passes",
        Operation::Commit => "commit",
        Operation::Undo => "undo",
        Operation::Retry => "retry",
        Operation::LeaveUnreadable => "leave-unreadable",
        Operation::SetLimit => "limit",
    }
}

/// The operation of a confirmation's address.
pub fn from_slug(text: &str) -> Option<Operation> {
    ORDER.into_iter().find(|operation| slug(*operation) == text)
}

/// An operation as a form sends it.
pub const fn form_value(operation: Operation) -> &'static str {
    match operation {
        Operation::StartFailback => "start_failback",
        Operation::Pause => "pause",
        Operation::Resume => "resume",
        Operation::Cancel => "cancel",
        Operation::SwitchNow => "switch_now",
        Operation::ChangeMode => "change_mode",
        Operation::CatchUp => "catch_up",
        Operation::SetTimer => "set_timer",
        Operation::SetCatchUp => "set_catch_up",
        Operation::Commit => "commit",
        Operation::Undo => "undo",
        Operation::Retry => "retry",
        Operation::LeaveUnreadable => "leave_unreadable",
        Operation::SetLimit => "set_limit",
    }
}

/// The question of a confirmation, naming the VM.
pub fn question(operation: Operation, vm: &str) -> String {
    match operation {
        Operation::StartFailback => format!("Fail {vm} back?"),
        Operation::Pause => format!("Pause the failback of {vm}?"),
        Operation::Resume => format!("Resume the failback of {vm}?"),
        Operation::Cancel => format!("Cancel the failback of {vm}?"),
        Operation::SwitchNow => format!("Switch {vm} over now?"),
        Operation::ChangeMode => format!("When does the switchover of {vm} follow?"),
        Operation::CatchUp => format!("Send what {vm} wrote since the last pass?"),
        Operation::SetTimer => format!("What follows the switchover of {vm}?"),
        Operation::SetCatchUp => format!("How often is what {vm} writes sent?"),
        Operation::Commit => format!("Commit the failback of {vm}?"),
        Operation::Undo => format!("Undo the failback of {vm}?"),
        Operation::Retry => format!("Try the step of {vm} again?"),
        Operation::LeaveUnreadable => format!("Leave what cannot be read, and go on with {vm}?"),
        Operation::SetLimit => format!("How fast may the failback of {vm} be?"),
    }
}

/// What a confirmation says will happen.
pub fn consequence(view: &SessionView, operation: Operation) -> Option<String> {
    view.consequences
        .iter()
        .find(|(of, _)| *of == operation)
        .map(|(_, text)| text.clone())
}

/// Why an operation is not possible now; none when it is.
pub fn why_not(view: &SessionView, operation: Operation) -> Option<String> {
    let allowed = view
        .operations
        .iter()
        .find(|allowed| allowed.operation == operation);
    match allowed {
        Some(allowed) => allowed.why_not.clone(),
        None => Some("The session's state does not offer it.".to_owned()),
    }
}

/// What the form of an operation asks of the session.
pub fn action_request(
    operation: Operation,
    input: ModeInput,
    limit_mib: &str,
    timer: TimerInput,
    catch_up: String,
) -> Result<ActionRequest, ApiError> {
    let limit_mib = if operation == Operation::SetLimit {
        Some(words::parse_limit(limit_mib)?)
    } else {
        None
    };
    Ok(ActionRequest {
        operation,
        mode: (operation == Operation::ChangeMode).then_some(input),
        limit_mib,
        timer: (operation == Operation::SetTimer).then_some(timer),
        catch_up: (operation == Operation::SetCatchUp).then_some(catch_up),
    })
}

/// The limit as its form shows it.
pub fn limit_mib(view: &SessionView) -> String {
    view.limit
        .map_or_else(String::new, |limit| (limit.0 >> 20).to_string())
}

/// The mode as its form shows it. A time is chosen anew, in a zone that is seen.
pub fn mode_input(view: &SessionView) -> ModeInput {
    let (mode, zone) = match &view.mode {
        FailbackMode::Auto => ("auto", ""),
        FailbackMode::Manual => ("manual", ""),
        FailbackMode::Scheduled { zone, .. } => ("scheduled", zone.as_str()),
    };
    ModeInput {
        mode: mode.to_owned(),
        zone: zone.to_owned(),
        ..ModeInput::default()
    }
}

/// Why the timer asks, while its question is open.
pub fn timer_stopped(view: &SessionView) -> Option<String> {
    let open = view.summary.outcome.is_none() && view.summary.state == VisibleState::Failback;
    view.after.timer_stopped.clone().filter(|_| open)
}

/// The mark of a health gate.
pub const fn gate_icon(green: Option<bool>) -> &'static str {
    match green {
        None => "waiting",
        Some(true) => "done",
        Some(false) => "attention",
    }
}

/// The tab's title: what waits comes first, then how far it is.
pub fn tab_title(view: &SessionView) -> String {
    let session = &view.summary;
    let vm = &session.vm_name;
    if let Some(outcome) = session.outcome {
        format!("{}: {vm}", outcome.words())
    } else if session.attention.is_some() {
        format!("Needs attention: {vm}")
    } else if session.waits_for_you {
        format!("Waiting for you: {vm}")
    } else if let (true, Some(percent)) = (moves(view), bar(&view.progress)) {
        format!("{percent} % {vm}, {}", session.state.words())
    } else {
        format!("{vm}, {}", session.state.words())
    }
}

/// What assistive technology is told when it changes: the state, and the share in tens.
pub fn status_line(view: &SessionView) -> String {
    let session = &view.summary;
    let state = words::session_badge(session).words;
    let marks: Vec<_> = words::session_marks(session)
        .into_iter()
        .map(|mark| mark.words)
        .collect();
    let state = match marks.as_slice() {
        [] => state.to_owned(),
        marks => format!("{state}. {}", marks.join(". ")),
    };
    match bar(&view.progress).filter(|_| moves(view)) {
        Some(percent) => format!("{state}, {} %", percent / 10 * 10),
        None => state,
    }
}

/// Whether bytes are being moved in this state.
pub fn moves(view: &SessionView) -> bool {
    let moving = matches!(
        view.summary.state,
        VisibleState::Synchronizing | VisibleState::ReadyToSwitch | VisibleState::Switching
    );
    // In the switchover, a pass of phase 1 says nothing of what is at work.
    let old = view.summary.state == VisibleState::Switching
        && view
            .disks
            .iter()
            .all(|disk| disk.counters.phase == DiskPhase::Done)
        && !last_pass_has_begun(view);
    view.summary.outcome.is_none() && view.progress.to_scan > ByteCount::ZERO && moving && !old
}

/// Whether the transfer of the switchover has begun.
fn last_pass_has_begun(view: &SessionView) -> bool {
    view.steps.iter().any(|step| {
        step.step == StepName::Transfer
            && step.activity == "Switchover"
            && step.started_at.is_some()
    })
}

/// The bar's share.
pub fn bar(progress: &ProgressView) -> Option<u8> {
    words::percent(progress.scanned, progress.to_scan)
}

/// The line below the bar: bytes, rate, remaining time and what decides it.
pub fn bar_words(progress: &ProgressView) -> String {
    let bytes = format!("{} of {} looked at", progress.scanned, progress.to_scan);
    if progress.scanned == progress.to_scan || progress.waiting.is_some() {
        return bytes;
    }
    let rest = words::remaining(progress.remaining_seconds, progress.limiter);
    format!("{bytes}, {}, {rest}", progress.rate)
}

/// What came of it so far.
pub fn found_words(progress: &ProgressView) -> String {
    format!(
        "{} different, {} sent, {} verified",
        progress.different, progress.sent, progress.verified
    )
}

/// A step's time: when it is done how long it took, else that it is at work or to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    ToCome,
    /// Begun.
    AtWork,
    /// Begun and stopped.
    Failed,
    /// Done, and how long it took.
    Done(String),
}

/// Where a step is.
pub fn step_state(step: &EffectView) -> StepState {
    match (step.started_at, step.done_at) {
        _ if step.failed => StepState::Failed,
        (None, None) => StepState::ToCome,
        (Some(_), None) => StepState::AtWork,
        (started, Some(done)) => {
            let seconds = started.map_or(0, |started| done.seconds_since(started));
            StepState::Done(if seconds == 0 {
                "under 1 s".to_owned()
            } else {
                words::duration(seconds)
            })
        }
    }
}

/// The steps in groups of one activity, in order.
pub fn by_activity(steps: &[EffectView]) -> Vec<(String, Vec<EffectView>)> {
    let mut groups: Vec<(String, Vec<EffectView>)> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some((activity, group)) if *activity == step.activity => group.push(step.clone()),
            _ => groups.push((step.activity.clone(), vec![step.clone()])),
        }
    }
    groups
}

/// What a disk's task is doing.
pub const fn phase_words(phase: DiskPhase) -> &'static str {
    match phase {
        DiskPhase::Waiting => "Waiting",
        DiskPhase::Moving => "Moving",
        DiskPhase::Paused => "Paused",
        DiskPhase::Done => "Done",
        DiskPhase::Stopped => "Stopped",
    }
}

/// A disk's share.
pub fn disk_percent(counters: &DiskCounters) -> Option<u8> {
    match counters.phase {
        DiskPhase::Done => Some(100),
        DiskPhase::Waiting | DiskPhase::Moving | DiskPhase::Paused | DiskPhase::Stopped => {
            words::percent(counters.scanned, counters.to_scan)
        }
    }
}

/// Takes a line of the log in. Lines come again after a reconnect; a known one changes nothing.
pub fn add_line(log: &mut Vec<LogLine>, line: LogLine) -> bool {
    if log.last().is_some_and(|last| line.seq <= last.seq) {
        return false;
    }
    log.push(line);
    true
}

#[cfg(test)]
mod tests;
