//! Who started the session and when, what was chosen, and what undo takes.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{Timestamp, view::SessionView};

use super::Newest;
use crate::components::{
    dynamic::{part, text},
    when::When,
};

/// The facts as a list.
#[component]
pub(super) fn Facts(newest: Newest, now: Signal<Timestamp>) -> impl IntoView {
    let summary = Memo::new(move |_| newest.with(|view| view.summary.clone()));
    let fact = move |of: fn(&SessionView) -> String| {
        let value = Memo::new(move |_| newest.with(of));
        text(move || value.get())
    };
    let started = summary.with_untracked(|summary| summary.started_at);
    let batch = summary.with_untracked(|summary| format!("/batches/{}", summary.batch));
    let ended = part(move || {
        let at = summary.get().ended_at?;
        let ended = view! {
            <dt>"Ended"</dt>
            <dd><When at now/></dd>
        };
        Some(ended.erase())
    });
    view! {
        <section class="facts-section" aria-labelledby="facts">
            <h2 id="facts">"This session"</h2>
            <dl class="facts">
                <dt>"Started"</dt>
                <dd>
                    {fact(|view| view.summary.started_by.to_string())}
                    ", "
                    <When at=started now/>
                </dd>
                {ended}
                <dt>"Started with"</dt>
                <dd><a href=batch>"All sessions of its batch"</a></dd>
                <dt>"Replica"</dt>
                <dd>{fact(|view| view.replica_name.clone())}</dd>
                <dt>"Production VM"</dt>
                <dd>{fact(|view| view.production_name.clone())}</dd>
                <dt>"Destination"</dt>
                <dd>{fact(|view| view.destination.title().to_owned())}</dd>
                <dt>"Failback mode"</dt>
                <dd>{fact(|view| view.mode_words.clone())}</dd>
                <dt>"Power on after switchover"</dt>
                <dd>{fact(|view| if view.power_on { "Yes" } else { "No" }.to_owned())}</dd>
                <dt>"Speed limit"</dt>
                <dd>{fact(|view| view.limit.map_or("none".to_owned(), |limit| limit.to_string()))}</dd>
                <dt>"Space that undo takes"</dt>
                <dd>{fact(|view| view.undo_space.to_string())}</dd>
                <dt>"Undo"</dt>
                <dd>{fact(|view| view.undo_until.clone())}</dd>
                <dt>"Reason"</dt>
                <dd>{fact(|view| match view.reason.trim() {
                    "" => "none given".to_owned(),
                    reason => reason.to_owned(),
                })}</dd>
            </dl>
        </section>
    }
}
