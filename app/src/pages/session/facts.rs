//! Who started the session and when, what was chosen, and what undo takes.

use leptos::prelude::*;
use model::Timestamp;

use super::Newest;
use crate::{components::when::When, words};

/// The facts as a list.
#[component]
pub(super) fn Facts(newest: Newest, now: Signal<Timestamp>) -> impl IntoView {
    let summary = Memo::new(move |_| newest.with(|view| view.summary.clone()));
    let text = move |of: fn(&model::view::SessionView) -> String| {
        let value = Memo::new(move |_| newest.with(of));
        move || value.get()
    };
    let ended = move || {
        summary.get().ended_at.map(|at| {
            view! {
                <dt>"Ended"</dt>
                <dd><When at now/></dd>
            }
        })
    };
    view! {
        <section class="facts-section" aria-labelledby="facts">
            <h2 id="facts">"This session"</h2>
            <dl class="facts">
                <dt>"Started"</dt>
                <dd>
                    {move || summary.get().started_by.to_string()}
                    ", "
                    {move || view! { <When at=summary.get().started_at now/> }}
                </dd>
                {ended}
                <dt>"Replica"</dt>
                <dd>{text(|view| view.replica_name.clone())}</dd>
                <dt>"Production VM"</dt>
                <dd>{text(|view| view.production_name.clone())}</dd>
                <dt>"Destination"</dt>
                <dd>{text(|view| words::destination_title(view.destination).to_owned())}</dd>
                <dt>"Failback mode"</dt>
                <dd>{text(|view| view.mode_words.clone())}</dd>
                <dt>"Power on after switchover"</dt>
                <dd>{text(|view| if view.power_on { "Yes" } else { "No" }.to_owned())}</dd>
                <dt>"Speed limit"</dt>
                <dd>{text(|view| view.limit.map_or("none".to_owned(), |limit| limit.to_string()))}</dd>
                <dt>"Space that undo takes"</dt>
                <dd>{text(|view| view.undo_space.to_string())}</dd>
                <dt>"Undo"</dt>
                <dd>{text(|view| view.undo_until.clone())}</dd>
                <dt>"Reason"</dt>
                <dd>{text(|view| match view.reason.trim() {
                    "" => "none given".to_owned(),
                    reason => reason.to_owned(),
                })}</dd>
            </dl>
        </section>
    }
}
