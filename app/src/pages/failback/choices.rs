//! What was chosen so far, beside the step; and what is shown once the draft was finished.

use leptos::prelude::*;
use model::{
    Destination,
    view::{DraftView, FinishReply, WizardStep},
};

use super::view_model;
use crate::{components::icon::Icon, words};

/// Sessions of a finished draft that are linked; the batch has all.
const LINKS: usize = 20;

/// The choices of the steps, each with the way back to it.
#[component]
pub(super) fn Choices(draft: DraftView, step: WizardStep) -> impl IntoView {
    let replicas = view_model::chosen_words(&draft);
    let destination = draft
        .destination
        .map_or("not chosen yet", Destination::title);
    let open = draft.finished.is_none();
    let targets = (draft.destination == Some(Destination::RecoveredVm))
        .then(|| view_model::targets_words(&draft));
    let places = view_model::places_words(&draft);
    let DraftView {
        id,
        mode,
        mode_words,
        proxies,
        ..
    } = draft;
    let notes = proxies.refused.into_iter().chain(proxies.warnings);
    let notes = notes
        .map(|note| view! { <p class="why-not"><Icon name="waiting"/>{note}</p> })
        .collect_view();
    let mode = mode.map_or_else(|| "not chosen yet".to_owned(), |_| mode_words);
    let change = |target: WizardStep| {
        let offered = step > target && open;
        offered.then(|| {
            view! {
                " "
                <a href=view_model::step_href(&id, target)>
                    "Change" <span class="visually-hidden">" " {target.title()}</span>
                </a>
            }
        })
    };
    view! {
        <aside class="choices-so-far" aria-label="Choices so far">
            <h2>"Choices so far"</h2>
            <dl>
                <dt>"Replicas"</dt>
                <dd>{replicas} {change(WizardStep::Replica)}</dd>
                <dt>"Destination"</dt>
                <dd>{destination} {change(WizardStep::Destination)}</dd>
                <dt>"Proxies"</dt>
                <dd>{proxies.words} {notes}</dd>
                {targets.map(|words| view! {
                    <dt>"Target VM"</dt>
                    <dd>{words} {change(WizardStep::TargetVm)}</dd>
                })}
                {places.into_iter().map(|(step, words)| view! {
                    <dt>{step.title()}</dt>
                    <dd>{words} {change(step)}</dd>
                }).collect_view()}
                <dt>"Failback mode"</dt>
                <dd>{mode} {change(WizardStep::FailbackMode)}</dd>
            </dl>
        </aside>
    }
}

/// In place of every step once Finish was pressed.
#[component]
pub(super) fn Finished(reply: FinishReply) -> impl IntoView {
    let count = words::counted(reply.sessions.len(), "session");
    let batch = (reply.sessions.len() > 1).then(|| {
        view! { <p><a href=format!("/batches/{}", reply.batch)>"All sessions of this batch"</a></p> }
    });
    let links = reply
        .sessions
        .into_iter()
        .take(LINKS)
        .enumerate()
        .map(|(index, session)| {
            view! {
                <li><a href=format!("/sessions/{session}")>{format!("Session {}", index + 1)}</a></li>
            }
        })
        .collect_view();
    view! {
        <h2 class="question">"This failback was started"</h2>
        <p>{format!("Finish started {count}. The wizard's choices can no longer be changed.")}</p>
        {batch}
        <ul>{links}</ul>
        <p><a class="button" href="/">"Go to the start page"</a></p>
    }
}
