//! The choice of the failback mode: Auto, Scheduled with its time, Manual.

use crate::erase::Erase as _;
use leptos::{either::Either, html, prelude::*};
use model::{ApiError, view::ModeInput};

use super::{
    dynamic::part_if,
    error_summary::field_id,
    field::{Field, FieldNote, error_of, note_id},
    radio_card::radio_card,
};
use crate::browser;

/// The fields of [`ModeInput`], under its names.
#[component]
pub fn ModeFields(
    /// What was typed before.
    input: ModeInput,
    /// The zones that can be chosen; none lets the zone be typed.
    zones: Vec<String>,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let chosen = input.mode.clone();
    let card = move |value: &'static str, title: &'static str, text: &'static str| {
        radio_card(
            "mode",
            value,
            (title, text),
            chosen == value,
            value == "auto",
        )
    };
    view! {
        <fieldset class="cards" aria-describedby=note_id("mode")>
            <legend class="visually-hidden">"Failback mode"</legend>
            {card(
                "auto",
                "Auto",
                "Switches over by itself as soon as the production VM is up to date.",
            )}
            {card(
                "scheduled",
                "Scheduled",
                "Brings the production VM up to date and switches over at the time that you choose.",
            )}
            <ScheduleFields input zones error/>
            {card(
                "manual",
                "Manual",
                "Brings the production VM up to date and waits until you switch over.",
            )}
            <FieldNote name="mode" error/>
        </fieldset>
    }
}

#[component]
fn ScheduleFields(
    input: ModeInput,
    zones: Vec<String>,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let ModeInput {
        at,
        zone,
        not_later_minutes,
        which,
        ..
    } = input;
    view! {
        <div class="schedule">
            <Field name="at" label="Date and time" error hint="In the time zone below.">
                <input
                    type="datetime-local"
                    name="at"
                    id=field_id("at")
                    value=at
                    aria-describedby=note_id("at")
                />
            </Field>
            <Field name="zone" label="Time zone" error>
                <ZoneInput name="zone" zone zones/>
            </Field>
            <Field
                name="not_later_minutes"
                label="Not later than, minutes after that time"
                hint="Past this limit it waits for you instead of switching over by itself. 60 when empty."
                error
            >
                <input
                    type="number"
                    min="0"
                    max="10080"
                    inputmode="numeric"
                    name="not_later_minutes"
                    id=field_id("not_later_minutes")
                    value=not_later_minutes
                    aria-describedby=note_id("not_later_minutes")
                />
            </Field>
            <WhichOfTwo which error/>
        </div>
    }
}

/// The zone, beginning with the browser's own where none was chosen yet.
#[component]
pub fn ZoneInput(
    /// The field.
    name: &'static str,
    /// What was chosen before.
    zone: String,
    /// The zones that can be chosen; none lets the zone be typed.
    zones: Vec<String>,
) -> impl IntoView {
    let untouched = zone.is_empty();
    if zones.is_empty() {
        let node = NodeRef::<html::Input>::new();
        Effect::new(move || {
            if let (true, Some(input), Some(zone)) = (untouched, node.get(), browser::zone()) {
                input.set_value(&zone);
            }
        });
        return Either::Left(view! {
            <input
                type="text"
                name=name
                id=field_id(name)
                node_ref=node
                value=zone
                placeholder="Europe/Berlin"
                aria-describedby=note_id(name)
            />
        });
    }
    let node = NodeRef::<html::Select>::new();
    Effect::new(move || {
        if let (true, Some(select), Some(zone)) = (untouched, node.get(), browser::zone()) {
            let first = select.value();
            select.set_value(&zone);
            // A browser may know zones that the server does not.
            if select.value().is_empty() {
                select.set_value(&first);
            }
        }
    });
    let options = zones
        .into_iter()
        .map(|of| {
            let selected = of == zone;
            view! { <option value=of selected=selected>{of.clone()}</option> }
        })
        .collect_view();
    Either::Right(view! {
        <select name=name id=field_id(name) node_ref=node aria-describedby=note_id(name)>
            {options}
        </select>
    })
}

/// Asked only when clocks are set back and the local time comes twice.
#[component]
fn WhichOfTwo(which: String, error: Signal<Option<ApiError>>) -> impl IntoView {
    let message = error_of(error, "which");
    let chosen = !which.is_empty();
    part_if(
        move || chosen || message.get().is_some(),
        move || {
            let radio = |value: &'static str, text: &'static str| {
                let id = match value {
                    "earlier" => field_id("which"),
                    _ => format!("which-{value}"),
                };
                view! {
                    <div class="choice">
                        <input
                            type="radio"
                            name="which"
                            value=value
                            id=id.clone()
                            checked=which == value
                        />
                        <label for=id>{text}</label>
                    </div>
                }
            };
            view! {
                <fieldset class="choices" aria-describedby=note_id("which")>
                    <legend>"Clocks are set back that day and this time comes twice"</legend>
                    {radio("earlier", "The first time")}
                    {radio("later", "The second time")}
                    <FieldNote name="which" error/>
                </fieldset>
            }
            .erase()
        },
    )
}
