//! What only a browser has: live events, the clock's ticking, notifications, the zone.
//!
//! Everything here is called from effects and event handlers, which do not run on the server.

pub mod events;
pub mod notify;
pub mod post;

use std::time::Duration;

use js_sys::{Intl, Reflect};
use leptos::{leptos_dom::helpers::set_interval_with_handle, prelude::*};
use model::Timestamp;
use wasm_bindgen::JsValue;

/// How often relative times move on between two answers.
const TICK_SECONDS: u32 = 5;

/// A page's present: the instant of its newest answer, moved on while the page is open.
///
/// Both sides begin with the answer's instant, so that the first rendering is the same.
pub fn present(answered: Timestamp) -> RwSignal<Timestamp> {
    let now = RwSignal::new(answered);
    Effect::new(move || every(TICK_SECONDS, move || tick(now)));
    now
}

fn tick(now: RwSignal<Timestamp>) {
    // The page may be gone when the last tick comes.
    let _gone = now.try_update(|now| *now = now.plus_seconds(i64::from(TICK_SECONDS)));
}

/// Calls `work` every so many seconds until the owner of the caller is cleaned up.
pub fn every(seconds: u32, work: impl Fn() + 'static) {
    if let Ok(handle) = set_interval_with_handle(work, Duration::from_secs(u64::from(seconds))) {
        on_cleanup(move || handle.clear());
    }
}

/// The IANA name of the browser's zone, where it tells.
pub fn zone() -> Option<String> {
    let format = Intl::DateTimeFormat::default();
    Reflect::get(&format.resolved_options(), &JsValue::from_str("timeZone"))
        .ok()?
        .as_string()
}
