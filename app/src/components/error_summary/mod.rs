//! What is missing or was refused: cause, next step, and a link to the field it belongs to.

use crate::erase::Erase as _;
use leptos::{html, prelude::*};
use model::ApiError;

use super::{dynamic::part, icon::Icon};

/// The id of a field's element, from the name that errors carry.
pub fn field_id(field: &str) -> String {
    format!("field-{field}")
}

/// Shows the error, if there is one, and moves the focus to it.
#[component]
pub fn ErrorSummary(
    /// The error to show.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    part(move || {
        let error = error.get()?;
        Some(view! { <Summary error/> }.erase())
    })
}

#[component]
fn Summary(error: ApiError) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if let Some(element) = node.get() {
            // Without focus the summary is still in view, being the first thing of the form.
            drop(element.focus());
        }
    });
    let cause = match &error.field {
        // The browser's own way to a fragment moves the focus too; the router's does not.
        Some(field) => view! {
            <a rel="external" href=format!("#{}", field_id(field))>{error.message}</a>
        }
        .erase(),
        None => view! { {error.message} }.erase(),
    };
    let request = (!error.request_id.is_empty()).then(|| {
        view! { <p class="error-request">"In the server's log: request " {error.request_id}</p> }
    });
    view! {
        <div class="error-summary" role="alert" tabindex="-1" node_ref=node>
            <h3><Icon name="attention"/>"This was not done"</h3>
            <p>{cause}</p>
            <p>{error.hint}</p>
            {request}
        </div>
    }
}
