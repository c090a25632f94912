//! The one bar of the phase at work, with bytes, rate, remaining time and what decides it.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::ProgressView;

use super::{Newest, view_model};
use crate::components::{
    dynamic::{part, part_if, text},
    icon::Icon,
    progress::ProgressBar,
};

/// The bar. Absent where nothing is moved.
#[component]
pub(super) fn Progress(newest: Newest) -> impl IntoView {
    let moves = Memo::new(move |_| newest.with(view_model::moves));
    let progress = Memo::new(move |_| newest.with(|view| view.progress.clone()));
    let percent = Signal::derive(move || progress.with(view_model::bar));
    part_if(
        move || moves.get(),
        move || view! { <Bar progress percent/> }.erase(),
    )
}

#[component]
fn Bar(progress: Memo<ProgressView>, percent: Signal<Option<u8>>) -> impl IntoView {
    let waiting = part(move || {
        progress.with(|progress| {
            let reason = progress.waiting.clone()?;
            Some(view! { <p class="waiting"><Icon name="paused"/>{reason}</p> }.erase())
        })
    });
    view! {
            <section class="progress" aria-labelledby="progress">
                <h2 id="progress">
                    "Progress"
                    <span class="percent">
                        {text(move || percent.get().map_or_else(String::new, |percent| format!("{percent} %")))}
                    </span>
                </h2>
                <ProgressBar label="Looked at" percent/>
                <p class="figures">{text(move || progress.with(view_model::bar_words))}</p>
                <p class="figures">{text(move || progress.with(view_model::found_words))}</p>
                {waiting}
            </section>
    }
}
