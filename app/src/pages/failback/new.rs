//! The door to the wizard, for those who come by its address: a draft is begun by a form, not by a link.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::error_summary::{ErrorSummary, form_error},
    pages::start::api::CreateDraft,
};

/// Offers to begin a draft.
#[component]
pub fn NewFailback() -> impl IntoView {
    let create = ServerAction::<CreateDraft>::new();
    view! {
        <Title text="Start a failback"/>
        <header class="page-head">
            <h1>"Start a failback"</h1>
        </header>
        <ErrorSummary error=form_error(create)/>
        <p>
            "The wizard asks which replicas return to production, where to, and when. Nothing is "
            "written before Finish."
        </p>
        <ActionForm action=create>
            <button type="submit" class="button primary">"Start a failback"</button>
            " "
            <a class="button quiet" href="/">"Back to the start page"</a>
        </ActionForm>
    }
}
