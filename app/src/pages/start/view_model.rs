//! From the start page's answer to what it shows.

use model::{
    Allowed, Operation, PowerState,
    view::{ReplicaView, SessionSummary, StartView},
};

/// Whether a replica offers its failback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It does.
    Possible,
    /// It does not, and why.
    NotNow(String),
    /// There is nothing to say.
    Nothing,
}

/// What the row of a replica offers.
pub fn offer(replica: &ReplicaView) -> Offer {
    operation(&replica.operations, Operation::StartFailback).map_or(Offer::Nothing, |allowed| {
        match &allowed.why_not {
            None => Offer::Possible,
            Some(reason) => Offer::NotNow(reason.clone()),
        }
    })
}

/// What is said of one operation.
pub fn operation(operations: &[Allowed], operation: Operation) -> Option<&Allowed> {
    operations
        .iter()
        .find(|allowed| allowed.operation == operation)
}

/// How many replicas can be failed back now.
pub fn possible(replicas: &[ReplicaView]) -> usize {
    replicas
        .iter()
        .filter(|replica| offer(replica) == Offer::Possible)
        .count()
}

/// The title of the tab: what waits for the operator comes first.
pub fn tab_title(start: &StartView) -> String {
    match start
        .running
        .iter()
        .filter(|session| waits(session))
        .count()
    {
        0 => "Failback".to_owned(),
        waiting => format!("({waiting}) Failback"),
    }
}

fn waits(session: &SessionSummary) -> bool {
    session.waits_for_you || session.attention.is_some()
}

/// Whether replication is held, where the job's words do not say it already.
pub fn hold_words(replica: &ReplicaView) -> &'static str {
    if replica.on_hold && !replica.job.contains("hold") {
        "on hold"
    } else {
        ""
    }
}

/// What an operator must know of a pair of which both run.
pub fn both_run(replica: &ReplicaView) -> bool {
    replica.power == PowerState::On && replica.production_power == Some(PowerState::On)
}

#[cfg(test)]
mod tests;
