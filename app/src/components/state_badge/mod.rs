//! A state as word, shape and colour together.

mod types;

use leptos::prelude::*;

pub use types::{Badge, Shape, Tone};

use super::icon::Icon;

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
