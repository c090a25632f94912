//! Several VMs of one Finish: in which order, how many at once, and which have a mode of their own.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use model::{
    ApiError, FailbackMode, ReplicaId, Timestamp,
    view::{ModeInput, OwnInput, OwnRow, SeveralInput, SeveralView},
};
use store::{DraftBody, OwnMode, SeveralChoice};

use crate::{estate::Estate, mode, refusal::invalid};

/// More than this at once is no limit.
const AT_ONCE_MOST: u32 = 10_000;

/// What was typed, checked against what was chosen. VMs that are not chosen do not count, and those
/// that the form says nothing of stay as they are.
pub(super) fn check(
    input: &SeveralInput,
    body: &DraftBody,
    common: &ModeInput,
    now: Timestamp,
) -> Result<SeveralChoice, ApiError> {
    at_once(&input.at_once)?;
    let mut rows: BTreeMap<ReplicaId, &OwnInput> = BTreeMap::new();
    let mut shown = Vec::new();
    let chosen: BTreeSet<&ReplicaId> = body.chosen.iter().collect();
    for row in &input.rows {
        let replica = ReplicaId::new(&*row.replica);
        if chosen.contains(&replica) && rows.insert(replica.clone(), row).is_none() {
            shown.push(replica);
        }
    }
    let mut places = Vec::new();
    let mut own = BTreeMap::new();
    for (replica, stands) in as_shown(body, shown).zip(1_u32..) {
        let Some(row) = rows.get(&replica) else {
            places.push(((stands, Ordering::Equal), replica.clone()));
            own.extend(body.several.own.get_key_value(&replica).map(cloned));
            continue;
        };
        let place = place(row, stands)?;
        // A VM that is given another's place goes before it on the way up, after it on the way down.
        places.push(((place, place.cmp(&stands)), replica.clone()));
        if !row.mode.is_empty() {
            let typed = OwnMode {
                mode: row.mode.clone(),
                at: row.at.clone(),
            };
            own_mode(&typed, &input.zone, common, now).map_err(|error| at_row(error, &replica))?;
            own.insert(replica, typed);
        }
    }
    places.sort_by_key(|(place, _)| *place);
    Ok(SeveralChoice {
        at_once: input.at_once.trim().to_owned(),
        zone: input.zone.clone(),
        order: places.into_iter().map(|(_, replica)| replica).collect(),
        own,
    })
}

/// The chosen ones in their order, where those of a form stand among each other as it showed them.
fn as_shown(body: &DraftBody, shown: Vec<ReplicaId>) -> impl Iterator<Item = ReplicaId> {
    let of_form: BTreeSet<ReplicaId> = shown.iter().cloned().collect();
    let mut shown = shown.into_iter();
    ordered(body).into_iter().map(move |replica| {
        if of_form.contains(&replica) {
            shown.next().unwrap_or(replica)
        } else {
            replica
        }
    })
}

fn cloned((replica, own): (&ReplicaId, &OwnMode)) -> (ReplicaId, OwnMode) {
    (replica.clone(), own.clone())
}

/// How many may run at once; none is all.
pub(super) fn at_once(typed: &str) -> Result<Option<u32>, ApiError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let most = typed.parse().ok();
    most.filter(|most| (1..=AT_ONCE_MOST).contains(most))
        .map(Some)
        .ok_or_else(|| {
            invalid(
                "at_once",
                format!("\"{typed}\" is not a number of VMs from 1 to {AT_ONCE_MOST}."),
                "Give how many may run at once, or leave it empty for all.",
            )
        })
}

/// The VM's own mode, where it has one.
pub(super) fn own(
    body: &DraftBody,
    replica: &ReplicaId,
    now: Timestamp,
) -> Result<Option<FailbackMode>, ApiError> {
    let several = &body.several;
    several
        .own
        .get(replica)
        .map(|typed| own_mode(typed, &several.zone, &body.mode_input, now))
        .transpose()
        .map_err(|error| at_row(error, replica))
}

/// The chosen replicas in their order; those that were given none come last, as they were chosen.
pub(super) fn ordered(body: &DraftBody) -> Vec<ReplicaId> {
    let order = &body.several.order;
    let places: HashMap<_, _> = order.iter().zip(0..).collect();
    let mut chosen = body.chosen.clone();
    chosen.sort_by_cached_key(|id| places.get(id).copied().unwrap_or(order.len()));
    chosen
}

/// As the step shows it, with the VMs at these places; none for a single VM.
pub(super) fn view(estate: &Estate, body: &DraftBody, shown: &Range<usize>) -> Option<SeveralView> {
    if body.chosen.len() < 2 {
        return None;
    }
    let several = &body.several;
    let shown = ordered(body)
        .into_iter()
        .skip(shown.start)
        .take(shown.len());
    let rows = shown.map(|replica| {
        let own = several.own.get(&replica).cloned().unwrap_or_default();
        OwnRow {
            name: estate
                .replica(&replica)
                .map_or_else(|| replica.to_string(), |row| estate.vm_name(&row.vm)),
            mode: own.mode,
            at: own.at,
            replica,
        }
    });
    Some(SeveralView {
        at_once: several.at_once.clone(),
        zone: several.zone.clone(),
        rows: rows.collect(),
    })
}

/// Order and limit in words; empty for a single VM.
pub(super) fn words(body: &DraftBody) -> String {
    if body.chosen.len() < 2 {
        return String::new();
    }
    match at_once(&body.several.at_once) {
        Ok(Some(most)) => format!(
            "At most {most} of {} run at once, in the order below; the others wait in a queue.",
            body.chosen.len()
        ),
        Ok(None) | Err(_) => format!("All {} run at once.", body.chosen.len()),
    }
}

/// A time of its own may be as late as that of the others.
fn own_mode(
    typed: &OwnMode,
    zone: &str,
    common: &ModeInput,
    now: Timestamp,
) -> Result<FailbackMode, ApiError> {
    let input = ModeInput {
        mode: typed.mode.clone(),
        at: typed.at.clone(),
        zone: zone.to_owned(),
        not_later_minutes: match common.mode.as_str() {
            "scheduled" => common.not_later_minutes.clone(),
            // What was typed before another mode was chosen is not shown.
            _ => String::new(),
        },
        which: String::new(),
    };
    mode::parse(&input, now)
}

/// A refusal of a VM's own mode, at its row. The zone and the limit are the fields of all.
fn at_row(error: ApiError, replica: &ReplicaId) -> ApiError {
    let field = match error.field.as_deref() {
        Some("zone") => "own_zone".to_owned(),
        Some("not_later_minutes") => return error,
        // Which of two times is not asked row by row.
        Some("which") => {
            let error = ApiError {
                hint: "Choose a time that comes once, or choose UTC as the zone.".to_owned(),
                ..error
            };
            return error.on_field(format!("own-{replica}"));
        }
        _ => format!("own-{replica}"),
    };
    error.on_field(field)
}

/// Where the VM goes; where it stands when nothing is typed.
fn place(row: &OwnInput, stands: u32) -> Result<u32, ApiError> {
    let typed = row.place.trim();
    if typed.is_empty() {
        return Ok(stands);
    }
    typed
        .parse()
        .ok()
        .filter(|place| *place > 0)
        .ok_or_else(|| {
            invalid(
                &format!("place-{}", row.replica),
                format!("\"{typed}\" is not a place in the order."),
                "Give a whole number from 1 on.",
            )
        })
}
