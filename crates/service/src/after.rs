//! From what was typed about catch-up passes and the timer to checked values, and back to words.

mod gate;

use failback::{Session, State};
use model::{
    ApiError, CatchUp, CommitTimer, FailbackMode, HealthGate, Timestamp,
    view::{AfterInput, TimerInput},
};

use crate::refusal::invalid;

/// Between catch-up passes, when nothing else is said and the session will wait.
const CATCH_UP: CatchUp = CatchUp {
    every_seconds: 15 * 60,
};
const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
/// Shorter than a pass takes to begin and end.
const CATCH_UP_LEAST: u32 = 10;
const CATCH_UP_MOST: u32 = 24 * HOUR;
const TIMER_MOST: u32 = 30 * 24 * HOUR;

/// What happens by itself around the switchover, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) catch_up: Option<CatchUp>,
    pub(crate) timer: CommitTimer,
    pub(crate) gates: Vec<HealthGate>,
}

impl After {
    /// It in words.
    pub(crate) fn words(&self) -> String {
        let catch_up = catch_up_words(self.catch_up);
        let timer = timer_words(self.timer, &self.gates);
        format!("{catch_up} {timer}")
    }
}

/// All that was typed, checked.
pub(crate) fn check(input: &AfterInput, mode: &FailbackMode) -> Result<After, ApiError> {
    let catch_up = catch_up(&input.catch_up, mode)?;
    let (timer, gates) = timer(&input.timer)?;
    Ok(After {
        catch_up,
        timer,
        gates,
    })
}

/// The catch-up passes that were typed: off, a time, or what suits the mode when left empty.
pub(crate) fn catch_up(typed: &str, mode: &FailbackMode) -> Result<Option<CatchUp>, ApiError> {
    let typed = typed.trim();
    match typed {
        "" => Ok(match mode {
            FailbackMode::Auto => None,
            FailbackMode::Scheduled { .. } | FailbackMode::Manual => Some(CATCH_UP),
        }),
        "0" | "off" => Ok(None),
        _ => seconds(typed)
            .filter(|seconds| (CATCH_UP_LEAST..=CATCH_UP_MOST).contains(seconds))
            .map(|every_seconds| Some(CatchUp { every_seconds }))
            .ok_or_else(|| {
                invalid(
                    "catch_up",
                    format!("\"{typed}\" is not a time from 10 seconds to 24 hours."),
                    "Give minutes, such as 15, or a time such as 90 s or 2 h; 0 is off.",
                )
            }),
    }
}

/// The timer that was typed and its gates. Without a timer nobody would try them.
pub(crate) fn timer(input: &TimerInput) -> Result<(CommitTimer, Vec<HealthGate>), ApiError> {
    if matches!(input.timer.as_str(), "" | "none") {
        return Ok((CommitTimer::None, Vec::new()));
    }
    let gates = gate::list(&input.gates)?;
    let timer = match input.timer.as_str() {
        "commit" => CommitTimer::CommitAfter {
            seconds: after(&input.timer_after)?,
        },
        "undo" => {
            let seconds = after(&input.timer_after)?;
            if gates.is_empty() {
                return Err(invalid(
                    "gates",
                    "Undo by itself has no health gate whose failure it could act on.",
                    "Name at least one gate, such as tcp://10.0.0.5:443, or choose another timer.",
                ));
            }
            if !input.undo_consent {
                return Err(invalid(
                    "undo_consent",
                    "Undo by itself gives up what was written since the switchover, and nobody \
                     agreed to it.",
                    "Tick that you agree, or choose another timer.",
                ));
            }
            CommitTimer::UndoAfter { seconds }
        }
        other => {
            return Err(invalid(
                "timer",
                format!("There is no timer \"{other}\"."),
                "Choose nothing, commit or undo.",
            ));
        }
    };
    Ok((timer, gates))
}

/// What a timer means that undoes, where nobody powers the production VM on: its gates fail from the
/// first try on. None where that cannot be.
pub(crate) fn undoes_what_is_off(input: &TimerInput, power_on: bool) -> Option<String> {
    match timer(input) {
        Ok((CommitTimer::UndoAfter { seconds }, _)) if !power_on => Some(format!(
            "It is not powered on after the switchover, and undoes by itself when its health gates \
             fail for {}. Start it in that time, or choose another timer at Failback mode.",
            length(seconds)
        )),
        Ok(_) | Err(_) => None,
    }
}

/// Refuses a commit at a time that has passed since the switchover: it would follow at once.
pub(crate) fn still_to_come(
    timer: CommitTimer,
    session: &Session,
    now: Timestamp,
) -> Result<(), ApiError> {
    match commit_at(timer, session) {
        Some(at) if at <= now => Err(invalid(
            "timer_after",
            format!(
                "That time since the switchover has passed already, at {}.",
                at.utc_text()
            ),
            "Give a longer time, or commit now.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// When a timer may commit at the earliest; none before the switchover, or when it never does.
pub(crate) fn commit_at(timer: CommitTimer, session: &Session) -> Option<Timestamp> {
    match (timer, &session.state) {
        (CommitTimer::CommitAfter { seconds }, State::Failback { since }) => {
            Some(since.plus_seconds(i64::from(seconds)))
        }
        (
            CommitTimer::None | CommitTimer::CommitAfter { .. } | CommitTimer::UndoAfter { .. },
            _,
        ) => None,
    }
}

/// Catch-up passes in words.
pub(crate) fn catch_up_words(catch_up: Option<CatchUp>) -> String {
    catch_up.map_or_else(
        || "No catch-up passes.".to_owned(),
        |it| {
            let every = length(it.every_seconds);
            format!("A catch-up pass {every} after the last one, while ready to switch.")
        },
    )
}

/// A timer in words before the switchover.
pub(crate) fn timer_words(timer: CommitTimer, gates: &[HealthGate]) -> String {
    match timer {
        CommitTimer::None => "Nothing follows the switchover by itself.".to_owned(),
        CommitTimer::CommitAfter { seconds } => format!(
            "Commits by itself {} after the switchover{}",
            length(seconds),
            on_gates(gates)
        ),
        CommitTimer::UndoAfter { seconds } => undo_words(seconds),
    }
}

/// The timer that undoes, in words.
pub(crate) fn undo_words(seconds: u32) -> String {
    format!(
        "Undoes by itself once a health gate has failed for {} without a break.",
        length(seconds)
    )
}

/// What a commit by itself depends on besides the time.
pub(crate) fn on_gates(gates: &[HealthGate]) -> &'static str {
    if gates.is_empty() {
        ", whatever happens: no health gate is set."
    } else {
        " if all health gates are green then; if one fails, it stops and asks."
    }
}

/// A timer and its gates as their form shows them. Consent is given anew.
pub(crate) fn timer_input(timer: CommitTimer, gates: &[HealthGate]) -> TimerInput {
    let (word, seconds) = match timer {
        CommitTimer::None => ("none", None),
        CommitTimer::CommitAfter { seconds } => ("commit", Some(seconds)),
        CommitTimer::UndoAfter { seconds } => ("undo", Some(seconds)),
    };
    let lines: Vec<_> = gates.iter().map(ToString::to_string).collect();
    TimerInput {
        timer: word.to_owned(),
        timer_after: seconds.map(typed).unwrap_or_default(),
        gates: lines.join("\n"),
        undo_consent: false,
    }
}

fn after(typed: &str) -> Result<u32, ApiError> {
    let typed = typed.trim();
    let hint = "Give minutes, such as 30, or a time such as 90 s or 2 h.";
    if typed.is_empty() {
        return Err(invalid("timer_after", "No time is given.", hint));
    }
    seconds(typed)
        .filter(|seconds| (1..=TIMER_MOST).contains(seconds))
        .ok_or_else(|| {
            invalid(
                "timer_after",
                format!("\"{typed}\" is not a time from 1 second to 30 days."),
                hint,
            )
        })
}

/// Minutes, or a whole number with a unit: `90 s`, `15 min`, `2 h`.
fn seconds(typed: &str) -> Option<u32> {
    let digits = typed.trim_end_matches(|it: char| !it.is_ascii_digit());
    // A sign would be read as part of the number.
    if !digits.starts_with(|it: char| it.is_ascii_digit()) {
        return None;
    }
    let unit = match typed[digits.len()..].trim() {
        "s" => 1,
        "" | "m" | "min" => MINUTE,
        "h" => HOUR,
        _ => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

/// A time as it could have been typed.
pub(crate) fn typed(seconds: u32) -> String {
    if seconds.is_multiple_of(MINUTE) {
        (seconds / MINUTE).to_string()
    } else {
        format!("{seconds} s")
    }
}

/// A length of time in the largest unit that it is a whole number of.
pub(crate) fn length(seconds: u32) -> String {
    if seconds > 0 && seconds.is_multiple_of(HOUR) {
        format!("{} h", seconds / HOUR)
    } else if seconds > 0 && seconds.is_multiple_of(MINUTE) {
        format!("{} min", seconds / MINUTE)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests;
