//! The best pair of proxies for one disk, its score, and why each other proxy lost.

use model::{BytesPerSecond, ProxyId, TransportMode};

use crate::{DiskEnd, End, Fit, Held, Obstacle, Proxy, Refusal, Request, Usage, fit};

/// What a pair costs; less is better, and an earlier part goes before a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score {
    /// How far both modes are from the best, together: 0 when both ends use direct storage.
    pub modes: u8,
    /// Proxies, and so slots, that it takes: 1 where one serves both ends.
    pub proxies: u8,
    /// The share of slots in use at both ends, together, in millionths.
    pub load: u64,
    /// What a task of theirs takes for a MiB, together, in nanoseconds; none before it is measured.
    /// Rates are taken by their leading bits, so that noise does not decide.
    pub pace: u64,
}

/// One end of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The proxy.
    pub proxy: ProxyId,
    /// How it reaches the disk.
    pub mode: TransportMode,
    /// Better modes of it, and what was in their way.
    pub passed_over: Vec<(TransportMode, Obstacle)>,
    /// Tasks that it carries with this one.
    pub running: u32,
    /// Tasks that it may carry.
    pub slots: u32,
}

impl Seat {
    pub(crate) fn held(&self) -> Held {
        Held {
            proxy: self.proxy.clone(),
            mode: self.mode,
        }
    }
}

/// A proxy of an end's site that was not taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loser {
    /// For which end.
    pub end: End,
    /// Which.
    pub proxy: ProxyId,
    /// Why.
    pub why: Lost,
}

/// Why a proxy was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It cannot serve the end now.
    Refused(Refusal),
    /// It can, by a worse mode only.
    WorseMode(TransportMode),
    /// One proxy serves both ends in one slot; with this one it would be two.
    TakesASecond,
    /// A greater share of its slots is in use.
    Busier {
        /// Tasks that it carries.
        running: u32,
        /// Tasks that it may carry.
        slots: u32,
    },
    /// Its tasks were measured to be slower.
    Slower(BytesPerSecond),
    /// It is as good, and comes later by its id.
    Later,
}

/// A proxy that can serve an end.
#[derive(Clone, Debug)]
struct Candidate<'a> {
    proxy: &'a Proxy,
    fit: Fit,
    cost: Cost,
    running: u32,
}

/// The part of one end in a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    mode: u8,
    load: u64,
    pace: u64,
}

/// Every proxy of an end's site with its verdict, by id.
pub(crate) struct Side<'a> {
    end: End,
    able: Vec<Candidate<'a>>,
    refused: Vec<(ProxyId, Refusal)>,
}

/// A pair that was chosen.
pub(crate) struct Pair {
    pub(crate) source: Seat,
    pub(crate) target: Seat,
    pub(crate) score: Score,
    pub(crate) losers: Vec<Loser>,
}

/// The verdicts of all proxies about one end of a request.
pub(crate) fn side<'a>(
    proxies: &'a [Proxy],
    request: &Request,
    end: End,
    usage: &Usage,
) -> Side<'a> {
    let place: &DiskEnd = request.end(end);
    let mut side = Side {
        end,
        able: Vec::new(),
        refused: Vec::new(),
    };
    for proxy in proxies.iter().filter(|it| it.settings.site == place.site) {
        match fit(proxy, place, &request.choice, usage) {
            Ok(fit) => side.able.push(Candidate {
                cost: cost(proxy, fit.mode, usage),
                running: usage.tasks(proxy.id()),
                proxy,
                fit,
            }),
            Err(refusal) => side.refused.push((proxy.id().clone(), refusal)),
        }
    }
    side.able.sort_by_key(|it| it.proxy.id());
    side.refused.sort_by(|a, b| a.0.cmp(&b.0));
    side
}

/// The best pair of two sides; none when one of them has nobody who can.
pub(crate) fn best(source: &Side<'_>, target: &Side<'_>) -> Option<Pair> {
    let two = (source.best()?, target.best()?);
    // Two ends at one site may have one proxy, which need not be the best of either.
    let one = source
        .able
        .iter()
        .filter_map(|at_source| {
            let at_target = target.find(at_source.proxy.id())?;
            Some((at_source, at_target))
        })
        .min_by_key(|pair| ranked(*pair));
    let best = one.map_or(two, |one| if ranked(one) < ranked(two) { one } else { two });
    let mut losers = lost(source, best.0, target, best.1);
    losers.extend(lost(target, best.1, source, best.0));
    Some(Pair {
        score: score(best),
        source: seat(best.0),
        target: seat(best.1),
        losers,
    })
}

type Two<'c, 'a> = (&'c Candidate<'a>, &'c Candidate<'a>);

fn ranked<'a>((source, target): Two<'_, 'a>) -> (Score, &'a ProxyId, &'a ProxyId) {
    (
        score((source, target)),
        source.proxy.id(),
        target.proxy.id(),
    )
}

fn score((source, target): Two<'_, '_>) -> Score {
    Score {
        modes: source.cost.mode + target.cost.mode,
        proxies: 1 + u8::from(source.proxy.id() != target.proxy.id()),
        load: source.cost.load + target.cost.load,
        pace: source.cost.pace + target.cost.pace,
    }
}

fn seat(candidate: &Candidate<'_>) -> Seat {
    let settings = &candidate.proxy.settings;
    Seat {
        proxy: settings.id.clone(),
        mode: candidate.fit.mode,
        passed_over: candidate.fit.passed_over.clone(),
        running: candidate.running + 1,
        slots: settings.slots,
    }
}

impl<'a> Side<'a> {
    fn best(&self) -> Option<&Candidate<'a>> {
        self.able.iter().min_by_key(|it| (it.cost, it.proxy.id()))
    }

    /// Why nobody can; none where somebody can.
    pub(crate) fn into_refused(self) -> Option<Vec<(ProxyId, Refusal)>> {
        self.able.is_empty().then_some(self.refused)
    }

    fn find(&self, id: &ProxyId) -> Option<&Candidate<'a>> {
        let found = self.able.binary_search_by_key(&id, |it| it.proxy.id());
        found.ok().map(|index| &self.able[index])
    }
}

/// Why each proxy of a side but the winner was not taken, given who serves the other side.
fn lost(
    side: &Side<'_>,
    winner: &Candidate<'_>,
    other: &Side<'_>,
    other_winner: &Candidate<'_>,
) -> Vec<Loser> {
    let one_serves_both = winner.proxy.id() == other_winner.proxy.id();
    let why = |loser: &Candidate<'_>| {
        if loser.cost.mode > winner.cost.mode {
            return Lost::WorseMode(loser.fit.mode);
        }
        let alone = other
            .find(loser.proxy.id())
            .is_some_and(|it| it.cost.mode <= other_winner.cost.mode);
        if one_serves_both && !alone {
            return Lost::TakesASecond;
        }
        if loser.cost.load > winner.cost.load {
            return Lost::Busier {
                running: loser.running,
                slots: loser.proxy.settings.slots,
            };
        }
        match loser.proxy.rate {
            Some(rate) if loser.cost.pace > winner.cost.pace => Lost::Slower(rate),
            _ => Lost::Later,
        }
    };
    let able = side.able.iter();
    let able = able.filter(|it| it.proxy.id() != winner.proxy.id());
    let mut losers: Vec<Loser> = able
        .map(|it| (it.proxy.id().clone(), why(it)))
        .chain(
            side.refused
                .iter()
                .map(|(id, refusal)| (id.clone(), Lost::Refused(refusal.clone()))),
        )
        .map(|(proxy, why)| Loser {
            end: side.end,
            proxy,
            why,
        })
        .collect();
    losers.sort_by(|a, b| a.proxy.cmp(&b.proxy));
    losers
}

fn cost(proxy: &Proxy, mode: TransportMode, usage: &Usage) -> Cost {
    let used = u64::from(usage.tasks(proxy.id()));
    let load = (used * 1_000_000).checked_div(u64::from(proxy.settings.slots));
    Cost {
        mode: rank(mode),
        load: load.unwrap_or(u64::from(u32::MAX)),
        pace: proxy.rate.map_or(0, pace),
    }
}

const fn rank(mode: TransportMode) -> u8 {
    match mode {
        TransportMode::DirectStorage => 0,
        TransportMode::VirtualAppliance => 1,
        TransportMode::Network => 2,
    }
}

/// Nanoseconds for a MiB at a rate that is cut to its three leading bits.
pub(crate) fn pace(rate: BytesPerSecond) -> u64 {
    const NANOS_TIMES_MIB: u64 = 1_000_000_000 << 20;
    let below = u64::BITS.saturating_sub(rate.0.leading_zeros() + 3);
    let leading = rate.0 >> below << below;
    NANOS_TIMES_MIB / leading.max(1)
}
