//! The one bar of the phase at work, with bytes, rate, remaining time and what decides it.

use leptos::prelude::*;

use super::{Newest, view_model};
use crate::components::{icon::Icon, progress::ProgressBar};

/// The bar. Absent where nothing is moved.
#[component]
pub(super) fn Progress(newest: Newest) -> impl IntoView {
    let moves = Memo::new(move |_| newest.with(view_model::moves));
    let progress = Memo::new(move |_| newest.with(|view| view.progress.clone()));
    let percent = Signal::derive(move || progress.with(view_model::bar));
    let waiting = move || {
        progress.with(|progress| {
            progress.waiting.clone().map(|reason| {
                view! { <p class="waiting"><Icon name="paused"/>{reason}</p> }
            })
        })
    };
    view! {
        <Show when=move || moves.get()>
            <section class="progress" aria-labelledby="progress">
                <h2 id="progress">
                    "Progress"
                    <span class="percent">
                        {move || percent.get().map(|percent| format!("{percent} %"))}
                    </span>
                </h2>
                <ProgressBar label="Looked at" percent/>
                <p class="figures">{move || progress.with(view_model::bar_words)}</p>
                <p class="figures">{move || progress.with(view_model::found_words)}</p>
                {waiting}
            </section>
        </Show>
    }
}
