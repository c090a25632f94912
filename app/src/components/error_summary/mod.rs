//! What is missing or was refused: cause, next step, and a link to the field it belongs to.

use leptos::{
    html,
    prelude::*,
    server_fn::{ServerFn, error::ServerFnUrlError},
};
use leptos_router::hooks::use_query_map;
use model::ApiError;

use super::icon::Icon;
use crate::error::AppError;

/// The error of a form's newest sending: of this page's own, or, before hydration, of the address.
///
/// A form that the browser sends by itself comes back to its page with the error in the query.
pub fn form_error<S>(action: ServerAction<S>) -> Signal<Option<ApiError>>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let query = use_query_map();
    Signal::derive(move || {
        if action.version().get() > 0 {
            return action.value().get()?.err().map(|error| error.0);
        }
        query.with(|query| {
            let path = query.get_str("__path")?;
            let error = query.get_str("__err")?;
            (path == S::PATH).then(|| decode::<S>(error))
        })
    })
}

fn decode<S>(error: &str) -> ApiError
where
    S: ServerFn<Error = AppError>,
{
    ServerFnUrlError::<S::Error>::decode_err(error).0
}

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
    move || error.get().map(|error| view! { <Summary error/> })
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
        .into_any(),
        None => view! { {error.message} }.into_any(),
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
