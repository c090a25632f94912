//! From a typed failback mode to an instant, and back to words. A local time that a change of
//! clocks skips is refused; one that comes twice is asked about.

use jiff::{
    Timestamp as Instant, ToSpan, Zoned,
    civil::DateTime,
    tz::{AmbiguousOffset, AmbiguousZoned, TimeZone},
};
use model::{ApiError, FailbackMode, Timestamp, view::ModeInput};

use crate::refusal::invalid;

/// Minutes that a scheduled switchover may be late when nothing else is said.
const LATE_MINUTES: u32 = 60;
const LATE_MINUTES_MOST: u32 = 7 * 24 * 60;

/// The mode that was typed, checked at `now`.
pub(crate) fn parse(input: &ModeInput, now: Timestamp) -> Result<FailbackMode, ApiError> {
    match input.mode.as_str() {
        "auto" => Ok(FailbackMode::Auto),
        "manual" => Ok(FailbackMode::Manual),
        "scheduled" => scheduled(input, now),
        "" => Err(invalid(
            "mode",
            "No failback mode is chosen.",
            "Choose when the switchover follows.",
        )),
        other => Err(invalid(
            "mode",
            format!("There is no failback mode \"{other}\"."),
            "Choose Auto, Scheduled or Manual.",
        )),
    }
}

/// Refuses a scheduled time that is no longer to come.
pub(crate) fn still_to_come(mode: &FailbackMode, now: Timestamp) -> Result<(), ApiError> {
    match mode {
        FailbackMode::Scheduled { at, zone, .. } if *at <= now => Err(invalid(
            "at",
            format!("The switchover's time, {}, has passed.", local(*at, zone)),
            "Choose a later time.",
        )),
        FailbackMode::Scheduled { .. } | FailbackMode::Auto | FailbackMode::Manual => Ok(()),
    }
}

/// The mode in words, with the zone.
pub(crate) fn words(mode: &FailbackMode) -> String {
    match mode {
        FailbackMode::Auto => "Auto: switches over as soon as phase 1 is done".to_owned(),
        FailbackMode::Manual => "Manual: switches over on your command".to_owned(),
        FailbackMode::Scheduled {
            at,
            zone,
            not_later_than,
        } => format!(
            "Scheduled: switches over at {}, by itself not later than {}",
            local(*at, zone),
            local(*not_later_than, zone)
        ),
    }
}

/// An instant as local time of a zone: `2026-11-23 04:05 Europe/Berlin`.
pub(crate) fn local(at: Timestamp, zone: &str) -> String {
    let zoned = jiff::tz::db()
        .get(zone)
        .ok()
        .zip(Instant::from_microsecond(at.0).ok())
        .map(|(tz, instant)| instant.to_zoned(tz));
    zoned.map_or_else(
        || at.utc_text(),
        |zoned| format!("{} {zone}", zoned.strftime("%Y-%m-%d %H:%M")),
    )
}

/// The zones that can be chosen, UTC first.
pub(crate) fn zones() -> Vec<String> {
    let mut names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| is_place(name))
        .collect();
    names.sort();
    names.dedup();
    names.insert(0, "UTC".to_owned());
    names
}

/// Whether a zone is a place, and not another spelling of an offset or of a place.
fn is_place(name: &str) -> bool {
    name.contains('/')
        && !["posix/", "right/", "Etc/", "SystemV/"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn scheduled(input: &ModeInput, now: Timestamp) -> Result<FailbackMode, ApiError> {
    let (tz, zone) = zone_of(input.zone.trim())?;
    let typed = input.at.trim();
    let wanted: DateTime = typed.parse().map_err(|_| {
        invalid(
            "at",
            if typed.is_empty() {
                "No date and time is given.".to_owned()
            } else {
                format!("\"{typed}\" is not a date and time.")
            },
            "Give it as 2026-11-23T04:05.",
        )
    })?;
    let late = late_minutes(input.not_later_minutes.trim())?;
    let zoned = resolve(tz.to_ambiguous_zoned(wanted), &zone, &input.which)?;
    let mode = FailbackMode::Scheduled {
        at: Timestamp(zoned.timestamp().as_microsecond()),
        zone,
        not_later_than: Timestamp(zoned.timestamp().as_microsecond())
            .plus_seconds(i64::from(late) * 60),
    };
    still_to_come(&mode, now)?;
    Ok(mode)
}

fn zone_of(typed: &str) -> Result<(TimeZone, String), ApiError> {
    let hint = "Choose a zone from the list, such as Europe/Berlin.";
    if typed.is_empty() {
        return Err(invalid("zone", "No time zone is chosen.", hint));
    }
    let tz = jiff::tz::db()
        .get(typed)
        .map_err(|_| invalid("zone", format!("There is no time zone \"{typed}\"."), hint))?;
    let name = tz.iana_name().unwrap_or(typed).to_owned();
    Ok((tz, name))
}

fn late_minutes(typed: &str) -> Result<u32, ApiError> {
    if typed.is_empty() {
        return Ok(LATE_MINUTES);
    }
    typed
        .parse()
        .ok()
        .filter(|minutes| (1..=LATE_MINUTES_MOST).contains(minutes))
        .ok_or_else(|| {
            invalid(
                "not_later_minutes",
                format!("\"{typed}\" is not a number of minutes from 1 to {LATE_MINUTES_MOST}."),
                "Give the minutes after the time until which it may still switch by itself.",
            )
        })
}

fn resolve(wanted: AmbiguousZoned, zone: &str, which: &str) -> Result<Zoned, ApiError> {
    let typed = wanted.datetime().strftime("%H:%M").to_string();
    let out_of_range = |_| invalid("at", "The date is too far away.", "Choose an earlier date.");
    match wanted.offset() {
        AmbiguousOffset::Unambiguous { .. } => wanted.unambiguous().map_err(out_of_range),
        AmbiguousOffset::Gap { .. } => Err(skipped(wanted, zone, &typed)),
        AmbiguousOffset::Fold { .. } => match which {
            "earlier" => wanted.earlier().map_err(out_of_range),
            "later" => wanted.later().map_err(out_of_range),
            _ => Err(doubled(wanted, zone, &typed)),
        },
    }
}

/// The clocks go forward over the wanted time.
fn skipped(wanted: AmbiguousZoned, zone: &str, typed: &str) -> ApiError {
    let next = wanted.later().ok().and_then(|after| {
        let just_after = after.timestamp().checked_add(1.second()).ok()?;
        let change = after.time_zone().preceding(just_after).next()?;
        Some(change.timestamp().to_zoned(after.time_zone().clone()))
    });
    let hint = next.map_or_else(
        || "Choose another time.".to_owned(),
        |next| {
            format!(
                "The next valid time is {}.",
                next.strftime("%Y-%m-%dT%H:%M")
            )
        },
    );
    invalid(
        "at",
        format!("{typed} does not exist on that day in {zone}: the clocks go forward over it."),
        hint,
    )
}

/// The clocks go back and the wanted time comes twice.
fn doubled(wanted: AmbiguousZoned, zone: &str, typed: &str) -> ApiError {
    let utc = |zoned: Result<Zoned, jiff::Error>| {
        zoned.map_or_else(
            |_| "?".to_owned(),
            |zoned| zoned.timestamp().strftime("%H:%M UTC").to_string(),
        )
    };
    let (earlier, later) = (utc(wanted.clone().earlier()), utc(wanted.later()));
    invalid(
        "which",
        format!("{typed} comes twice on that day in {zone}: at {earlier} and at {later}."),
        "Choose the earlier or the later one.",
    )
}
