//! One disk of a pass and the proxies that carry it: it waits for them, moves, and when they may
//! carry it no longer, others go on from the last acknowledged range.

use std::time::Instant;

use blockmap::RangeSet;
use hypervisor::Platform;
use model::{ByteCount, Carrier, CarrierEnded, DiskCounters, DiskKey, LogLevel, VmRef};
use mover::{Controls, Meter, Report};
use sched::{DiskEnd, Request};
use store::{CarrierKey, DiskPassRow, SessionDisk};

use super::{
    Stage,
    transfer::{Pass, Prepared, move_disk, prepare},
};
use crate::{
    clock, digests,
    failure::{Contradiction, EffectError},
    live::LiveDisk,
    proxies::Berth,
};

/// What became of a disk.
pub(super) struct Moved {
    pub(super) counters: DiskCounters,
    /// What people should know.
    pub(super) warnings: Vec<String>,
    /// How change tracking was checked, as the end of a sentence.
    pub(super) sampled: Option<String>,
}

/// Brings one disk through its pass, by as many proxies in turn as it takes.
pub(super) async fn one_disk(
    stage: Stage,
    disk: SessionDisk,
    pass: Pass,
    controls: Controls,
) -> Result<Moved, EffectError> {
    let meter = Meter::mapped();
    let live = LiveDisk {
        pass: pass.number,
        meter: meter.clone(),
        ..LiveDisk::default()
    };
    stage.live.put(&stage.session, &disk.key, live);
    let request = {
        let (stage, disk) = (stage.clone(), disk.clone());
        tokio::task::spawn_blocking(move || request(&stage, &disk)).await?
    };
    let journey = Journey {
        stage,
        disk,
        pass,
        controls,
        meter,
    };
    let mut goes_on = false;
    loop {
        let berth = journey.berth(request.clone()).await?;
        if goes_on {
            journey.say_who_goes_on(&berth).await?;
        }
        match journey.ride(&berth).await {
            Err(error) => {
                let why = berth.left().filter(|_| journey.may_go_on(&error));
                journey.say_why_left(&why.ok_or(error)?).await?;
                goes_on = true;
            }
            arrived => return arrived,
        }
    }
}

/// What must be reached at each end. Where a VM cannot be looked at now, nobody knows where it
/// lies; opening its disks says more.
fn request(stage: &Stage, disk: &SessionDisk) -> Request {
    Request {
        session: stage.session.clone(),
        disk: disk.key.clone(),
        source: end(stage.dr.as_ref(), &stage.replica_vm, &disk.key),
        target: end(
            stage.production.as_ref(),
            &stage.production_vm,
            &disk.target,
        ),
        choice: stage.choices.proxies.clone(),
    }
}

fn end(platform: &dyn Platform, vm: &VmRef, key: &DiskKey) -> DiskEnd {
    let info = platform.vm(vm).ok();
    let disk = info
        .as_ref()
        .and_then(|info| info.disks.iter().find(|disk| disk.key == *key));
    DiskEnd {
        site: vm.site.clone(),
        datastore: disk.and_then(|disk| disk.datastore.clone()),
        host: info.and_then(|info| info.placement.host),
        modes: platform.transport_modes(&vm.site),
    }
}

/// A disk on its way through one pass.
struct Journey {
    stage: Stage,
    disk: SessionDisk,
    pass: Pass,
    controls: Controls,
    meter: Meter,
}

impl Journey {
    async fn berth(&self, request: Request) -> Result<Berth, EffectError> {
        let waiting = |why: Option<&str>| {
            let (live, session) = (&self.stage.live, &self.stage.session);
            live.change(session, &self.disk.key, |live| {
                live.waiting = why.map(str::to_owned);
            });
        };
        tokio::select! {
            berth = self.stage.proxies.acquire(request, waiting) => Ok(berth),
            () = cancelled(&self.controls) => Err(EffectError::Stopped),
        }
    }

    /// Moves the disk until it is done, fails, or must leave its proxies.
    async fn ride(&self, berth: &Berth) -> Result<Moved, EffectError> {
        let Prepared {
            task,
            words,
            warnings,
        } = self.prepare().await?;
        self.stage
            .live
            .change(&self.stage.session, &self.disk.key, |live| {
                live.scope.clone_from(&words);
                live.proxies = Some(berth.words());
            });
        let row = DiskPassRow {
            disk: self.disk.key.clone(),
            pass: self.pass.number,
            scope: words,
            counters: self.meter.counters(),
            proxies: Some(berth.words()),
        };
        let mut carrier = self.carrier(berth);
        let (stage, started) = (&self.stage, Instant::now());
        let key = stage.store.carrier_add(&stage.session, &carrier).await?;
        berth.show(&self.meter);
        let branch = self.controls.branch();
        let moved = {
            let moving = move_disk(stage, &self.disk.name, row, task, &branch, &self.meter);
            tokio::pin!(moving);
            tokio::select! {
                moved = &mut moving => moved,
                () = berth.must_leave() => {
                    branch.cancel_branch();
                    // The mover must have ended before others may go on.
                    moving.await
                }
            }
        };
        self.end(key, &mut carrier, &moved, berth).await?;
        if self.controls.limit().is_none() {
            let counters = self.meter.counters();
            let scanned = counters.scanned.saturating_sub(counters.resumed);
            berth.measured(scanned, started.elapsed());
        }
        let report = moved?;
        let notes = report
            .notes
            .iter()
            .filter(|note| digests::is_warning(note))
            .map(|note| format!("Disk {}: {note}", self.disk.name));
        let unread = report.unread.total();
        if unread > most_left(self.disk.size) {
            let disk = self.disk.name.clone();
            let why = Contradiction::TooMuchUnreadable { disk, unread };
            return Err(EffectError::Contradiction(why));
        }
        let left = left_words(&self.disk.name, &report.unread);
        Ok(Moved {
            counters: report.counters,
            warnings: warnings.into_iter().chain(notes).chain(left).collect(),
            sampled: report
                .sampled
                .map(|sampled| format!("; disk {}: {}", self.disk.name, sampled.sentence())),
        })
    }

    async fn prepare(&self) -> Result<Prepared, EffectError> {
        let (stage, disk) = (self.stage.clone(), self.disk.clone());
        let pass = self.pass;
        tokio::task::spawn_blocking(move || prepare(&stage, &disk, pass)).await?
    }

    fn carrier(&self, berth: &Berth) -> Carrier {
        Carrier {
            disk: self.disk.key.clone(),
            pass: self.pass.number,
            source: berth.source.clone(),
            target: berth.target.clone(),
            reasons: berth.reasons.clone(),
            started_at: clock::now(),
            ended_at: None,
            ended: None,
            resumed: ByteCount::ZERO,
            sent: ByteCount::ZERO,
            scanned: ByteCount::ZERO,
        }
    }

    /// Records what these proxies did, and why they ended.
    async fn end(
        &self,
        key: CarrierKey,
        carrier: &mut Carrier,
        moved: &Result<Report, EffectError>,
        berth: &Berth,
    ) -> Result<(), EffectError> {
        let counters = self.meter.counters();
        carrier.ended_at = Some(clock::now());
        carrier.resumed = counters.resumed;
        carrier.sent = counters.sent.saturating_sub(counters.sent_before);
        carrier.scanned = counters.scanned;
        carrier.ended = Some(match moved {
            Ok(_) => CarrierEnded::Done,
            Err(error) => {
                let why = berth.left().filter(|_| self.may_go_on(error));
                why.map_or(CarrierEnded::Stopped, |why| CarrierEnded::HandedOver {
                    why,
                })
            }
        });
        let stage = &self.stage;
        stage
            .store
            .carrier_put(&stage.session, key, carrier)
            .await?;
        Ok(())
    }

    /// Whether others may go on after such an end, and nobody ended the whole pass.
    fn may_go_on(&self, error: &EffectError) -> bool {
        let of_the_ride = matches!(error, EffectError::Stopped | EffectError::Mover { .. });
        of_the_ride && !self.controls.is_cancelled()
    }

    async fn say_why_left(&self, why: &str) -> Result<(), EffectError> {
        let name = &self.disk.name;
        let text = format!("Disk {name} is handed over to other proxies: {why}");
        self.say(LogLevel::Warning, &text).await
    }

    async fn say_who_goes_on(&self, berth: &Berth) -> Result<(), EffectError> {
        let name = &self.disk.name;
        let text = format!(
            "Disk {name} goes on from its last acknowledged range. {}",
            berth.words()
        );
        self.say(LogLevel::Info, &text).await
    }

    async fn say(&self, level: LogLevel, text: &str) -> Result<(), EffectError> {
        let (store, session) = (&self.stage.store, &self.stage.session);
        store.log_append(session, level, text, clock::now()).await?;
        Ok(())
    }
}

/// What may be left out of a disk: bad sectors, and not a storage that is gone.
fn most_left(size: ByteCount) -> ByteCount {
    ByteCount((size.0 / 1000).max(1 << 20))
}

/// Which ranges were left out, the first of them by name; none where everything was read.
fn left_words(disk: &str, unread: &RangeSet) -> Option<String> {
    const NAMED: usize = 20;
    let ranges = unread.iter().count();
    if ranges == 0 {
        return None;
    }
    let named: Vec<String> = unread
        .iter()
        .take(NAMED)
        .map(|range| range.to_string())
        .collect();
    let more = match ranges.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more ranges"),
    };
    Some(format!(
        "Disk {disk}: {} cannot be read at the replica and were left as production has them: {}{more}.",
        unread.total(),
        named.join(", ")
    ))
}

async fn cancelled(controls: &Controls) {
    while !controls.is_cancelled() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
