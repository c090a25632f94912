//! The queues of batches: which sessions begin now. Decided by crate `sched`, from what the store
//! has of all sessions that are not over.

use std::sync::Arc;

use failback::Session;
use model::{SessionId, Stand};
use sched::{Place, Turn, turns};
use store::SessionRow;

/// The sessions whose turn has come and that have not begun.
pub(crate) fn beginning(active: &[Arc<SessionRow>]) -> Vec<&SessionId> {
    let places: Vec<Place> = active.iter().map(|row| place(row)).collect();
    let turns = turns(&places).into_iter().zip(active);
    turns
        .filter_map(|(turn, row)| (turn == Turn::Begins).then_some(&row.id))
        .collect()
}

fn place(row: &SessionRow) -> Place {
    Place {
        batch: row.batch.clone(),
        position: row.batch_position,
        at_once: row.at_once,
        // One that cannot be understood is not taken up, so it takes no place.
        stand: Session::from_record(&row.machine).map_or(Stand::Resting, |session| session.stand()),
    }
}
