//! What can be asked of several sessions at once: buttons, each with a confirmation that names the
//! VMs. What was shown is what is asked: a session that changed meanwhile is not taken along.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    ApiError,
    view::{BatchAction, BatchView},
};

use super::{api::ActOnBatch, view_model};
use crate::{
    components::{
        confirm::ConfirmDialog,
        dynamic::{part, part_if},
        error_summary::ErrorSummary,
        form::{Form, Sending},
    },
    erase::Erase as _,
    pages::session::view_model::{Weight, form_value, slug, weight},
};

/// All actions in one place.
#[component]
pub(super) fn Actions(
    /// What the live link heard last.
    newest: ReadSignal<BatchView>,
    /// What the page was read with: the sessions of what is about to be confirmed are here.
    shown: Vec<BatchAction>,
) -> impl IntoView {
    let act = Sending::to::<ActOnBatch>();
    let error = act.error();
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(|query| query.get_str("confirm").map(str::to_owned)));
    let possible = Memo::new(move |_| newest.with(|view| view.actions.clone()));
    let buttons = part(move || {
        let buttons = possible.with(|actions| actions.iter().map(button).collect_view());
        Some(buttons.erase())
    });
    view! {
        <section class="actions" aria-label="Actions">
            <div class="button-row">{buttons}</div>
        </section>
        {part(move || {
            let asked = asked.get()?;
            // As it was when the question was asked, so that the answer fits the question.
            let action = view_model::action(&shown, &asked)?.clone();
            let page = newest.with_untracked(|view| format!("/batches/{}", view.id));
            Some(view! { <Confirmation newest action page act error/> }.erase())
        })}
        {part_if(move || asked.get().is_none(), move || view! { <ErrorSummary error/> }.erase())}
    }
}

fn class(action: &BatchAction) -> &'static str {
    match weight(action.operation) {
        Weight::Danger => "button danger",
        Weight::Primary | Weight::Plain => "button",
    }
}

fn button(action: &BatchAction) -> impl IntoView + use<> {
    view! {
        <a class=class(action) href=format!("?confirm={}", slug(action.operation))>
            {view_model::verb(action)}
        </a>
    }
}

#[component]
fn Confirmation(
    newest: ReadSignal<BatchView>,
    action: BatchAction,
    page: String,
    act: Sending,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let id = newest.with_untracked(|view| view.id.to_string());
    let submit = match weight(action.operation) {
        Weight::Danger => "button danger",
        Weight::Primary | Weight::Plain => "button primary",
    };
    let (question, verb) = (view_model::question(&action), view_model::verb(&action));
    let names = view_model::names(&action);
    let sessions = action
        .asked
        .iter()
        .map(|id| view! { <input type="hidden" name="sessions[]" value=id.to_string()/> })
        .collect_view();
    view! {
        <ConfirmDialog title=question close=page.clone()>
            <ErrorSummary error/>
            <p>{action.consequence}</p>
            <p>"VMs: " {names}</p>
            <Form sending=act>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="operation" value=form_value(action.operation)/>
                {sessions}
                <div class="button-row">
                    <button type="submit" class=submit aria-busy=move || act.busy()>{verb}</button>
                    <a class="button quiet" href=page>"Leave them as they are"</a>
                </div>
            </Form>
        </ConfirmDialog>
    }
}
