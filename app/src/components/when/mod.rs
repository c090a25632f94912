//! An instant, relative to the answer that the page shows, with the absolute time beside it.

use leptos::prelude::*;
use model::Timestamp;

use super::dynamic::text;
use crate::words;

/// Relative for the eye, absolute on hover and for assistive technology.
#[component]
pub fn When(
    /// The instant.
    at: Timestamp,
    /// The page's present.
    now: Signal<Timestamp>,
) -> impl IntoView {
    let absolute = at.utc_text();
    view! {
        <time class="when" datetime=words::machine_time(at) title=absolute>
            {text(move || words::relative_time(now.get(), at))}
            <span class="visually-hidden">", " {absolute.clone()}</span>
        </time>
    }
}
