//! From a batch's answer to what its page shows.

use model::{Operation, view::BatchAction};

use crate::{pages::session::view_model::slug, words};

/// What a button does, with how many sessions it does it to.
pub fn verb(action: &BatchAction) -> String {
    let verb = if action.operation == Operation::Cancel {
        "Cancel"
    } else {
        words::operation_verb(action.operation)
    };
    format!("{verb}: {}", words::counted(action.count, "session"))
}

/// The question of a confirmation.
pub fn question(action: &BatchAction) -> String {
    format!("{}?", verb(action))
}

/// The VMs that a confirmation is about: by name, and how many more.
pub fn names(action: &BatchAction) -> String {
    let named = action.names.join(", ");
    match action.count.checked_sub(action.names.len()) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}

/// The action of a confirmation's address, once its sessions are known.
pub fn action<'a>(shown: &'a [BatchAction], asked: &str) -> Option<&'a BatchAction> {
    shown
        .iter()
        .find(|action| slug(action.operation) == asked && !action.asked.is_empty())
}

#[cfg(test)]
mod tests;
