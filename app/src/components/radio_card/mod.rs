//! One of several options that need a sentence each: a radio button with a title and what it means.

use leptos::prelude::*;

use super::error_summary::field_id;
use crate::erase::Erase as _;

/// An option of the group `name`. The error summary leads to the one that is `first`.
pub fn radio_card(
    name: &'static str,
    value: &'static str,
    (title, text): (&'static str, &'static str),
    checked: bool,
    first: bool,
) -> AnyView {
    let id = if first {
        field_id(name)
    } else {
        format!("{name}-{value}")
    };
    view! {
        <div class="card">
            <input type="radio" name=name value=value id=id.clone() checked=checked/>
            <label for=id>
                <strong>{title}</strong>
                <span>{text}</span>
            </label>
        </div>
    }
    .erase()
}
