//! Between plain types and columns: JSON with its format number, words, counts and fresh ids.

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::StoreError;

/// A fresh id: `UUIDv7` as text, so that ids sort by the time they were made.
#[must_use]
pub fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

/// A structure as JSON.
pub(crate) fn to_json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Encode { what, source })
}

/// A structure from JSON of a format that is known.
pub(crate) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
    found: i64,
    known: i64,
) -> Result<T, StoreError> {
    if found > known {
        return Err(StoreError::NewerFormat { what, found, known });
    }
    serde_json::from_str(text).map_err(|source| StoreError::Decode { what, source })
}

/// An enum without data as its one word: what its JSON has between quotes.
pub(crate) fn to_word(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    Ok(to_json(what, value)?.trim_matches('"').to_owned())
}

/// An enum without data from its one word.
pub(crate) fn from_word<T: DeserializeOwned>(
    what: &'static str,
    word: String,
) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word))
        .map_err(|source| StoreError::Decode { what, source })
}

/// A count as a column has it. Counts of bytes end far below the limit.
pub(crate) fn to_column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a column; nothing that was stored is below nothing.
pub(crate) fn from_column(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}
