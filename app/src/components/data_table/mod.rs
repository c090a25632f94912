//! A table that scrolls inside its own frame, so that the page never does sideways.

use leptos::prelude::*;

/// A captioned table; `children` are its `thead` and `tbody`.
///
/// On narrow screens rows become cards: cells name their column in `data-label`.
#[component]
pub fn DataTable(
    /// What the table holds, for assistive technology and as the frame's name.
    #[prop(into)]
    caption: String,
    /// The head and the body.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="table-frame" role="group" aria-label=caption tabindex="0">
            <table class="table">
                <caption class="visually-hidden">{caption.clone()}</caption>
                {children()}
            </table>
        </div>
    }
}
