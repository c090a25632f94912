//! A form field: label, control, hint and error, tied together for assistive technology.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::ApiError;

use super::{dynamic::part, error_summary::field_id};

/// The id of the text that describes a field.
pub fn note_id(field: &str) -> String {
    format!("{}-note", field_id(field))
}

/// What a field's error says, where the newest error belongs to this field.
pub fn error_of(
    error: Signal<Option<ApiError>>,
    field: impl Into<String>,
) -> Signal<Option<String>> {
    let field = field.into();
    Signal::derive(move || {
        error.with(|error| {
            let error = error.as_ref()?;
            (error.field.as_deref() == Some(field.as_str())).then(|| error.message.clone())
        })
    })
}

/// A labelled field. Its control, the child, has the id of [`field_id`] and is described by
/// [`note_id`].
#[component]
pub fn Field(
    /// The name that the form sends and errors carry.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// What to type.
    #[prop(optional)]
    hint: &'static str,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
    /// The control.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=field_id(name)>{label}</label>
            {children()}
            <FieldNote name hint error/>
        </div>
    }
}

/// The hint and the error of a field or of a group of them.
#[component]
pub fn FieldNote(
    /// The field.
    #[prop(into)]
    name: String,
    /// What to type.
    #[prop(optional)]
    hint: &'static str,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let id = note_id(&name);
    let message = error_of(error, name);
    view! {
        <p class="field-note" id=id>
            {hint}
            {part(move || {
                let message = message.get()?;
                Some(view! { <strong class="field-error">{message}</strong> }.erase())
            })}
        </p>
    }
}
