//! The one error that crosses the edge to a browser or an API client.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

/// What kind of refusal or failure this is; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request cannot be understood or breaks a rule of its form.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// The state does not allow it.
    Conflict,
    /// Somebody or something else must act or recover first; trying again later may help.
    Unavailable,
    /// A fault of Landfall; the log has the cause under the request id.
    Internal,
}

/// A refusal or failure in words: cause, next step, and where to find it in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What kind it is.
    pub kind: ErrorKind,
    /// The cause, as a sentence.
    pub message: String,
    /// The next step, as a sentence.
    pub hint: String,
    /// The form field it belongs to, where it belongs to one.
    pub field: Option<String>,
    /// Names the request in the log; empty where there was none.
    pub request_id: String,
}

impl ApiError {
    /// An error of a kind, with its cause and the next step.
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
            field: None,
            request_id: String::new(),
        }
    }

    /// The same error, belonging to a form field.
    #[must_use]
    pub fn on_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.message, self.hint)
    }
}

impl Error for ApiError {}

/// An error with its causes, each after a colon, in one line.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
