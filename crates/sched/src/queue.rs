//! The queues of batches: which sessions begin now, and what the others wait for.

use std::collections::BTreeMap;

use model::{BatchId, Stand};

/// A session that is not over, in the queue of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its batch.
    pub batch: BatchId,
    /// Its position in the batch.
    pub position: u32,
    /// How many sessions of the batch may be at work at once; none is all.
    pub at_once: Option<u32>,
    /// Where it stands.
    pub stand: Stand,
}

/// What a session does about the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It has begun before.
    Begun,
    /// It begins now.
    Begins,
    /// It waits, with the reason as a sentence.
    Waits(String),
}

/// Whose turn it is, for each session as it was given. One that has begun is never held back again.
#[must_use]
pub fn turns(places: &[Place]) -> Vec<Turn> {
    let mut batches: BTreeMap<&BatchId, Vec<usize>> = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        batches.entry(&place.batch).or_default().push(index);
    }
    let mut turns = vec![Turn::Begun; places.len()];
    for mut batch in batches.into_values() {
        batch.sort_by_key(|index| places[*index].position);
        let at_once = batch.first().and_then(|first| places[*first].at_once);
        let stands: Vec<Stand> = batch.iter().map(|index| places[*index].stand).collect();
        for (index, turn) in batch.into_iter().zip(of_batch(&stands, at_once)) {
            turns[index] = turn;
        }
    }
    turns
}

/// The turns of one batch in its order.
fn of_batch(stands: &[Stand], at_once: Option<u32>) -> Vec<Turn> {
    let at_work = stands.iter().filter(|it| **it == Stand::AtWork).count();
    let most = at_once.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    });
    let mut free = most.saturating_sub(at_work);
    let mut before = 0;
    stands
        .iter()
        .map(|stand| match stand {
            Stand::AtWork | Stand::Resting => Turn::Begun,
            Stand::Queued if free > 0 => {
                free -= 1;
                Turn::Begins
            }
            Stand::Queued => {
                before += 1;
                Turn::Waits(reason(before - 1, most))
            }
        })
        .collect()
}

fn reason(before: usize, most: usize) -> String {
    let place = match before {
        0 => "it is next".to_owned(),
        1 => "1 is before it".to_owned(),
        more => format!("{more} are before it"),
    };
    format!("Waits in the queue of its batch, of which {most} may run at once: {place}.")
}

#[cfg(test)]
mod tests;
