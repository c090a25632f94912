//! The one bar: a native `progress` element named by a visible label, figures beside it.

use leptos::prelude::*;

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
            {move || percent.get().map(|percent| format!("{percent} %"))}
        </progress>
    }
}
