//! What was asked of a session, and its events and results in words.

use failback::{Done, Event};
use store::ActionKind;

/// What an action asks: something of the machine, or of the movers alone.
pub(super) enum Asked {
    Event(Event),
    Limit(Option<model::BytesPerSecond>),
}

/// What the machine hears of an action.
pub(super) fn event_of(action: ActionKind) -> Asked {
    Asked::Event(match action {
        ActionKind::Pause => Event::Pause,
        ActionKind::Resume => Event::Resume,
        ActionKind::Cancel => Event::Cancel,
        ActionKind::SwitchNow => Event::SwitchNow,
        ActionKind::ChangeMode { to } => Event::ChangeMode(to),
        ActionKind::CatchUp => Event::CatchUp,
        ActionKind::SetTimer { timer, gates } => Event::SetTimer { timer, gates },
        ActionKind::SetCatchUp { catch_up } => Event::SetCatchUp(catch_up),
        ActionKind::Commit => Event::Commit,
        ActionKind::Undo => Event::Undo,
        ActionKind::Retry => Event::Retry,
        ActionKind::LeaveUnreadable => Event::LeaveUnreadable,
        ActionKind::SetLimit { limit } => return Asked::Limit(limit),
    })
}

/// An event at the beginning of a sentence.
pub(super) const fn words_of(event: &Event) -> &'static str {
    match event {
        Event::Done(_)
        | Event::Failed { .. }
        | Event::Restarted
        | Event::Woken
        | Event::Gates { .. } => "Progress",
        Event::Pause => "Pause",
        Event::Resume => "Resume",
        Event::Cancel => "Cancel",
        Event::SwitchNow => "Switchover",
        Event::ChangeMode(_) => "Another failback mode",
        Event::CatchUp => "A catch-up pass",
        Event::SetTimer { .. } => "Another timer",
        Event::SetCatchUp(_) => "Another time between catch-up passes",
        Event::Commit => "Commit",
        Event::Undo => "Undo",
        Event::Retry => "Retry",
        Event::LeaveUnreadable => "Leaving what cannot be read",
    }
}

/// A result as the end of a sentence.
pub(super) fn said(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

/// What later steps need to know, for people who read the log's table.
pub(super) fn facts(done: Done) -> Option<String> {
    match done {
        Done::Plain => None,
        Done::Proved { production_on } => Some(format!(r#"{{"production_on":{production_on}}}"#)),
        Done::Frozen(epoch) => Some(format!(r#"{{"epoch":{epoch}}}"#)),
        Done::WriteEpoch(epoch) => Some(format!(r#"{{"write_epoch":{epoch}}}"#)),
    }
}
