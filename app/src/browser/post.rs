//! Sends a form to its server function as the browser would, without leaving the page.
//!
//! One function for all forms: what a form holds is known to the server function alone, so nothing of
//! it is compiled into the browser's half.

use leptos::{prelude::*, server_fn::redirect::REDIRECT_HEADER};
use model::{ApiError, ErrorKind};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    FormData, HtmlButtonElement, HtmlFormElement, RequestInit, Response, SubmitEvent,
    UrlSearchParams,
};

/// What came of a form that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Where it leads, where it leads anywhere.
    pub leads_to: Option<String>,
}

/// The form of an event and its fields, with the button that was pressed.
pub fn fields(event: &SubmitEvent) -> Option<UrlSearchParams> {
    let form = event.target()?.dyn_into::<HtmlFormElement>().ok()?;
    let data = FormData::new_with_form(&form).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
    if let Some(button) = pressed(event) {
        fields.append(&button.name(), &button.value());
    }
    Some(fields)
}

fn pressed(event: &SubmitEvent) -> Option<HtmlButtonElement> {
    let button = event.submitter()?.dyn_into::<HtmlButtonElement>().ok()?;
    (!button.name().is_empty()).then_some(button)
}

/// Sends fields to a server function.
pub async fn send(path: &str, fields: UrlSearchParams) -> Result<Done, ApiError> {
    let response = fetch(path, &fields)
        .await
        .map_err(|_| unreachable_server())?;
    if response.ok() {
        return Ok(Done {
            leads_to: leads_to(&response),
        });
    }
    Err(refusal(&response).await.unwrap_or_else(unreadable_answer))
}

async fn fetch(path: &str, fields: &UrlSearchParams) -> Result<Response, JsValue> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(fields);
    let response = window().fetch_with_str_and_init(path, &init).await?;
    response.dyn_into()
}

fn leads_to(response: &Response) -> Option<String> {
    let headers = response.headers();
    headers.get(REDIRECT_HEADER).ok()??;
    headers.get("location").ok()?
}

async fn refusal(response: &Response) -> Option<ApiError> {
    let text = response.text().ok()?.await.ok()?.as_string()?;
    serde_json::from_str(&text).ok()
}

fn unreachable_server() -> ApiError {
    ApiError::new(
        ErrorKind::Unavailable,
        "The console's server could not be reached.",
        "Check that it runs and that this machine is connected, then try again.",
    )
}

fn unreadable_answer() -> ApiError {
    ApiError::new(
        ErrorKind::Internal,
        "The server refused without a reason that can be shown.",
        "Load the page again to see whether it was done; the server's log has the cause.",
    )
}
