//! Step Destination: the three options with what travels, what each needs, and why not.

use leptos::prelude::*;
use model::{
    Destination,
    view::{DestinationOption, DraftView, WizardStep},
};

use super::{
    Question, StepButtons, api::SaveDestination, proxies::PickProxies, quick::QuickRollback,
};
use crate::components::{
    error_summary::{ErrorSummary, field_id},
    field::{FieldNote, note_id},
    form::{Form, Sending},
};

/// The step.
#[component]
pub(super) fn DestinationStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SaveDestination>();
    let error = save.error();
    let chosen = draft.destination;
    let first = draft
        .destinations
        .iter()
        .position(|option| option.why_not.is_none());
    let cards = draft
        .destinations
        .into_iter()
        .enumerate()
        .map(|(index, option)| {
            let checked = chosen == Some(option.destination);
            card(option, checked, Some(index) == first)
        })
        .collect_view();
    view! {
        <Question step=WizardStep::Destination/>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            <fieldset class="cards" aria-describedby=note_id("destination")>
                <legend class="visually-hidden">"Destination"</legend>
                {cards}
                <FieldNote name="destination" error/>
            </fieldset>
            <QuickRollback quick=draft.quick page=draft.page/>
            <h3>"Proxies"</h3>
            <PickProxies pick=draft.proxies error/>
            <StepButtons step=WizardStep::Destination sending=save/>
        </Form>
    }
}

/// One option. The error summary leads to the first that can be chosen.
fn card(option: DestinationOption, checked: bool, first: bool) -> impl IntoView {
    let value = form_value(option.destination);
    let id = if first {
        field_id("destination")
    } else {
        format!("destination-{value}")
    };
    let disabled = option.why_not.is_some();
    let why_not = option.why_not.map(|reason| {
        view! { <span class="why-not">"Not possible: " {reason}</span> }
    });
    view! {
        <div class="card" class:off=disabled>
            <input
                type="radio"
                name="destination"
                value=value
                id=id.clone()
                checked=checked
                disabled=disabled
            />
            <label for=id>
                <strong>{option.title}</strong>
                <span><b>"Travels: "</b>{option.transfers}</span>
                <span><b>"Needs: "</b>{option.needs}</span>
                {why_not}
            </label>
        </div>
    }
}

/// As `serde` reads a destination from a form.
const fn form_value(destination: Destination) -> &'static str {
    match destination {
        Destination::OriginalVm => "original_vm",
        Destination::RecoveredVm => "recovered_vm",
        Destination::SpecifiedLocation => "specified_location",
    }
}
