//! A form: sent by the browser itself where there are no scripts, and without leaving the page where
//! there are.

mod types;

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

pub use types::Sending;

use crate::browser::post;

/// A form that sends its fields to a server function.
#[component]
pub fn Form(
    /// Where to, and what came of it.
    sending: Sending,
    /// The fields and buttons.
    children: Children,
) -> impl IntoView {
    let send = sending.sender();
    let submit = move |event: SubmitEvent| {
        if let Some(fields) = post::fields(&event) {
            event.prevent_default();
            spawn_local(send(fields));
        }
    };
    view! {
        <form action=sending.path() method="post" on:submit=submit>
            {children()}
        </form>
    }
}
