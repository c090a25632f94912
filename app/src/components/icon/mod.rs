//! A symbol of the sprite. Always beside a word that says the same, so assistive technology skips it.

use leptos::prelude::*;

/// One symbol of `icons.svg`.
#[component]
pub fn Icon(
    /// Its id in the sprite.
    name: &'static str,
) -> impl IntoView {
    view! {
        <svg class="icon" aria-hidden="true" focusable="false">
            <use href=format!("/pkg/icons.svg#{name}")></use>
        </svg>
    }
}
