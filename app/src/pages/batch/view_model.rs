//! From a batch's answer to what its page shows.

use model::{
    Operation,
    view::{BatchAction, BatchView},
};

use crate::{pages::session::view_model::slug, words};

/// Names of VMs in a confirmation before the rest is counted.
const NAMES: usize = 12;

/// What a button does, with how many sessions it does it to.
pub fn verb(action: &BatchAction) -> String {
    let verb = if action.operation == Operation::Cancel {
        "Cancel"
    } else {
        words::operation_verb(action.operation)
    };
    format!(
        "{verb}: {}",
        words::counted(action.sessions.len(), "session")
    )
}

/// The question of a confirmation.
pub fn question(action: &BatchAction) -> String {
    format!("{}?", verb(action))
}

/// The VMs that a confirmation is about: by name, and how many more.
pub fn names(action: &BatchAction) -> String {
    let named: Vec<_> = action
        .sessions
        .iter()
        .take(NAMES)
        .map(|(_, name)| name.as_str())
        .collect();
    let named = named.join(", ");
    match action.sessions.len().checked_sub(NAMES) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}

/// The action of a confirmation's address.
pub fn action<'a>(view: &'a BatchView, asked: &str) -> Option<&'a BatchAction> {
    view.actions
        .iter()
        .find(|action| slug(action.operation) == asked)
}

#[cfg(test)]
mod tests;
