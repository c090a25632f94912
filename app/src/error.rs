//! The error of every server function: [`ApiError`] in a type of our own, as Leptos needs it.

use std::str;

use leptos::server_fn::{
    Bytes, ContentType, Decodes, Encodes, Format, FormatType,
    codec::Post,
    error::{FromServerFnError, ServerFnErrorErr},
};
use model::{ApiError, ErrorKind};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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

/// JSON that is read as text, as everything else in the browser is: one parser is compiled, not two.
#[derive(Debug)]
pub struct JsonText;

/// The encoding of answers.
pub type Json = Post<JsonText>;

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(output: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(output).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        // Bytes that are no text are no JSON either.
        serde_json::from_str(str::from_utf8(&bytes).unwrap_or_default())
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonText;

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
