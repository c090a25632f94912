//! Why sessions wait in the queues of their batches, by the rule that the engine goes by.

use std::{collections::BTreeMap, sync::Arc};

use model::SessionId;
use sched::{Place, Turn, turns};

use crate::session::Work;

/// The sessions that wait, each with the reason as a sentence.
pub(crate) fn reasons(running: &[Arc<Work>]) -> BTreeMap<SessionId, String> {
    let places: Vec<Place> = running.iter().map(|work| place(work)).collect();
    let turns = turns(&places).into_iter().zip(running);
    turns
        .filter_map(|(turn, work)| match turn {
            Turn::Waits(why) => Some((work.row.id.clone(), why)),
            Turn::Begun | Turn::Begins => None,
        })
        .collect()
}

fn place(work: &Work) -> Place {
    Place {
        batch: work.row.batch.clone(),
        position: work.row.batch_position,
        at_once: work.row.at_once,
        stand: work.session.stand(),
    }
}
