//! Parts of a view that change, in two types.
//!
//! Each closure in a view has a type of its own, and all that renders, hydrates and rebuilds it would be
//! compiled for it alone. These two types are compiled once, which keeps the browser's half small.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;

/// A text that changes.
pub type Text = Arc<Mutex<dyn FnMut() -> String + Send>>;

/// A part that changes or is absent at times.
pub type Part = Arc<Mutex<dyn FnMut() -> Option<AnyView> + Send>>;

/// A text that changes.
pub fn text(of: impl Fn() -> String + Send + 'static) -> Text {
    Arc::new(Mutex::new(of))
}

/// A part that changes or is absent at times.
pub fn part(of: impl Fn() -> Option<AnyView> + Send + 'static) -> Part {
    Arc::new(Mutex::new(of))
}

/// A part that is there while a condition holds; it is made anew only when the condition changes.
pub fn part_if(
    condition: impl Fn() -> bool + Send + Sync + 'static,
    of: impl Fn() -> AnyView + Send + 'static,
) -> Part {
    let holds = Memo::new(move |_| condition());
    part(move || holds.get().then(&of))
}
