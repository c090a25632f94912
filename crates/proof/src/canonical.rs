//! The one spelling of a JSON value: members sorted by name, no white space, integers only.
//!
//! For what certificates hold this is the JSON Canonicalization Scheme of RFC 8785: names are
//! ASCII, so that byte order is its order, and there are no fractions.

use serde::Serialize;
use serde_json::Value;

/// Spells a value.
///
/// # Errors
/// When it cannot be JSON.
pub fn canonical(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    let mut text = String::new();
    put(&value, &mut text)?;
    Ok(text)
}

fn put(value: &Value, text: &mut String) -> Result<(), serde_json::Error> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&serde_json::to_string(value)?);
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                put(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            // The order of the map is up to the crate's features.
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::to_string(name)?);
                text.push(':');
                put(&members[name], text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}
