//! A state as word, shape and colour together.

mod types;

use leptos::prelude::*;

pub use types::{Badge, Shape, Tone};

use super::icon::Icon;

/// Shows badges side by side.
#[component]
pub fn Badges(
    /// What they say.
    badges: Vec<Badge>,
) -> impl IntoView {
    let badges = badges
        .into_iter()
        .map(|badge| view! { <StateBadge badge/> })
        .collect_view();
    view! { <span class="badges">{badges}</span> }
}

/// Shows a badge.
#[component]
pub fn StateBadge(
    /// What it says.
    badge: Badge,
) -> impl IntoView {
    view! {
        <span class=badge.tone.class()>
            <Icon name=badge.shape.symbol()/>
            {badge.words}
        </span>
    }
}
