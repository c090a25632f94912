//! What server functions share on the server: who calls, where a form leads, and the HTTP status.

use http::{HeaderValue, Method, StatusCode, header::ACCEPT, request::Parts};
use leptos::prelude::{expect_context, use_context};
use leptos_axum::ResponseOptions;
use model::{Actor, ApiError, ErrorKind};
use service::Service;

use crate::error::{Answer, AppError};

/// The use cases and on whose behalf they are called, as the server gave them to this request.
pub(crate) fn caller() -> (Service, Actor) {
    (expect_context::<Service>(), expect_context::<Actor>())
}

/// Answers with the status that an error means, where the answer is not a form's way back.
pub(crate) fn answer<T>(result: Result<T, ApiError>) -> Answer<T> {
    result.map_err(|error| {
        if let Some(response) = use_context::<ResponseOptions>()
            && !is_plain_form_post()
        {
            response.set_status(status(error.kind));
        }
        AppError(error)
    })
}

/// Leads the browser to a page of ours after a form, with and without scripts.
pub(crate) fn lead_to(path: &str) {
    // A path with bytes that no header may carry was made by nobody who follows our links.
    let safe = path.starts_with('/') && HeaderValue::from_str(path).is_ok();
    leptos_axum::redirect(if safe { path } else { "/" });
}

/// A form sent by the browser itself goes back to its page, and the error with it.
fn is_plain_form_post() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        parts.method == Method::POST
            && parts
                .headers
                .get(ACCEPT)
                .and_then(|accept| accept.to_str().ok())
                .is_some_and(|accept| accept.contains("text/html"))
    })
}

const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
