//! The one bar: a native `progress` element named by a visible label, figures beside it.

use leptos::prelude::*;

use super::dynamic::text;

/// A bar of whole percents; none while nothing is known, which shows an undetermined bar.
#[component]
pub fn ProgressBar(
    /// What progresses.
    #[prop(into)]
    label: String,
    /// How far, of 100.
    percent: Signal<Option<u8>>,
) -> impl IntoView {
    view! {
        <progress
            class="bar"
            aria-label=label
            max="100"
            value=move || percent.get().map(|percent| percent.to_string())
        >
            {text(move || percent.get().map_or_else(String::new, |percent| format!("{percent} %")))}
        </progress>
    }
}
