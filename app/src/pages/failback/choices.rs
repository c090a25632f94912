//! What was chosen so far, beside the step; and what is shown once the draft was finished.

use leptos::prelude::*;
use model::{
    Destination,
    view::{DraftView, FinishReply, WizardStep},
};

use super::view_model;
use crate::{components::icon::Icon, words};

/// The choices of the steps, each with the way back to it.
#[component]
pub(super) fn Choices(draft: DraftView, step: WizardStep) -> impl IntoView {
    let names = view_model::chosen_names(&draft);
    let replicas = match names.len() {
        0 => "none yet".to_owned(),
        count if count > 5 => format!(
            "{}: {}, and more",
            words::counted(count, "VM"),
            names[..5].join(", ")
        ),
        _ => names.join(", "),
    };
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
    let links = reply
        .sessions
        .into_iter()
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
        <ul>{links}</ul>
        <p><a class="button" href="/">"Go to the start page"</a></p>
    }
}
