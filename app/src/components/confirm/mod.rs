//! A confirmation. It has an address, so it works without scripts; with them it is a modal dialog.

use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_navigate;

/// Asks once, in words that say what will happen. `children` hold the words and the form.
#[component]
pub fn ConfirmDialog(
    /// The question.
    #[prop(into)]
    title: String,
    /// The page without the question, for leaving it.
    #[prop(into)]
    close: String,
    /// The consequence and the form.
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        if let Some(dialog) = node.get() {
            // It was rendered open; a dialog must be closed to become modal.
            dialog.close();
            // Where it cannot become modal, it goes on as a part of the page.
            drop(dialog.show_modal());
        }
    });
    // Closing, unlike removing, gives the focus back to where it was.
    on_cleanup(move || {
        if let Some(dialog) = node.try_get_untracked().flatten() {
            dialog.close();
        }
    });
    let navigate = use_navigate();
    let leave = move |event: ev::Event| {
        event.prevent_default();
        navigate(&close, Default::default());
    };
    view! {
        <dialog class="confirm" open=true node_ref=node aria-labelledby="confirm-title" on:cancel=leave>
            // The question has the focus, so that no key press answers it by accident.
            <h2 id="confirm-title" tabindex="-1" autofocus=true>{title}</h2>
            {children()}
        </dialog>
    }
}
