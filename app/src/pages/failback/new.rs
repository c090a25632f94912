//! The door to the wizard, for those who come by its address: a draft is begun by a form, not by a link.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::{
        error_summary::ErrorSummary,
        form::{Form, Sending},
    },
    pages::start::api::CreateDraft,
};

/// Offers to begin a draft.
#[component]
pub fn NewFailback() -> impl IntoView {
    let create = Sending::to::<CreateDraft>();
    view! {
        <Title text="Start a failback"/>
        <header class="page-head">
            <h1>"Start a failback"</h1>
        </header>
        <ErrorSummary error=create.error()/>
        <p>
            "The wizard asks which replicas return to production, where to, and when. Nothing is "
            "written before Finish."
        </p>
        <Form sending=create>
            <button type="submit" class="button primary">"Start a failback"</button>
            " "
            <a class="button quiet" href="/">"Back to the start page"</a>
        </Form>
    }
}
