//! From the start page's answer to what it shows.

use model::{
    Allowed, Operation, PowerState,
    view::{PageInfo, ReplicaView, StartQuery, StartView},
};

use crate::components::list_nav::ListPlace;

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
    match start.waiting {
        0 => "Failback".to_owned(),
        waiting => format!("({waiting}) Failback"),
    }
}

/// Which pages of its lists the page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The replicas.
    pub replicas: PageInfo,
    /// The sessions at work.
    pub running: PageInfo,
    /// The sessions that are over.
    pub past: PageInfo,
}

impl Pages {
    /// Of an answer.
    pub fn of(start: &StartView) -> Self {
        Self {
            replicas: start.replica_page,
            running: start.running_page,
            past: start.past_page,
        }
    }
}

/// Where the lists of the page are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The replicas.
    pub replicas: ListPlace,
    /// The sessions at work.
    pub running: ListPlace,
    /// The sessions that are over.
    pub past: ListPlace,
}

/// Where the lists are when the address asks for this.
pub fn places(asked: &StartQuery) -> Places {
    let lists = [
        ("", &asked.replicas),
        (StartQuery::RUNNING, &asked.running),
        (StartQuery::PAST, &asked.past),
    ];
    let [replicas, running, past] = lists.map(|(prefix, query)| ListPlace {
        path: "/".to_owned(),
        prefix,
        query: query.clone(),
        others: lists
            .iter()
            .filter(|(other, _)| *other != prefix)
            .flat_map(|(other, query)| query.fields(other))
            .collect(),
    });
    Places {
        replicas,
        running,
        past,
    }
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
