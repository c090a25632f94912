//! What each chosen VM is expected to cost: the facts that are known of it, handed to the forecast,
//! and the sentences that say what the figures rest on.

use blockmap::{Difference, Estimate, Facts, Look, Wait, Writes, forecast};
use model::{
    ApiError, ByteCount, BytesPerSecond, DiskInfo, DraftId, FailbackMode, ProxySettings,
    ProxyState, Seconds, SiteId, Timestamp, WrittenSince,
    view::{DifferenceBasis, DryRunView, PlanEstimate},
};
use store::{DraftBody, SessionDisk};

use super::{Checked, Target};
use crate::{
    LiveProxies, Service, after,
    estate::Estate,
    placement::{self, Places, Plan},
    refusal::failed,
};

/// Assumed of a task while no proxy was measured: a disk over a link of 2.5 Gbit/s.
const RATE: BytesPerSecond = BytesPerSecond(300 * 1024 * 1024);
const HOUR: u64 = 3_600;

/// What is told of a chosen VM beyond its checks: what it is expected to cost, and where it is made.
/// It takes longer than the checks, so that long lists ask for it only where it is shown.
#[derive(Debug)]
pub(crate) struct Told {
    // What is known beside the estate and the choices.
    now: Timestamp,
    dry_run: Option<DryRunView>,
    proxies: Vec<ProxySettings>,
    live: LiveProxies,
}

impl Service {
    /// The plan of a draft, with the places of VMs to be made: every VM checked, with all that is told
    /// of it.
    pub(crate) async fn plan(
        &self,
        id: &DraftId,
        estate: &Estate,
        body: &DraftBody,
        plan: Option<&Plan<'_>>,
    ) -> Result<Vec<Checked>, ApiError> {
        let told = self.told(id).await?;
        let places = placement::places(plan);
        let mut checked = super::check_placed(estate, body, plan);
        for vm in &mut checked {
            told.add(estate, body, &places, vm);
        }
        Ok(checked)
    }

    /// What is known beside the estate and the choices, of now.
    pub(crate) async fn told(&self, id: &DraftId) -> Result<Told, ApiError> {
        Ok(Told {
            now: self.now(),
            dry_run: self.store().dry_run_fetch(id).await.map_err(failed)?,
            proxies: self.store().proxy_list().await.map_err(failed)?,
            live: self.wired.live.proxies(),
        })
    }
}

impl Told {
    /// Adds it, where the VM's disks are known and its place is.
    pub(crate) fn add(
        &self,
        estate: &Estate,
        body: &DraftBody,
        places: &Places<'_, '_>,
        vm: &mut Checked,
    ) {
        if let Some(placed) = places.get(&vm.view.replica) {
            vm.view.placement = placed.facts();
        }
        if let Some(target) = &vm.target {
            vm.view.estimate = self.estimate(estate, body, target);
        }
    }

    fn estimate(&self, estate: &Estate, body: &DraftBody, target: &Target) -> Option<PlanEstimate> {
        let mode = body.mode.as_ref();
        if target.pairs.is_empty() {
            return None;
        }
        let replica = &target.replica;
        let (look, difference, basis) = self.difference(target);
        let pace = self.pace(&replica.vm.site, &target.production.site);
        let shutdown = estate.site(&replica.vm.site);
        let facts = Facts {
            size: target.pairs.iter().map(|pair| pair.size).sum(),
            allocated: allocated(estate, target),
            look,
            difference,
            writes: self.writes(target),
            rate: pace.measured.unwrap_or(RATE),
            at_once: pace.slots.min(target.pairs.len() as u64).max(1),
            wait: self.wait(body, mode),
            shutdown: shutdown.map_or(0, |(site, ..)| site.shutdown_timeout_seconds),
        };
        let expected = forecast(&facts);
        Some(PlanEstimate {
            to_read: expected.read.total(),
            different: expected.different,
            basis,
            wire: expected.wire,
            phase_1: expected.phase_1.map(Seconds),
            downtime: expected.downtime.map(Seconds),
            assumptions: assumptions(&facts, &pace, mode)
                .into_iter()
                .chain(copied_first(target))
                .collect(),
        })
    }

    /// Where the difference looks, and what is known of it: what was measured before what was
    /// tracked.
    fn difference(&self, target: &Target) -> (Look, Difference, DifferenceBasis) {
        if target.new_vm.is_some() && target.seeded().is_none() {
            return (Look::Anew, Difference::Unknown, DifferenceBasis::Everything);
        }
        let tracked = match target.replica.written_since {
            Some(WrittenSince::Known { either, .. }) => Some(either),
            Some(WrittenSince::Broken(_)) | None => None,
        };
        let look = match (&target.quick, tracked) {
            (Some(_), Some(either)) => Look::Named(either),
            (Some(_), None) | (None, _) => Look::Whole,
        };
        if let Some((different, to_send, at)) = self.measured(target) {
            let seconds_ago = self.now.seconds_since(at);
            let measured = Difference::Measured {
                different,
                to_send,
                seconds_ago,
            };
            return (look, measured, DifferenceBasis::DryRun { at });
        }
        // Only the original VM has been tracked since both sides were equal.
        match tracked {
            Some(either) if *target.compared() == target.replica.original => (
                look,
                Difference::Tracked(either),
                DifferenceBasis::ChangeTracking,
            ),
            Some(_) | None => (look, Difference::Unknown, DifferenceBasis::Allocation),
        }
    }

    /// What a dry run of these choices found.
    fn measured(&self, target: &Target) -> Option<(ByteCount, ByteCount, Timestamp)> {
        let run = self.dry_run.as_ref()?;
        let at = run.done_at?;
        let mut vms = run.vms.iter();
        let vm = vms.find(|vm| vm.replica.as_ref() == Some(&target.replica.id))?;
        let found = vm.error.is_none();
        found.then_some((vm.different, vm.to_send, at))
    }

    /// What the replica wrote since it was failed over.
    fn writes(&self, target: &Target) -> Option<Writes> {
        let since = target.replica.running_since?;
        match target.replica.written_since {
            Some(WrittenSince::Known { replica, .. }) => Some(Writes {
                blocks: replica,
                seconds: self.now.seconds_since(since),
            }),
            Some(WrittenSince::Broken(_)) | None => None,
        }
    }

    fn wait(&self, body: &DraftBody, mode: Option<&FailbackMode>) -> Wait {
        let passes = mode.and_then(|mode| after::check(&body.after_input, mode).ok()?.catch_up);
        match (passes, mode) {
            (Some(passes), _) => Wait::Passes(u64::from(passes.every_seconds)),
            (None, Some(FailbackMode::Scheduled { at, .. })) => {
                Wait::Seconds(at.seconds_since(self.now))
            }
            (None, Some(FailbackMode::Auto | FailbackMode::Manual) | None) => Wait::Phase1,
        }
    }

    /// How fast a task is, and how many there may be: the slower side decides.
    fn pace(&self, source: &SiteId, target: &SiteId) -> Pace {
        let (source, target) = (self.side(source), self.side(target));
        let slots = source.slots.min(target.slots);
        let mut measured: Vec<_> = source.best.into_iter().chain(target.best).collect();
        measured.sort();
        measured.dedup();
        Pace {
            measured: measured.first().map(|(rate, _)| *rate),
            names: measured.into_iter().map(|(_, name)| name).collect(),
            slots,
        }
    }

    /// The proxies of a site that work.
    fn side(&self, site: &SiteId) -> Side {
        let works = |it: &&ProxySettings| {
            it.site == *site && it.state == ProxyState::Enabled && !it.cut_off
        };
        let rate = |proxy: &ProxySettings| {
            let rate = self.live.proxies.get(&proxy.id)?.rate?;
            Some((rate, proxy.name.clone()))
        };
        let proxies = self.proxies.iter().filter(works);
        Side {
            best: proxies.clone().filter_map(rate).max(),
            slots: proxies.map(|proxy| u64::from(proxy.slots)).sum(),
        }
    }
}

/// One site's proxies.
struct Side {
    /// The one that was measured to be the fastest, with its rate.
    best: Option<(BytesPerSecond, String)>,
    slots: u64,
}

/// How fast the disks of a VM travel.
struct Pace {
    /// What one task did lately; none when no proxy of the two sites was measured.
    measured: Option<BytesPerSecond>,
    /// The proxies that it was measured of.
    names: Vec<String>,
    slots: u64,
}

/// What comes before phase 1 where disks begin with copies.
fn copied_first(target: &Target) -> Option<String> {
    let disks = &target.new_vm.as_ref()?.disks;
    disks.iter().any(|disk| disk.seed.is_some()).then(|| {
        "The original's disks are copied at production first; that takes as long as their storage \
         takes, and comes on top."
            .to_owned()
    })
}

/// Allocated bytes of the paired disks.
fn allocated(estate: &Estate, target: &Target) -> Estimate {
    let disks = |vm| estate.vm(vm).map_or(&[][..], |vm| &vm.disks);
    let (from, to) = (disks(&target.replica.vm), disks(target.compared()));
    let of = |disks: &[DiskInfo], key: &model::DiskKey| {
        let found = disks.iter().find(|disk| disk.key == *key);
        found.map_or(ByteCount::ZERO, |disk| disk.allocated)
    };
    let pair = |pair: &SessionDisk| {
        blockmap::estimate(pair.size, of(from, &pair.key), of(to, &pair.target))
    };
    let seeded = target.seeded().map(|_| target.seed_pairs());
    let pairs = seeded.as_ref().unwrap_or(&target.pairs);
    pairs
        .iter()
        .map(pair)
        .fold(Estimate::default(), |sum, disk| Estimate {
            source: sum.source.saturating_add(disk.source),
            target: sum.target.saturating_add(disk.target),
        })
}

fn assumptions(facts: &Facts, pace: &Pace, mode: Option<&FailbackMode>) -> Vec<String> {
    let rate = match pace.measured {
        Some(rate) => format!(
            "A disk is compared at {rate}, as {} did lately.",
            pace.names.join(" and ")
        ),
        None => format!(
            "No proxy was measured lately, so {} for a disk is assumed.",
            facts.rate
        ),
    };
    let mut sentences = vec![rate];
    sentences.push(match facts.writes {
        Some(writes) => format!(
            "The replica writes {} in new blocks, as on average since it was failed over; the upper \
             end of the downtime has it write all {} of before again.",
            writes.rate(),
            writes.blocks
        ),
        None => "How much the replica writes is not known; what it writes meanwhile comes on top."
            .to_owned(),
    });
    sentences.push(match facts.wait {
        Wait::Phase1 if mode == Some(&FailbackMode::Manual) => {
            let hour = facts
                .writes
                .map(|writes| ByteCount(writes.rate().0.saturating_mul(HOUR)));
            let adds = hour.map_or_else(
                || "adds to it".to_owned(),
                |bytes| format!("adds about {bytes} to send"),
            );
            format!(
                "The downtime is that of a switchover right after phase 1; each hour of waiting \
                 without a catch-up pass {adds}."
            )
        }
        Wait::Phase1 => "The switchover follows phase 1 at once.".to_owned(),
        Wait::Seconds(seconds) => format!(
            "The switchover comes in {}, and nothing is sent in between.",
            Seconds(seconds)
        ),
        Wait::Passes(every) => format!(
            "Catch-up passes every {} leave only what was written since the last.",
            Seconds(every)
        ),
    });
    sentences.push(format!(
        "The guest shuts down by itself; after {} it is powered off. The start of the production \
         VM comes on top of the downtime.",
        Seconds(facts.shutdown)
    ));
    sentences
}
