//! Which proxies carried the disks of a session: of the newest pass all, of earlier ones those that
//! handed over.

use std::collections::{BTreeMap, BTreeSet};

use model::{Carrier, CarrierEnded, view::CarrierView};

use super::Work;
use crate::live::LiveSession;

/// The rows in order: pass by pass, disk by disk as the VM has them, then by time.
pub(super) fn views(
    work: &Work,
    carried: Vec<Carrier>,
    live: Option<&LiveSession>,
) -> Vec<CarrierView> {
    let newest = carried.iter().map(|it| it.pass).max();
    // Of each disk and pass, the last may be at work; all before it ended, said or not.
    let mut last = BTreeMap::new();
    for (index, it) in carried.iter().enumerate() {
        last.insert((it.pass, it.disk.clone()), index);
    }
    let layout = work.row.layout.iter().zip(0_usize..);
    let places: BTreeMap<_, _> = layout
        .map(|(disk, place)| (disk.key.clone(), (place, disk.name.clone())))
        .collect();
    let handed_over: BTreeSet<_> = carried
        .iter()
        .filter(|it| matches!(it.ended, Some(CarrierEnded::HandedOver { .. })))
        .map(|it| (it.pass, it.disk.clone()))
        .collect();
    let mut views: Vec<_> = carried
        .into_iter()
        .enumerate()
        .filter(|(_, it)| {
            Some(it.pass) == newest || handed_over.contains(&(it.pass, it.disk.clone()))
        })
        .map(|(index, it)| {
            let is_last = last.get(&(it.pass, it.disk.clone())) == Some(&index);
            let place = places.get(&it.disk).cloned();
            let (place, disk) = place.unwrap_or((usize::MAX, it.disk.to_string()));
            let carrier = brought_up(it, is_last, live);
            ((carrier.pass, place, index), CarrierView { disk, carrier })
        })
        .collect();
    views.sort_by_key(|(order, _)| *order);
    views.into_iter().map(|(_, view)| view).collect()
}

/// One that is at work has its counters; one that nobody ended was stopped with the console.
fn brought_up(carrier: Carrier, is_last: bool, live: Option<&LiveSession>) -> Carrier {
    if carrier.ended.is_some() {
        return carrier;
    }
    let at_work = live
        .and_then(|live| live.disks.iter().find(|disk| disk.key == carrier.disk))
        .filter(|_| is_last);
    match at_work {
        Some(disk) => Carrier {
            resumed: disk.counters.resumed,
            sent: disk.counters.sent.saturating_sub(disk.counters.sent_before),
            scanned: disk.counters.scanned,
            ..carrier
        },
        None => Carrier {
            ended: Some(CarrierEnded::Stopped),
            ..carrier
        },
    }
}
