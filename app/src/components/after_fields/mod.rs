//! The choices of what happens by itself around the switchover: catch-up passes before it, and a
//! timer with its health gates after it.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{ApiError, view::TimerInput};

use super::{
    error_summary::field_id,
    field::{Field, FieldNote, note_id},
    radio_card::radio_card,
};

/// The time between catch-up passes.
#[component]
pub fn CatchUpField(
    /// What was typed before.
    value: String,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    view! {
        <Field
            name="catch_up"
            label="Catch-up passes while it waits, minutes apart"
            hint="Each sends what the replica wrote since the last one, so that the switchover is short. \
                  90 s or 2 h will do too; 0 is off; 15 when empty."
            error
        >
            <input
                type="text"
                name="catch_up"
                id=field_id("catch_up")
                value=value
                aria-describedby=note_id("catch_up")
            />
        </Field>
    }
    .erase()
}

/// The fields of [`TimerInput`], under its names.
#[component]
pub fn TimerFields(
    /// What was typed before.
    input: TimerInput,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let TimerInput {
        timer,
        timer_after,
        gates,
        undo_consent,
    } = input;
    let timer = if timer.is_empty() {
        "none".to_owned()
    } else {
        timer
    };
    let card = move |value: &'static str, title: &'static str, text: &'static str| {
        radio_card(
            "timer",
            value,
            (title, text),
            timer == value,
            value == "none",
        )
    };
    view! {
        <fieldset class="cards" aria-describedby=note_id("timer")>
            <legend>"What follows the switchover by itself"</legend>
            {card("none", "Nothing", "It waits until you commit or undo.")}
            {card(
                "commit",
                "Commit",
                "After the time below, if every health gate is green then. If one fails, it asks you.",
            )}
            {card(
                "undo",
                "Undo",
                "Once a health gate has failed for the time below without a break.",
            )}
            <div class="timer">
                <Field
                    name="timer_after"
                    label="How long, in minutes"
                    hint="90 s or 2 h will do too. Commit counts from the switchover."
                    error
                >
                    <input
                        type="text"
                        name="timer_after"
                        id=field_id("timer_after")
                        value=timer_after
                        aria-describedby=note_id("timer_after")
                    />
                </Field>
                <Field
                    name="gates"
                    label="Health gates, one a line"
                    hint="tcp://host:port takes a connection; http://host/path answers with 200 to 399."
                    error
                >
                    <textarea
                        name="gates"
                        id=field_id("gates")
                        rows="3"
                        spellcheck="false"
                        aria-describedby=note_id("gates")
                    >
                        {gates}
                    </textarea>
                </Field>
                <div class="consent">
                    <div class="choice">
                        <input
                            type="checkbox"
                            name="undo_consent"
                            value="true"
                            id=field_id("undo_consent")
                            checked=undo_consent
                            aria-describedby=note_id("undo_consent")
                        />
                        <label for=field_id("undo_consent")>
                            "I agree that it undoes by itself: what was written to the production VM "
                            "since the switchover is lost then"
                        </label>
                    </div>
                    <FieldNote name="undo_consent" error/>
                </div>
            </div>
            <FieldNote name="timer" error/>
        </fieldset>
    }
    .erase()
}
