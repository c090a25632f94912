//! The error of every server function: [`ApiError`] in a type of our own, as Leptos needs it.

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use model::{ApiError, ErrorKind};
use serde::{Deserialize, Serialize};

/// What a server function refuses with. On the wire it is the [`ApiError`] as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppError(pub ApiError);

/// The answer of every server function.
pub type Answer<T> = Result<T, AppError>;

impl From<ApiError> for AppError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    /// Says in words what went wrong on the way. Details of the protocol help no operator.
    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        let error = match value {
            ServerFnErrorErr::Request(_) => ApiError::new(
                ErrorKind::Unavailable,
                "The console's server could not be reached.",
                "Check that it runs and that this machine is connected, then try again.",
            ),
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_) => ApiError::new(
                ErrorKind::Invalid,
                "The form was not complete, so nothing was done.",
                "Load the page again and fill in the form once more.",
            ),
            ServerFnErrorErr::Deserialization(_) => ApiError::new(
                ErrorKind::Unavailable,
                "The server's answer could not be read.",
                "The server may have been updated: load the page again.",
            ),
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::Response(_) => ApiError::new(
                ErrorKind::Internal,
                "The server could not answer.",
                "Try again; if it stays, its log has the cause.",
            ),
        };
        Self(error)
    }
}
