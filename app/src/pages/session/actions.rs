//! What may be done with the session: buttons, each with a confirmation in words.
//!
//! A confirmation is an address (`?confirm=commit`), so it works without scripts and outlives a reload.

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{ApiError, Operation};

use super::{
    Newest,
    api::Act,
    view_model::{self, Weight},
};
use crate::{
    components::{
        after_fields::{CatchUpField, TimerFields},
        confirm::ConfirmDialog,
        dynamic::{part, part_if, text},
        error_summary::{ErrorSummary, field_id},
        field::{Field, note_id},
        form::{Form, Sending},
        mode_fields::ModeFields,
    },
    words,
};

/// All actions in one place.
#[component]
pub(super) fn Actions(newest: Newest) -> impl IntoView {
    let act = Sending::to::<Act>();
    let error = act.error();
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| query.get_str("confirm").and_then(view_model::from_slug))
    });
    let possible = Memo::new(move |_| newest.with(view_model::possible));
    let buttons = part(move || {
        Some(
            possible
                .get()
                .into_iter()
                .map(button)
                .collect_view()
                .erase(),
        )
    });
    view! {
        <section class="actions" aria-label="Actions">
            <div class="button-row">{buttons}</div>
            <Impossible newest/>
        </section>
        {part(move || {
            let operation = asked.get()?;
            Some(view! { <Confirmation newest operation act error/> }.erase())
        })}
        // An error outlives its confirmation, for instance when the session went on meanwhile.
        {part_if(move || asked.get().is_none(), move || view! { <ErrorSummary error/> }.erase())}
    }
}

fn button(operation: Operation) -> impl IntoView {
    let class = match view_model::weight(operation) {
        Weight::Primary => "button primary",
        Weight::Plain => "button",
        Weight::Danger => "button danger",
    };
    view! {
        <a class=class href=format!("?confirm={}", view_model::slug(operation))>
            {words::operation_verb(operation)}
        </a>
    }
}

/// What cannot be done now, and why not.
#[component]
fn Impossible(newest: Newest) -> impl IntoView {
    let impossible = Memo::new(move |_| newest.with(view_model::impossible));
    part(move || {
        let list = impossible.get();
        if list.is_empty() {
            return None;
        }
        let list = list
            .into_iter()
            .map(|(operation, why)| {
                view! {
                    <dt>{words::operation_verb(operation)}</dt>
                    <dd>{why}</dd>
                }
            })
            .collect_view();
        let list = view! {
            <details class="not-now">
                <summary>"Not possible now"</summary>
                <dl>{list}</dl>
            </details>
        };
        Some(list.erase())
    })
}

/// The question, the consequence, the fields that the operation needs, and the button.
#[component]
fn Confirmation(
    newest: Newest,
    operation: Operation,
    act: Sending,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let (id, vm) =
        newest.with_untracked(|view| (view.summary.id.clone(), view.summary.vm_name.clone()));
    let page = format!("/sessions/{id}");
    let consequence =
        Memo::new(move |_| newest.with(|view| view_model::consequence(view, operation)));
    let why_not = Memo::new(move |_| newest.with(|view| view_model::why_not(view, operation)));
    let fields = fields(newest, operation, error);
    let submit = match view_model::weight(operation) {
        Weight::Danger => "button danger",
        Weight::Primary | Weight::Plain => "button primary",
    };
    let keep = match operation {
        Operation::Cancel => "Go on with the failback",
        Operation::StartFailback
        | Operation::Pause
        | Operation::Resume
        | Operation::SwitchNow
        | Operation::ChangeMode
        | Operation::CatchUp
        | Operation::Commit
        | Operation::Undo
        | Operation::Retry
        | Operation::LeaveUnreadable
        | Operation::SetTimer
        | Operation::SetCatchUp
        | Operation::SetLimit => "Leave it as it is",
    };
    view! {
        <ConfirmDialog title=view_model::question(operation, &vm) close=page.clone()>
            <ErrorSummary error/>
            <p>{text(move || consequence.get().unwrap_or_default())}</p>
            {part(move || {
                let reason = why_not.get()?;
                Some(view! { <p class="why-not">"Not possible now: " {reason}</p> }.erase())
            })}
            <Form sending=act>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="operation" value=view_model::form_value(operation)/>
                {fields}
                <div class="button-row">
                    <button
                        type="submit"
                        class=submit
                        aria-busy=move || act.busy()
                    >
                        {words::operation_verb(operation)}
                    </button>
                    <a class="button quiet" href=page.clone()>{keep}</a>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

fn fields(
    newest: Newest,
    operation: Operation,
    error: Signal<Option<ApiError>>,
) -> Option<AnyView> {
    match operation {
        Operation::ChangeMode => {
            let input = newest.with_untracked(view_model::mode_input);
            Some(view! { <ModeFields input zones=Vec::new() error/> }.erase())
        }
        Operation::SetTimer => {
            let input = newest.with_untracked(|view| view.after.timer_input.clone());
            Some(view! { <TimerFields input error/> }.erase())
        }
        Operation::SetCatchUp => {
            let value = newest.with_untracked(|view| view.after.catch_up_input.clone());
            Some(view! { <CatchUpField value error/> }.erase())
        }
        Operation::SetLimit => {
            let limit = newest.with_untracked(view_model::limit_mib);
            Some(
                view! {
                    <Field
                        name="limit_mib"
                        label="MiB per second"
                        hint="0 or empty is no limit. It takes effect at once."
                        error
                    >
                        <input
                            type="number"
                            min="0"
                            inputmode="numeric"
                            name="limit_mib"
                            id=field_id("limit_mib")
                            value=limit
                            aria-describedby=note_id("limit_mib")
                        />
                    </Field>
                }
                .erase(),
            )
        }
        Operation::StartFailback
        | Operation::Pause
        | Operation::Resume
        | Operation::Cancel
        | Operation::SwitchNow
        | Operation::CatchUp
        | Operation::Commit
        | Operation::Undo
        | Operation::Retry
        | Operation::LeaveUnreadable => None,
    }
}
