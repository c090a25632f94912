//! One scheduling round.

use model::{ProxyId, SiteId};

use crate::{
    End, Loser, Refusal, Request, Score, Seat, Snapshot, Usage,
    pair::{Side, best, side},
};

/// Proxies found for one waiting disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Index into [`Snapshot::waiting`].
    pub request: usize,
    /// Reads the source.
    pub source: Seat,
    /// Writes the target; may be the same proxy.
    pub target: Seat,
    /// What the pair costs.
    pub score: Score,
    /// The other proxies of both sites, each with why it was not taken: the source's first.
    pub losers: Vec<Loser>,
}

/// A disk that no proxies can carry now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Index into [`Snapshot::waiting`].
    pub request: usize,
    /// Which end nobody can serve; one or both.
    pub blocked: Vec<Blocked>,
}

/// An end that nobody can serve now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Which.
    pub end: End,
    /// Where it lies.
    pub site: SiteId,
    /// Why.
    pub why: Block,
}

/// Why nobody can serve an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The site has no proxy.
    NoProxy,
    /// It has these, and none can.
    NoneCan(Vec<(ProxyId, Refusal)>),
}

/// What comes of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Disks whose task can begin.
    pub assignments: Vec<Assignment>,
    /// Disks that go on waiting.
    pub waiting: Vec<Waiting>,
}

/// Assigns proxies to the waiting disks in their order; every disk is in exactly one of the lists.
///
/// The best pair is the one with the least [`Score`], then the first by the proxies' ids. What is
/// given in this round is in use for the disks that follow.
#[must_use]
pub fn assign(snapshot: &Snapshot) -> Round {
    let mut usage = Usage::of(&snapshot.running);
    let mut round = Round::default();
    for (index, request) in snapshot.waiting.iter().enumerate() {
        let source = side(&snapshot.proxies, request, End::Source, &usage);
        let target = side(&snapshot.proxies, request, End::Target, &usage);
        match best(&source, &target) {
            Some(pair) => {
                usage.add(&pair.source.held(), &pair.target.held());
                round.assignments.push(Assignment {
                    request: index,
                    source: pair.source,
                    target: pair.target,
                    score: pair.score,
                    losers: pair.losers,
                });
            }
            None => round.waiting.push(Waiting {
                request: index,
                blocked: [(End::Source, source), (End::Target, target)]
                    .into_iter()
                    .filter_map(|(end, side)| blocked(request, end, side))
                    .collect(),
            }),
        }
    }
    round
}

fn blocked(request: &Request, end: End, side: Side<'_>) -> Option<Blocked> {
    let why = match side.into_refused()? {
        refused if refused.is_empty() => Block::NoProxy,
        refused => Block::NoneCan(refused),
    };
    Some(Blocked {
        end,
        site: request.end(end).site.clone(),
        why,
    })
}
