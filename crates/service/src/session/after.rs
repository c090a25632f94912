//! What a session does by itself around its switchover, in words: catch-up passes, the downtime
//! that they predict, the timer and its gates.

use failback::State;
use model::{
    ByteCount, BytesPerSecond, CommitTimer, GateAnswer, StepName, Timestamp,
    view::{AfterView, GateView},
};
use store::{DiskPassRow, EffectRow};

use super::Work;
use crate::after::{
    catch_up_words, commit_at, length, on_gates, timer_input, timer_words, typed, undo_words,
};

/// The activity whose transfer tells how much changes between passes.
const PASS: &str = "Catch-up pass";

/// All of it.
pub(super) fn view(
    work: &Work,
    passes: &[DiskPassRow],
    effects: &[EffectRow],
    answers: &[GateAnswer],
    shutdown_seconds: Option<u64>,
) -> AfterView {
    let session = &work.session;
    AfterView {
        catch_up: catch_up(work),
        catch_up_input: session
            .catch_up
            .map_or_else(|| "0".to_owned(), |it| typed(it.every_seconds)),
        downtime: downtime(work, passes, effects, shutdown_seconds),
        timer: timer(work),
        timer_stopped: session.timer_stopped.clone(),
        gates: session
            .gates
            .iter()
            .map(|gate| {
                let answer = answers.iter().find(|answer| answer.gate == *gate);
                GateView {
                    gate: gate.to_string(),
                    green: answer.map(|answer| answer.failing.is_none()),
                    words: gate_words(work, answer),
                }
            })
            .collect(),
        timer_input: timer_input(session.timer, &session.gates),
    }
}

/// Until when undo is possible, where a timer may end that.
pub(super) fn undo_until(work: &Work) -> String {
    let session = &work.session;
    match session.timer {
        CommitTimer::None => "Until you commit. Nothing commits by itself.".to_owned(),
        CommitTimer::UndoAfter { .. } => {
            "Until you commit. Nothing commits by itself; the timer may undo.".to_owned()
        }
        CommitTimer::CommitAfter { seconds } => match commit_at(session.timer, session) {
            Some(at) => format!(
                "Until you commit, or until the timer commits, not before {}.",
                at.utc_text()
            ),
            None => format!(
                "Until you commit, or until the timer commits, not before {} after the \
                 switchover.",
                length(seconds)
            ),
        },
    }
}

fn catch_up(work: &Work) -> String {
    let words = catch_up_words(work.session.catch_up);
    match work.session.state {
        State::CatchingUp { .. } => format!("{words} One is at work."),
        State::ReadyToSwitch { .. } => match next_pass(work) {
            Some(at) => format!("{words} The next begins at {}.", at.utc_text()),
            None => words,
        },
        State::Synchronizing { .. }
        | State::Switching { .. }
        | State::Failback { .. }
        | State::Committing { .. }
        | State::Undoing { .. }
        | State::Cancelling { .. }
        | State::Ended { .. } => words,
    }
}

/// When the next pass begins, while the session waits for it.
fn next_pass(work: &Work) -> Option<Timestamp> {
    let every = work.session.catch_up?.every_seconds;
    Some(work.session.caught_up_at?.plus_seconds(i64::from(every)))
}

fn timer(work: &Work) -> String {
    let session = &work.session;
    match (session.timer, commit_at(session.timer, session)) {
        (CommitTimer::CommitAfter { .. }, Some(at)) => format!(
            "Commits by itself at {}{}",
            at.utc_text(),
            on_gates(&session.gates)
        ),
        (CommitTimer::UndoAfter { seconds }, _) => match session.gates_failed_since {
            Some(since) => format!(
                "{} One has failed since {}.",
                undo_words(seconds),
                since.utc_text()
            ),
            None => undo_words(seconds),
        },
        (CommitTimer::None | CommitTimer::CommitAfter { .. }, _) => {
            timer_words(session.timer, &session.gates)
        }
    }
}

fn gate_words(work: &Work, answer: Option<&GateAnswer>) -> String {
    match answer {
        Some(GateAnswer {
            failing: None, at, ..
        }) => format!("green, tried at {}", at.utc_text()),
        Some(GateAnswer {
            failing: Some(why),
            at,
            ..
        }) => format!("fails: {why}; tried at {}", at.utc_text()),
        None if work.session.watches_gates() => "not tried yet".to_owned(),
        None => "tried after the switchover, while a timer runs".to_owned(),
    }
}

/// The last catch-up pass, measured: what it sent, over how long.
struct Measured {
    sent: ByteCount,
    seconds: u64,
}

/// The downtime of a switchover now, with what is assumed; none in other states.
fn downtime(
    work: &Work,
    passes: &[DiskPassRow],
    effects: &[EffectRow],
    shutdown_seconds: Option<u64>,
) -> Option<String> {
    match work.session.state {
        State::ReadyToSwitch { .. } | State::CatchingUp { .. } => {}
        State::Synchronizing { .. }
        | State::Switching { .. }
        | State::Failback { .. }
        | State::Committing { .. }
        | State::Undoing { .. }
        | State::Cancelling { .. }
        | State::Ended { .. } => return None,
    }
    let Some(Measured { sent, seconds }) = measured(work, passes, effects) else {
        return Some(
            "Not predicted yet: phase 1 does not tell how much changes. A catch-up pass measures \
             it."
            .to_owned(),
        );
    };
    let rate = BytesPerSecond(sent.0 / seconds);
    let guest = shutdown_seconds.map_or_else(
        || "the time that the guest takes to shut down".to_owned(),
        |most| {
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            format!("up to {} for the guest to shut down", length(most))
        },
    );
    let transfer = u32::try_from(seconds).unwrap_or(u32::MAX);
    Some(format!(
        "About {} to send the last changes, and {guest}. Assumed: as much has changed as in the \
         last catch-up pass ({sent}) and travels as fast ({rate}). The start of the production VM \
         comes on top.",
        length(transfer)
    ))
}

/// The pass that the next difference starts from, if it was a catch-up pass: phase 1 and what was
/// taken back measure something else.
fn measured(work: &Work, passes: &[DiskPassRow], effects: &[EffectRow]) -> Option<Measured> {
    let mut transfer = None;
    let mut settled = None;
    for effect in effects.iter().filter(|effect| !effect.failed) {
        let Some(done) = effect.done_at else {
            continue;
        };
        if effect.step == StepName::Transfer {
            let took = done.seconds_since(effect.started_at).max(1);
            transfer = (effect.activity == PASS).then_some(took);
        } else if effect.step == StepName::MergeWorkingLayer {
            settled = transfer;
        }
    }
    let pass = work.session.settled_pass?;
    Some(Measured {
        sent: passes
            .iter()
            .filter(|row| row.pass == pass)
            .map(|row| row.counters.sent)
            .sum(),
        seconds: settled?,
    })
}
